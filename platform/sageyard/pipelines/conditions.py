"""Conditions of a Condition step, evaluated."""

from typing import Any

from sageyard.pipelines.expressions import ExpressionError

COMPARISONS = {
    "Equals": lambda left, right: left == right,
    "GreaterThan": lambda left, right: left > right,
    "GreaterThanOrEqualTo": lambda left, right: left >= right,
    "LessThan": lambda left, right: left < right,
    "LessThanOrEqualTo": lambda left, right: left <= right,
}


def holds(condition: dict[str, Any]) -> bool:
    """Whether a condition whose values are known holds; raises ExpressionError for one that makes no sense."""
    kind = condition["Type"]
    if kind == "Not":
        return not holds(condition["Condition"])
    if kind == "Or":
        return any(holds(inner) for inner in condition["Conditions"])
    if kind == "And":
        return all(holds(inner) for inner in condition["Conditions"])
    if kind == "In":
        return any(_alike(condition["QueryValue"], value) for value in condition["Values"])
    if kind not in COMPARISONS:
        raise ExpressionError(f"Condition type {kind!r} is not known: use one of {', '.join([*COMPARISONS, *NESTED])}")
    left, right = condition["LeftValue"], condition["RightValue"]
    if kind == "Equals":
        return _alike(left, right)
    numbers = _number(left), _number(right)
    if None in numbers and not (isinstance(left, str) and isinstance(right, str)):
        raise ExpressionError(f"{kind} cannot compare {left!r} with {right!r}: give two numbers or two strings")
    return bool(COMPARISONS[kind](*(numbers if None not in numbers else (left, right))))


NESTED = ("Not", "Or", "And", "In")


def _alike(left: Any, right: Any) -> bool:
    """A number equals its text: parameters and properties may be either."""
    numbers = _number(left), _number(right)
    return bool(numbers[0] == numbers[1]) if None not in numbers else bool(left == right)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
