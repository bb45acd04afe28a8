"""`sageyard clock`: move the server's time forward, so that a schedule need not be waited for."""

from datetime import UTC, datetime
from pathlib import Path

import click

from sageyard.cli.options import resolve_state_dir, server_options
from sageyard.cli.server import call
from sageyard.settings import Settings


@click.group()
def clock() -> None:
    """The server's clock."""


@clock.command()
@click.argument("seconds", type=click.FloatRange(min=0), required=False)
@click.option("--to", "moment", help="A UTC time such as 2026-11-21T09:00:00Z, instead of SECONDS.")
@server_options
def advance(host: str, port: int, state_dir: Path | None, seconds: float | None, moment: str | None) -> None:
    """Move the clock forward by SECONDS."""
    if (seconds is None) == (moment is None):
        raise click.UsageError("say how far the clock moves: either SECONDS or --to TIME.")
    settings = Settings(host=host, port=port, state_dir=resolve_state_dir(state_dir))
    if moment is not None:
        now = float(call(settings, "GET", "/_sageyard/clock")["epoch"])
        seconds = _epoch(moment) - now
        if seconds < 0:
            raise click.ClickException(f"{moment} has passed on the server's clock, which only moves forward.")
    answer = call(settings, "POST", "/_sageyard/clock", {"advance": seconds})
    click.echo(f"The server's time is {answer['now']}")


def _epoch(moment: str) -> float:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError as error:
        raise click.UsageError(f"{moment!r} is no ISO 8601 time; write it as 2026-11-21T09:00:00Z.") from error
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
