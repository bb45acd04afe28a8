"""Numbers as people read them: four digits that count, thousands apart."""

import math
import re
from typing import Any

NOTHING = "–"
_LONG = re.compile(r"(?<![\w.])-?\d+\.\d{5,}(?:e[-+]?\d+)?(?![\w.])")


def figure(value: Any) -> str:
    """`12,345`, `0.1235`, `1.2e-07`; a dash for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e15 or size < 1e-4:
        return f"{value:.3g}"
    if float(value).is_integer():
        return f"{value:,.0f}"
    decimals = max(0, 3 - math.floor(math.log10(size)))
    written = f"{value:,.{decimals}f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def percent(share: float | None) -> str:
    """`12.3%`; what is not quite nothing or everything does not look so."""
    if share is None or not math.isfinite(share):
        return NOTHING
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{100 * share:.1f}%".replace(".0%", "%")


def count(number: int, noun: str) -> str:
    """`1 column`, `2 columns`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def readable(description: str) -> str:
    """A description with its long numbers as figures."""
    return _LONG.sub(lambda found: figure(float(found[0])), description)
