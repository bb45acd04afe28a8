"""`sageyard env` and `sageyard run`: point a shell, or one command, at the server."""

import os
from collections.abc import Callable
from pathlib import Path

import click

from sageyard.cli.options import region_option, resolve_state_dir, server_options
from sageyard.cli.server import listens, locate
from sageyard.environment import client_environment
from sageyard.settings import Settings


def _posix(name: str, value: str) -> str:
    return f"export {name}='" + value.replace("'", "'\"'\"'") + "'"


def _fish(name: str, value: str) -> str:
    return f"set -gx {name} '" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _powershell(name: str, value: str) -> str:
    return f"$env:{name} = '" + value.replace("'", "''") + "'"


SHELLS: dict[str, Callable[[str, str], str]] = {"bash": _posix, "fish": _fish, "powershell": _powershell}


def _environment(host: str, port: int, state_dir: Path | None, region: str) -> dict[str, str]:
    """The client variables for the server of a state directory; a warning where none answers."""
    settings = Settings(host=host, port=port, state_dir=resolve_state_dir(state_dir), region=region)
    url = locate(settings)
    if not listens(url):
        click.echo(f"sageyard: nothing answers at {url} yet; start it with `sageyard up --detach`", err=True)
    return client_environment(url, region, settings.state_dir, base=os.environ)


@click.command()
@server_options
@region_option
@click.option(
    "--shell", type=click.Choice(list(SHELLS)), default="bash", show_default=True, help="bash: any POSIX one."
)
def env(host: str, port: int, state_dir: Path | None, region: str, shell: str) -> None:
    """Print what points a shell's AWS clients at the server: eval "$(sageyard env)"."""
    for name, value in _environment(host, port, state_dir, region).items():
        click.echo(SHELLS[shell](name, value))


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@server_options
@region_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(host: str, port: int, state_dir: Path | None, region: str, command: tuple[str, ...]) -> None:
    """Run one command with its AWS clients pointed at the server: sageyard run -- python train.py"""
    environment = {**os.environ, **_environment(host, port, state_dir, region)}
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 - the user's own command, in this process's place
    except FileNotFoundError as error:
        raise click.ClickException(f"there is no command {command[0]!r} on the PATH.") from error
    except OSError as error:
        raise click.ClickException(f"{command[0]!r} cannot be executed: {error.strerror}.") from error
