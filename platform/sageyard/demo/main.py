"""Runs the demo in a terminal: progress while it works, a table at the end, the report as HTML."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sageyard.demo.account import Account, StepFailedError
from sageyard.demo.dataset import CHANGED_UNITS
from sageyard.demo.loop import Loop, Outcome
from sageyard.demo.report import html


def run(report: Path, *, keep: bool = False, runner: str = "process") -> int:
    """Run the loop on a server of its own; 0 if the monitor named exactly the changed columns.

    Leaves nothing but the report; `keep` leaves the state directory, too.
    """
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="sageyard-demo-"))
    started = time.monotonic()
    account = Account(folder, runner)

    @contextmanager
    def step(title: str) -> Iterator[None]:
        begun = time.monotonic()
        with console.status(title):
            yield
        console.print(f"[green]✓[/] {title} [dim]{time.monotonic() - begun:.1f} s[/]")

    try:
        with step("Start Sageyard"):
            account.ready()
        outcome = Loop(account, folder, step).run()
    except StepFailedError as error:
        console.print(f"[red]✗[/] {error}")
        return 1
    finally:
        account.close()
        if keep:
            console.print(f"State is kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    report.write_text(html(outcome), "utf-8")
    console.print(summary(outcome))
    console.print(f"Whole loop: {time.monotonic() - started:.1f} s. Report: {report}")
    return verdict(outcome, console)


def summary(outcome: Outcome) -> Table:
    """The story in one table."""
    table = Table(title="The loop")
    for name in ("hour", "requests", "recall", "precision", "violations"):
        table.add_column(name)
    for hour in outcome.hours:
        found = ", ".join(sorted(hour.violations)) or "none"
        style = "red" if hour.violations else "green"
        table.add_row(hour.title, str(hour.rows), f"{hour.recall:.1%}", f"{hour.precision:.1%}", f"[{style}]{found}[/]")
    return table


def verdict(outcome: Outcome, console: Console) -> int:
    """0 if violations are exactly the changed columns in the second hour, and none before and after."""
    expected = {name.replace(" ", "_") for name in CHANGED_UNITS}
    columns = {name.replace(" ", "_") for name in outcome.columns}
    named = [set(hour.violations) & columns for hour in outcome.hours]
    if named == [set(), expected, set()]:
        console.print(
            f"[green]Of {len(columns)} columns the monitor named exactly the {len(expected)} that changed.[/]"
        )
        return 0
    console.print(f"[red]Expected violations of {sorted(expected)} in hour 2 only, found {named}[/]")
    return 1
