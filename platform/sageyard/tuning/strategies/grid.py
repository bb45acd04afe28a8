"""Grid search: every combination of categorical values once."""

import math

from sageyard.errors import ValidationError
from sageyard.tuning.ranges import Point
from sageyard.tuning.strategies.base import Strategy


class Grid(Strategy):
    """Only categorical parameters can be combined, as on AWS."""

    @property
    def size(self) -> int:
        if numeric := [one.name for one in self.ranges if not one.choices]:
            raise ValidationError(
                f"Strategy Grid takes only categorical parameters, and {numeric[0]!r} is none: list its values in "
                "CategoricalParameterRanges, or use Random or Bayesian."
            )
        return math.prod(len(one.choices) for one in self.ranges)

    def choose(self, number: int, known: list[tuple[Point, float]]) -> Point:
        point: Point = {}
        for one in self.ranges:
            number, index = divmod(number, len(one.choices))
            point[one.name] = float(index)
        return point
