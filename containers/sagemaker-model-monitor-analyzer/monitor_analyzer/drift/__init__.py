"""Drift tests beyond AWS's, which a user asks for by name; DRIFT.md has their properties and sources.

A test is one module of this package with a function `measure` and a `TEST` that says what it is; the module's name is
the test's.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from .samples import Categories, Numbers, Pair

__all__ = ["Categories", "DriftTest", "Numbers", "Pair", "register"]


@dataclass(frozen=True, slots=True)
class DriftTest:
    """`measure` answers None where the two samples are too few for it."""

    measure: Callable[[Any], float | None]
    kinds: tuple[type[Pair], ...]
    """The columns that it is for."""
    threshold: float
    """Where the user names none."""
    most: float = float("inf")
    """Thresholds lie above 0 and are at most this."""
    is_p_value: bool = False
    """A p-value is drift below the threshold, and is corrected for the number of columns; a distance above it."""


@cache
def register() -> dict[str, DriftTest]:
    """Every test by its name."""
    modules = {name: importlib.import_module(f"{__name__}.{name}") for _, name, _ in pkgutil.iter_modules(__path__)}
    return {name: module.TEST for name, module in modules.items() if hasattr(module, "TEST")}
