"""Distributions of a column as shares over common bins, from the entries of two statistics.json."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sageyard.monitoring.report.facts import Json

BINS = 24
_TAIL = 0.005
"""Share of the values on either side that may lie outside of the bins: a single outlier must not flatten the rest."""

Weighted = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Shares per bin of equal width from `low` to `high`; the first and the last bin have what lies beyond."""

    low: float
    high: float
    before: list[float]
    """Empty without a baseline."""
    now: list[float]
    below: bool
    above: bool
    """Whether there are values beyond."""
    whole: bool = False
    """Whether each bin is a whole number, in its middle."""


def histogram(before: Json, now: Json) -> Histogram | None:
    """None where the column has no numbers now."""
    sides = [_weighted(numbers(before)), _weighted(numbers(now))]
    if not sides[1]:
        return None
    some = [side for side in sides if side]
    low, high = min(_quantile(side, _TAIL) for side in some), max(_quantile(side, 1 - _TAIL) for side in some)
    least, greatest = min(side[0][0] for side in some), max(side[-1][0] for side in some)
    bins, whole = BINS, _integral(before) and _integral(now) and high - low < BINS
    if whole:
        low, high, bins = low - 0.5, high + 0.5, round(high - low) + 1
    elif high == low:
        half = abs(low) / 2 or 0.5
        low, high, bins = low - half, high + half, 3
    shares, today = (_shares(side, low, high, bins) for side in sides)
    return Histogram(low, high, shares, today, below=least < low, above=greatest > high, whole=whole)


def categories(entry: Json) -> dict[str, float]:
    """The share of each listed value of a string column."""
    block = entry.get("string_statistics") or {}
    buckets = block.get("distribution", {}).get("categorical", {}).get("buckets") or []
    total = sum(bucket["count"] for bucket in buckets)
    return {str(bucket["value"]): bucket["count"] / total for bucket in buckets} if total else {}


def numbers(entry: Json) -> dict[str, Any]:
    """The numerical_statistics of a column, empty where it has no values: all of its numbers are then 0."""
    block: dict[str, Any] = entry.get("numerical_statistics") or {}
    return block if block.get("common", {}).get("num_present", 1) else {}


def _integral(entry: Json) -> bool:
    return not entry or entry.get("inferred_type") == "Integral"


def _weighted(block: Json) -> Weighted:
    """Values in ascending order with the rows that each stands for, from the sketch or else from the buckets."""
    kll = block.get("distribution", {}).get("kll") or {}
    levels: Sequence[Sequence[float]] = (kll.get("sketch") or {}).get("data") or []
    found = [(value, float(1 << height)) for height, level in enumerate(levels) for value in level]
    if not found:
        found = [
            (bucket["lower_bound"] + (bucket["upper_bound"] - bucket["lower_bound"]) * (step + 0.5) / 8, weight)
            for bucket in kll.get("buckets") or []
            for step in range(8)
            if (weight := bucket["count"] / 8)
        ]
    return sorted(found)


def _quantile(values: Weighted, share: float) -> float:
    wanted = share * sum(weight for _, weight in values)
    rank = 0.0
    for value, weight in values:
        rank += weight
        if rank > wanted:
            return value
    return values[-1][0]


def _shares(values: Weighted, low: float, high: float, bins: int) -> list[float]:
    if not values:
        return []
    counts = [0.0] * bins
    for value, weight in values:
        place = int((value - low) / (high - low) * bins)
        counts[min(max(place, 0), bins - 1)] += weight
    total = sum(counts)
    return [weight / total for weight in counts]


def steps(shares: Sequence[float]) -> list[tuple[int, float]]:
    """Where a step line over the bins changes: bin and share, without the points in between that change nothing."""
    changes = [(place, now) for place, (before, now) in enumerate(pairwise([-1.0, *shares])) if now != before]
    return [*changes, (len(shares), shares[-1] if shares else 0.0)]
