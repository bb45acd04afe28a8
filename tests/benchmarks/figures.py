"""What a benchmark reports: figures, each beside a peer or the bare work of the same run, and its goal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Scale:
    """How much to measure: `quick` for a look, `full` for everything."""

    quick: bool = False
    full: bool = False

    def of(self, quick: int, otherwise: int) -> int:
        """A count, by scale."""
        return quick if self.quick else otherwise


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table. `beside` is the peer or the bare work, `met` whether the goal is; None without a goal."""

    name: str
    measured: str
    beside: str = ""
    ratio: str = ""
    goal: str = ""
    met: bool | None = None


def at_most(name: str, value: float, goal: float, unit: str, beside: str = "", ratio: str = "") -> Figure:
    """A figure that should be small."""
    return Figure(name, f"{value:,.3g} {unit}", beside, ratio, f"≤ {goal:g} {unit}", value <= goal)


def times(name: str, ours: float, theirs: float, unit: str, goal: float | None = None) -> Figure:
    """A rate and its ratio to the peer's, which should be large."""
    met = None if goal is None else ours / theirs >= goal
    shown = "" if goal is None else f"≥ {goal:g} x"
    return Figure(name, f"{ours:,.0f} {unit}", f"{theirs:,.0f} {unit}", f"{ours / theirs:.2f} x", shown, met)


def show(console: Console, title: str, beside: str, figures: Sequence[Figure], note: str = "") -> None:
    """Print one topic."""
    table = Table(title=title, title_justify="left", title_style="bold", caption=note or None, caption_justify="left")
    table.add_column("")
    for heading in ("Sageyard", beside, "ratio", "goal"):
        table.add_column(heading, justify="right")
    table.add_column("met")
    for figure in figures:
        met = {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[figure.met]
        table.add_row(figure.name, figure.measured, figure.beside, figure.ratio, figure.goal, met)
    console.print(table)
    console.print()
