"""`sageyard demo`: the whole loop on real data, in about a minute."""

from pathlib import Path

import click

from sageyard.cli.options import runner_option


@click.command()
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), default=Path("report.html"), show_default=True,
    help="Where the HTML report goes.",
)  # fmt: skip
@click.option("--keep", is_flag=True, help="Keep the demo's state directory.")
@runner_option
def demo(report: Path, keep: bool, runner: str) -> None:
    """Train, deploy, capture, find drift, retrain: on a server of its own that is gone afterwards."""
    from sageyard.demo.main import run

    raise SystemExit(run(report, keep=keep, runner=runner))
