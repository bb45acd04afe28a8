"""Parameter ranges of a tuning job, as points of the unit interval (API reference: ParameterRanges)."""

import math
from dataclasses import dataclass

from sageyard.errors import ValidationError
from sageyard.resources.spec import Document

Point = dict[str, float]
"""By parameter name, where in its range: 0 to 1; of a categorical one, the index of the value."""


@dataclass(frozen=True, slots=True)
class Range:
    """One parameter. `choices` are a categorical one's values; else `low` to `high`, whole numbers if `integer`."""

    name: str
    low: float = 0.0
    high: float = 0.0
    integer: bool = False
    scaling: str = "Auto"
    choices: tuple[str, ...] = ()

    def value(self, place: float) -> str:
        """The hyperparameter at a place, as the text that training jobs get."""
        if self.choices:
            return self.choices[int(place)]
        if self.scaling == "Logarithmic":
            found = math.exp(math.log(self.low) + place * (math.log(self.high) - math.log(self.low)))
        elif self.scaling == "ReverseLogarithmic":
            found = 1 - math.exp(math.log(1 - self.low) + place * (math.log(1 - self.high) - math.log(1 - self.low)))
        else:
            found = self.low + place * (self.high - self.low)
        if self.integer:
            return str(round(found))
        return repr(min(max(found, self.low), self.high))

    def place(self, value: str | None) -> float | None:
        """Where a hyperparameter lies in the range; None where it does not."""
        if self.choices:
            return float(self.choices.index(value)) if value in self.choices else None
        try:
            number = float(value or "")
        except ValueError:
            return None
        if not self.low <= number <= self.high:
            return None
        if self.low == self.high:
            return 0.0
        if self.scaling == "Logarithmic":
            return math.log(number / self.low) / math.log(self.high / self.low)
        if self.scaling == "ReverseLogarithmic":
            return math.log((1 - number) / (1 - self.low)) / math.log((1 - self.high) / (1 - self.low))
        return (number - self.low) / (self.high - self.low)


def read_ranges(ranges: Document) -> list[Range]:
    """All ranges; raises ValidationError for one that is empty or cannot be scaled as asked for."""
    found = [
        _numeric(one, integer)
        for member, integer in (("IntegerParameterRanges", True), ("ContinuousParameterRanges", False))
        for one in ranges.get(member, [])
    ]
    found += [Range(one["Name"], choices=tuple(one["Values"])) for one in ranges.get("CategoricalParameterRanges", [])]
    for one in ranges.get("AutoParameters", []):
        raise ValidationError(f"AutoParameters has {one['Name']!r}: Sageyard finds no ranges by itself, so give one.")
    names = [one.name for one in found]
    if double := [name for name in names if names.count(name) > 1]:
        raise ValidationError(f"ParameterRanges has {double[0]!r} more than once: give each hyperparameter one range.")
    return found


def _numeric(one: Document, integer: bool) -> Range:
    name = one["Name"]
    try:
        low, high = float(one["MinValue"]), float(one["MaxValue"])
    except ValueError:
        raise ValidationError(f"MinValue and MaxValue of {name!r} must be numbers.") from None
    scaling = one.get("ScalingType", "Auto")
    if low > high:
        raise ValidationError(f"MinValue {one['MinValue']} of {name!r} is greater than its MaxValue {one['MaxValue']}.")
    if scaling == "Logarithmic" and low <= 0:
        raise ValidationError(f"MinValue of {name!r} must be greater than 0 for ScalingType Logarithmic.")
    if scaling == "ReverseLogarithmic" and not 0 <= low <= high < 1:
        raise ValidationError(f"ScalingType ReverseLogarithmic needs 0 <= MinValue <= MaxValue < 1 of {name!r}.")
    return Range(name, low, high, integer, scaling)
