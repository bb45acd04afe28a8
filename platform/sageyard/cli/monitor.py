"""`sageyard monitor`: what monitoring schedules have found."""

from pathlib import Path
from urllib.parse import quote

import click

from sageyard.cli.options import region_option, resolve_state_dir, server_options
from sageyard.cli.server import locate, not_running
from sageyard.settings import Settings


@click.group()
def monitor() -> None:
    """Monitoring schedules of the running server."""


@monitor.command()
@click.argument("schedule")
@click.argument("execution", default="latest")
@region_option
@server_options
def report(schedule: str, execution: str, region: str, host: str, port: int, state_dir: Path | None) -> None:
    """Write the report of an EXECUTION of SCHEDULE, the latest if none is named, as one HTML file.

    sageyard monitor report my-schedule > report.html
    """
    import urllib.error
    import urllib.request

    settings = Settings(host=host, port=port, state_dir=resolve_state_dir(state_dir))
    path = f"/_sageyard/monitoring/{quote(schedule, safe='')}/{quote(execution, safe='')}?region={quote(region)}"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy does not know this loopback
    try:
        with direct.open(locate(settings) + path, timeout=60) as answer:
            click.echo(answer.read(), nl=False)
    except urllib.error.HTTPError as error:
        raise click.ClickException(error.read().decode().strip()) from error
    except OSError as error:
        raise not_running(settings) from error
