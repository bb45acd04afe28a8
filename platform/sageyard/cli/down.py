"""`sageyard down`: stop the server of a state directory."""

import os
import signal
import time
from pathlib import Path

import click

from sageyard.cli.options import resolve_state_dir, server_options
from sageyard.cli.server import find_running, is_alive, remove_record
from sageyard.settings import Settings

STOP_SECONDS = 60.0


@click.command()
@server_options
def down(host: str, port: int, state_dir: Path | None) -> None:
    """Stop the server; what it keeps stays, and is there again after `up`."""
    settings = Settings(host=host, port=port, state_dir=resolve_state_dir(state_dir))
    if (server := find_running(settings)) is None:
        click.echo(f"No Sageyard runs with state directory {settings.state_dir}")
        return
    os.kill(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while is_alive(server.pid):
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"the server (pid {server.pid}) is still stopping after {STOP_SECONDS:.0f} s. Wait for its jobs, or "
                f"end it with `kill -9 {server.pid}`: what it has acknowledged is on disk."
            )
        time.sleep(0.05)
    remove_record(settings.state_dir, server.pid)
    click.echo(f"Sageyard at {server.url} (pid {server.pid}) has stopped")
