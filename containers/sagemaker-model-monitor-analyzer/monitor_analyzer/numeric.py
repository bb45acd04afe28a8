"""A numeric column, summed up portion by portion: memory does not grow with the rows.

Its buckets need the least and the greatest value of all portions, so the sorted values of each wait in a scratch file;
in the end a binary search per bucket and portion counts them.
"""

from pathlib import Path

import numpy as np

from .sketch import Sketch


class Numeric:
    """Finite values, their moments and their sketch. `file` is where the sorted portions wait."""

    def __init__(self, file: Path) -> None:
        self.present = self.fractional = 0
        self.infinite = False
        self.mean = self.sum = self.squares = 0.0
        self.min, self.max = np.inf, -np.inf
        self.sketch = Sketch()
        self._file = file
        self._lengths: list[int] = []

    def add(self, values: np.ndarray) -> None:
        """Take in a portion, float64, whose not-a-numbers are missing values; its order is lost."""
        values.sort()
        first, last = np.searchsorted(values, -np.inf, side="right"), np.searchsorted(values, np.inf, side="left")
        self.infinite |= bool(first > 0 or (last < len(values) and np.isinf(values[last])))
        values = values[first:last]
        if len(values) == 0:
            return
        total, added = self.present + len(values), float(values.sum())
        mean = added / len(values)
        step = mean - self.mean
        room = values - mean
        # a sum of squares, and no product of vectors: the threads of BLAS wait for one another at the cost of a core
        squares = float(np.square(room, out=room).sum())
        # deviations of two parts put together (Chan, Golub, LeVeque 1979): one pass without losing digits
        self.squares += squares + step * step * self.present * len(values) / total
        self.mean += step * len(values) / total
        self.sum += added
        self.fractional += int(np.count_nonzero(values != np.trunc(values, out=room)))
        self.present = total
        self.min, self.max = min(self.min, float(values[0])), max(self.max, float(values[-1]))
        self.sketch.add(values)
        with self._file.open("ab") as file:
            values.tofile(file)
        self._lengths.append(len(values))

    def counts_between(self, edges: np.ndarray) -> np.ndarray:
        """How many values lie between each two edges that follow one another; the last edge counts as inside."""
        counts = np.zeros(len(edges) - 1, dtype=np.int64)
        start = 0
        for length in self._lengths:
            values = np.memmap(self._file, dtype=np.float64, mode="r", offset=start * 8, shape=(length,))
            inner = np.searchsorted(values, edges[1:-1], side="left")
            counts += np.diff(np.concatenate([[0], inner, [length]]))
            start += length
        return counts
