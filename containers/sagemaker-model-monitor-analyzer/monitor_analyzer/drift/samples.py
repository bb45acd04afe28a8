"""The two samples that a drift test compares: a column of the baseline, by its statistics, and the column today."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..profile import Feature
from ..sketch import Sketch

BINS = 10


class Pair(ABC):
    """A column before and now. `cells` are the two histograms over bins common to both, none of them empty in both."""

    @abstractmethod
    def cells(self) -> tuple[np.ndarray, np.ndarray]: ...

    def shares(self) -> tuple[np.ndarray, np.ndarray]:
        """`cells` as shares that are never 0, so that logarithms of them exist: half a row is added to each (the
        estimator of Krichevsky and Trofimov 1981)."""
        before, now = self.cells()
        half = 0.5 * len(before)
        return (before + 0.5) / (before.sum() + half), (now + 0.5) / (now.sum() + half)


class Categories(Pair):
    """A column of strings: value -> rows. A value that the baseline does not have is a cell like the others."""

    def __init__(self, before: Mapping[str, float], now: Mapping[str, float]) -> None:
        self.before, self.now = before, now

    def cells(self) -> tuple[np.ndarray, np.ndarray]:
        values = [value for value in {**self.before, **self.now} if self.before.get(value) or self.now.get(value)]
        before, now = (np.array([side.get(value, 0) for value in values], float) for side in (self.before, self.now))
        return before, now


class Numbers(Pair):
    """A column of numbers. `before` and `now` have `count`, `weighted` and `shares_up_to` as Sketch has them; `spread`
    is the baseline's standard deviation."""

    def __init__(self, before: "Sketch | Histogram", now: Sketch, spread: float) -> None:
        self.before, self.now, self.spread = before, now, spread

    def cells(self) -> tuple[np.ndarray, np.ndarray]:
        """Bins between the baseline's deciles. A value that is more than one decile, such as the 0 of a column with
        many zeros, is a bin of its own."""
        cuts = self.before.cuts() if isinstance(self.before, Histogram) else _deciles(self.before)
        before, now = (
            np.diff(np.concatenate([[0.0], side.shares_up_to(cuts), [1.0]])) * side.count
            for side in (self.before, self.now)
        )
        some = (before > 0) | (now > 0)
        return before[some], now[some]


class Histogram:
    """The buckets of a baseline that has no sketch; between their edges values count as evenly spread."""

    def __init__(self, buckets: list[Mapping[str, float]]) -> None:
        self._edges = np.array([buckets[0]["lower_bound"], *(bucket["upper_bound"] for bucket in buckets)], float)
        self._ranks = np.concatenate([[0.0], np.cumsum([bucket["count"] for bucket in buckets])])
        self.count = float(self._ranks[-1])

    def cuts(self) -> np.ndarray:
        return np.unique(self._edges[1:-1])

    def weighted(self) -> tuple[np.ndarray, np.ndarray]:
        return self._edges, np.diff(self._ranks, prepend=0.0)

    def shares_up_to(self, points: np.ndarray) -> np.ndarray:
        return np.interp(points, self._edges, self._ranks) / self.count


def distribution(statistics: Mapping[str, Any]) -> Sketch | Histogram | dict[str, float] | None:
    """How the values of an entry of statistics.json are distributed, if it says so."""
    if numbers := statistics.get("numerical_statistics"):
        kll = numbers.get("distribution", {}).get("kll") or {}
        data = (kll.get("sketch") or {}).get("data") or []
        if any(data):
            return Sketch(data)
        return Histogram(kll["buckets"]) if kll.get("buckets") else None
    categorical = (statistics.get("string_statistics") or {}).get("distribution", {}).get("categorical", {})
    return {bucket["value"]: float(bucket["count"]) for bucket in categorical.get("buckets") or []} or None


def pair(statistics: Mapping[str, Any], feature: Feature) -> Pair | None:
    """The feature with its entry of the baseline's statistics.json; None if the two have no distributions of a kind."""
    before = distribution(statistics)
    if isinstance(before, dict):
        return Categories(before, feature.categories) if feature.categories else None
    if before is None or not feature.numeric:
        return None
    return Numbers(before, feature.sketch, float(statistics["numerical_statistics"]["std_dev"]))


def _deciles(sketch: Sketch) -> np.ndarray:
    values, weights = sketch.weighted()
    ranks = np.cumsum(weights)
    wanted = np.arange(1, BINS) / BINS * ranks[-1]
    deciles, times = np.unique(values[np.searchsorted(ranks, wanted)], return_counts=True)
    return np.unique(np.concatenate([deciles, np.nextafter(deciles[times > 1], -np.inf)]))
