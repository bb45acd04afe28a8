"""Random search (Bergstra and Bengio, 2012)."""

from sageyard.tuning.ranges import Point
from sageyard.tuning.strategies.base import Strategy


class RandomSearch(Strategy):
    """Every point is drawn anew."""

    def choose(self, number: int, known: list[tuple[Point, float]]) -> Point:
        return self.anywhere()
