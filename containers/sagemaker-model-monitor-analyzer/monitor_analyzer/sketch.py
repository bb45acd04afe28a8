"""A quantile sketch in the form of a KLL sketch: levels of values, each value at level h standing for 2**h rows.

Karnin, Lang, Liberty, "Optimal quantile approximation in streams" (2016), the summary that Deequ keeps per numeric
column. Here compaction is deterministic: a level that is too long is sorted and every other value moves up a level,
the odd and the even ones by turns. Up to 2,048 values the sketch is the data itself, so distances are exact; beyond,
the rank error stays below 0.2% of the rows.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

SIZE = 2048
SHRINKING_FACTOR = 0.64


class Sketch:
    """At most SIZE values of a numeric column, with their weights."""

    def __init__(self, levels: Sequence[np.ndarray] = ()) -> None:
        self._levels = [np.asarray(level, dtype=np.float64) for level in levels] or [np.empty(0)]
        self._odd = False

    @property
    def count(self) -> int:
        """Rows that the sketch stands for."""
        return sum(len(level) << height for height, level in enumerate(self._levels))

    def add(self, values: np.ndarray) -> None:
        """Take in a chunk of values (finite numbers, any order)."""
        self._levels[0] = np.concatenate([self._levels[0], values])
        while sum(map(len, self._levels)) > SIZE:
            self._compact(next(h for h, level in enumerate(self._levels) if len(level) > 1))

    def weighted(self) -> tuple[np.ndarray, np.ndarray]:
        """The values in ascending order and the number of rows each stands for."""
        values = np.concatenate(self._levels)
        weights = np.concatenate([np.full(len(level), 1 << height) for height, level in enumerate(self._levels)])
        order = np.argsort(values, kind="stable")
        return values[order], weights[order]

    def shares_up_to(self, points: np.ndarray) -> np.ndarray:
        """The distribution function: which share of the rows is at most each of the points."""
        values, weights = self.weighted()
        ranks = np.concatenate([[0], np.cumsum(weights)])
        return ranks[np.searchsorted(values, points, side="right")] / self.count

    def to_json(self) -> dict[str, Any]:
        return {
            "parameters": {"c": SHRINKING_FACTOR, "k": float(SIZE)},
            "data": [np.sort(level).tolist() for level in self._levels],
        }

    def _compact(self, height: int) -> None:
        level = np.sort(self._levels[height], kind="stable")  # levels are sorted runs, which this merges
        pairs = len(level) - len(level) % 2
        self._levels[height] = level[pairs:]
        if height + 1 == len(self._levels):
            self._levels.append(np.empty(0))
        self._levels[height + 1] = np.concatenate([self._levels[height + 1], level[int(self._odd) : pairs : 2]])
        self._odd = not self._odd
