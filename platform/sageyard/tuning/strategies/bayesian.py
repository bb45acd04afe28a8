"""Bayesian optimisation by tree-structured Parzen estimators (Bergstra, Bardenet, Bengio and Kégl, 2011).

AWS models the objective by a Gaussian process; the estimators here need no linear algebra and meet the same end: points
like the best ones so far, and unlike the rest, are tried next.
"""

import math
from statistics import pstdev

from sageyard.tuning.ranges import Point, Range
from sageyard.tuning.strategies.base import Strategy

FIRST_DRAWN = 8
"""Points drawn at random before anything is modelled."""
GOOD_SHARE = 0.15
CANDIDATES = 24
WIDTH = 1.5
"""Kernels of the good points are this much wider than Silverman's rule, so that their surroundings are tried."""
NARROWEST = 0.02
"""Least width of a kernel: a share of the range."""
DRAWN_SHARE = 0.1
"""Of later places, so many are drawn at random still."""


class Bayesian(Strategy):
    """Each parameter by itself, good points against the others."""

    def choose(self, number: int, known: list[tuple[Point, float]]) -> Point:
        if len(known) < FIRST_DRAWN:
            return self.anywhere()
        ranked = [point for point, _ in sorted(known, key=lambda entry: entry[1])]
        count = max(3, math.ceil(GOOD_SHARE * len(ranked)))
        good, rest = ranked[:count], ranked[count:]
        return {one.name: self._place(one, good, rest) for one in self.ranges}

    def _place(self, one: Range, good: list[Point], rest: list[Point]) -> float:
        near, far = [point[one.name] for point in good], [point[one.name] for point in rest]
        if one.choices:
            weights = [0.5 + near.count(index) for index in range(len(one.choices))]
            return float(self.random.choices(range(len(one.choices)), weights)[0])
        if self.random.random() < DRAWN_SHARE:
            return self.random.random()
        inner, outer = WIDTH * _silverman(near), _silverman(far)
        drawn = [self._around(self.random.choice(near), inner) for _ in range(CANDIDATES)]
        return max(drawn, key=lambda place: _density(place, near, inner) / _density(place, far, outer))

    def _around(self, place: float, width: float) -> float:
        return min(max(self.random.gauss(place, width), 0.0), 1.0)


def _silverman(places: list[float]) -> float:
    """A kernel's width by Silverman's rule (1986)."""
    spread: float = pstdev(places)
    return max(NARROWEST, 1.06 * spread * math.pow(len(places), -0.2))


def _density(place: float, centres: list[float], width: float) -> float:
    """A mixture of normal densities around the centres, and a uniform one for what nobody has seen."""
    kernels = sum(math.exp(-0.5 * ((place - centre) / width) ** 2) / width for centre in centres)
    return (1.0 + kernels) / (1.0 + len(centres))
