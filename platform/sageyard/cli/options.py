"""The options that name a server, shared by the commands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sageyard.settings import DEFAULT_HOST, DEFAULT_PORT, DEFAULT_REGION, default_state_dir

Command = Callable[..., Any]


def server_options(command: Command) -> Command:
    """`--host`, `--port` and `--state-dir`. A running server is found by its state directory, whatever its port."""
    for option in (
        click.option("--state-dir", type=click.Path(path_type=Path), help="Where everything is kept."),
        click.option("--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True),
        click.option("--host", default=DEFAULT_HOST, show_default=True),
    ):
        command = option(command)
    return command


def runner_option(command: Command) -> Command:
    """`--runner`: processes of this machine, or containers of the Docker Engine."""
    return click.option(
        "--runner",
        type=click.Choice(["process", "docker"]),
        default="process",
        show_default=True,
        help="What jobs and endpoints run in; images for docker come from `sageyard images build`.",
    )(command)


def region_option(command: Command) -> Command:
    """`--region`, the AWS region that clients are told to use."""
    return click.option("--region", default=DEFAULT_REGION, show_default=True)(command)


def resolve_state_dir(given: Path | None) -> Path:
    """The absolute state directory: as given, else the default of `sageyard.settings`."""
    return (given or default_state_dir()).expanduser().resolve()
