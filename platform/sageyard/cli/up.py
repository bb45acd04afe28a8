"""`sageyard up`: start the server, in the foreground or detached."""

import errno
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import click

from sageyard import __version__
from sageyard.cli.options import resolve_state_dir, runner_option, server_options
from sageyard.cli.server import ServerRecord, find_running, health, listens, log_path, remove_record, write_record
from sageyard.settings import Settings

START_SECONDS = 60.0


@click.command()
@server_options
@runner_option
@click.option(
    "--quota",
    "quotas",
    multiple=True,
    metavar="NAME=LIMIT",
    callback=lambda context, parameter, values: dict(_quota(value) for value in values),
    help="Refuse more than LIMIT of a resource type ('Endpoint=2') or of a job's instances "
    "('ml.m5.xlarge for training job usage=4'), as AWS's service quotas do. May be given several times.",
)
@click.option(
    "--unpack-limit",
    type=click.IntRange(min=1),
    metavar="BYTES",
    envvar="SAGEYARD_UNPACK_LIMIT",
    help="Refuse a model archive or Gzip channel that unpacks to more, rather than to 2 GiB and 50 times its size.",
)
@click.option("--detach", is_flag=True, help="Return once the server answers; it keeps running.")
def up(
    host: str,
    port: int,
    state_dir: Path | None,
    runner: str,
    quotas: dict[str, int],
    unpack_limit: int | None,
    detach: bool,
) -> None:
    """Start the server."""
    settings = Settings(
        host=host,
        port=port,
        state_dir=resolve_state_dir(state_dir),
        runner=runner,
        quotas=quotas,
        unpack_limit=unpack_limit,
    )
    if (running := find_running(settings)) is not None:
        click.echo(f"Sageyard already runs at {running.url} (pid {running.pid})")
        if running.url != settings.endpoint_url:
            raise click.ClickException(
                f"a state directory has one server: `sageyard down` first, or give the one at "
                f"{settings.endpoint_url} a --state-dir of its own (this one is {settings.state_dir})."
            )
        return
    _check_address(settings)
    if detach:
        _start_detached(settings)
    else:
        _serve(settings)


def _quota(text: str) -> tuple[str, int]:
    name, _, limit = text.rpartition("=")
    if not name or not limit.isdecimal():
        raise click.BadParameter(f"{text!r} is no quota: give a name and a number, as in --quota Endpoint=2.")
    return name, int(limit)


def _check_address(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                other = health(settings.endpoint_url)
                owner = f"a Sageyard with state directory {other.get('state_dir')}" if other else "another program"
                raise click.ClickException(
                    f"port {settings.port} is taken by {owner}: choose another one with --port."
                ) from error
            raise click.ClickException(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror}. Choose an address of this "
                "machine with --host and a port above 1023 with --port."
            ) from error


def _serve(settings: Settings) -> None:
    from sageyard.app import serve
    from sageyard.runners.base import StartError

    write_record(settings.state_dir, ServerRecord(os.getpid(), settings.endpoint_url))
    click.echo(f"Sageyard {__version__} at {settings.endpoint_url}, state in {settings.state_dir}; Ctrl-C stops it")
    try:
        serve(settings)
    except StartError as error:
        raise click.ClickException(str(error)) from error
    finally:
        remove_record(settings.state_dir, os.getpid())


def _start_detached(settings: Settings) -> None:
    command = [sys.executable, "-m", "sageyard", "up", "--host", settings.host, "--port", str(settings.port)]
    command += ["--state-dir", str(settings.state_dir), "--runner", settings.runner]
    command += [word for name, limit in settings.quotas.items() for word in ("--quota", f"{name}={limit}")]
    command += ["--unpack-limit", str(settings.unpack_limit)] if settings.unpack_limit is not None else []
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    log = log_path(settings.state_dir)
    with log.open("ab") as output:
        start = output.tell()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if listens(settings.endpoint_url) and (health(settings.endpoint_url) or {}).get("pid") == process.pid:
            click.echo(f"Sageyard {__version__} at {settings.endpoint_url} (pid {process.pid}, output in {log})")
            click.echo('Point this shell at it: eval "$(sageyard env)"')
            return
        time.sleep(0.02)
    process.kill()
    process.wait()
    remove_record(settings.state_dir, process.pid)
    said = "\n".join(log.read_bytes()[start:].decode(errors="replace").splitlines()[-20:])
    raise click.ClickException(
        f"the server did not come up (exit status {process.returncode}). `sageyard doctor` looks for the reason. "
        f"Its last words, from {log}:\n{said}"
    )
