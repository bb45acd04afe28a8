"""`sageyard reset`: an empty account again."""

from pathlib import Path

import click

from sageyard.cli.options import resolve_state_dir, server_options
from sageyard.cli.server import call, locate
from sageyard.settings import Settings


@click.command()
@server_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(host: str, port: int, state_dir: Path | None, yes: bool) -> None:
    """Stop all work and delete every resource, object and log of the server."""
    settings = Settings(host=host, port=port, state_dir=resolve_state_dir(state_dir))
    url = locate(settings)
    if not yes:
        click.confirm(f"Delete every resource, object and log of the Sageyard at {url}?", abort=True)
    call(settings, "POST", "/_sageyard/reset")
    click.echo(f"The Sageyard at {url} is empty")
