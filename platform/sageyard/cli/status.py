"""`sageyard status`: where the server is and what it holds."""

from datetime import timedelta
from pathlib import Path

import click

from sageyard.cli.options import resolve_state_dir, server_options
from sageyard.cli.server import call, locate
from sageyard.settings import Settings


@click.command()
@server_options
def status(host: str, port: int, state_dir: Path | None) -> None:
    """Show the server and how many resources it has; exit status 1 where none runs."""
    settings = Settings(host=host, port=port, state_dir=resolve_state_dir(state_dir))
    answer = call(settings, "GET", "/_sageyard/health")
    up_for = timedelta(seconds=int(answer["uptime"]))
    click.echo(f"Sageyard {answer['version']} at {locate(settings)}, up for {up_for}, pid {answer['pid']}")
    click.echo(f"State directory {answer['state_dir']}")
    resources: dict[str, dict[str, int]] = answer["resources"]
    if not resources:
        click.echo("No resources yet")
        return

    from rich.console import Console
    from rich.table import Table

    table = Table("Resource", "Status", "Count", box=None, pad_edge=False)
    for kind, counts in sorted(resources.items()):
        for state, count in sorted(counts.items()):
            table.add_row(kind, state, str(count))
    Console().print(table)
