"""What a search expression means: whether a document satisfies it (API reference: SearchExpression, Filter)."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from sageyard.errors import ValidationError
from sageyard.resources.spec import Document

ORDER: dict[str, Callable[[float, float], bool]] = {
    "GreaterThan": lambda value, limit: value > limit,
    "GreaterThanOrEqualTo": lambda value, limit: value >= limit,
    "LessThan": lambda value, limit: value < limit,
    "LessThanOrEqualTo": lambda value, limit: value <= limit,
}


def operator_of(one: Document) -> str:
    """A filter with a Value and no Operator asks whether they are equal."""
    return str(one.get("Operator", "Equals" if "Value" in one else "Exists"))


def filters(expression: Document) -> Iterator[Document]:
    """Every filter of an expression and of what it is made of."""
    yield from expression.get("Filters", ())
    for nested in expression.get("NestedFilters", ()):
        yield from nested["Filters"]
    for part in expression.get("SubExpressions", ()):
        yield from filters(part)


def check(expression: Document) -> None:
    """Refuse filters that lack the Value, or the kind of Value, that their Operator needs."""
    for one in filters(expression):
        operator, value = operator_of(one), one.get("Value")
        if operator in {"Exists", "NotExists"}:
            continue
        if value is None:
            raise ValidationError(f"The filter on {one['Name']!r} needs a Value for its Operator {operator}.")
        if operator in ORDER and as_number(value) is None:
            raise ValidationError(
                f"Value {value!r} of the filter on {one['Name']!r} is neither a number nor a date-time such as "
                f"2026-01-31T12:00:00, which the Operator {operator} needs."
            )


def matches(document: Document, expression: Document) -> bool:
    """Whether a document satisfies filters, nested filters and sub-expressions, joined by the Operator."""
    joined = any if expression.get("Operator") == "Or" else all
    answers = [
        *(_satisfies(document, one) for one in expression.get("Filters", [])),
        *(_nested(document, one) for one in expression.get("NestedFilters", [])),
        *(matches(document, one) for one in expression.get("SubExpressions", [])),
    ]
    return joined(answers) if answers else True


def property_values(value: Any, path: str) -> list[Any]:
    """All values at a dotted path: lists are looked into, `Tags.<key>` and `Metrics.<name>` by key, and a parameter's
    StringValue or NumberValue is its value. A training job's metrics are in its FinalMetricDataList."""
    if isinstance(value, list):
        return [found for item in value for found in property_values(item, path)]
    if not isinstance(value, dict):
        return []
    if path in value:  # names of parameters and metrics may have dots
        inner = value[path]
        if isinstance(inner, dict) and inner.keys() <= {"StringValue", "NumberValue"}:
            inner = next(iter(inner.values()), None)
        return inner if isinstance(inner, list) else [inner]
    step, _, rest = path.partition(".")
    if step == "Metrics" and step not in value:
        step = "FinalMetricDataList"
    if not rest or step not in value:
        return []
    inner = value[step]
    if step == "Tags":
        return [tag["Value"] for tag in inner if tag["Key"] == rest]
    if step in {"Metrics", "FinalMetricDataList"}:
        return [metric.get("Value", metric.get("Last")) for metric in inner if metric.get("MetricName") == rest]
    return property_values(inner, rest)


def sort_key(document: Document, name: str) -> tuple[Any, ...]:
    """Numbers before texts; empty where the document has no such property."""
    values = [value for value in property_values(document, name) if isinstance(value, str | int | float)]
    if not values:
        return ()
    number = as_number(values[0])
    return (0, number) if number is not None else (1, values[0])


def as_number(value: Any) -> float | None:
    """A number, a decimal in a string, or an ISO 8601 date-time as epoch seconds."""
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def folded(text: str) -> str:
    """Small letters for the capitals of ASCII, as SQLite's `lower` has it."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _nested(document: Document, nested: Document) -> bool:
    """One item of the list must satisfy all filters, whose names may begin with the list's own."""
    prefix = nested["NestedPropertyName"] + "."
    own = [one | {"Name": one["Name"].removeprefix(prefix)} for one in nested["Filters"]]
    items = property_values(document, nested["NestedPropertyName"])
    return any(all(_satisfies(item, one) for one in own) for item in items if isinstance(item, dict))


def _satisfies(document: Document, one: Document) -> bool:
    values = property_values(document, one["Name"])
    operator, wanted = operator_of(one), one.get("Value")
    if operator in {"Exists", "NotExists"}:
        return bool(values) if operator == "Exists" else not values
    assert wanted is not None  # `check` saw to it
    if operator in {"Equals", "NotEquals"}:
        found = any(_equal(value, wanted) for value in values)
        return found if operator == "Equals" else not found
    if operator == "Contains":
        return any(folded(wanted) in folded(value) for value in values if isinstance(value, str))
    if operator == "In":
        choices = choices_of(wanted)
        return any(_equal(value, choice) for value in values for choice in choices)
    limit = as_number(wanted)
    assert limit is not None
    return any(ORDER[operator](number, limit) for value in values if (number := as_number(value)) is not None)


def choices_of(wanted: str) -> list[str]:
    """The texts of an In filter."""
    return [choice.strip() for choice in wanted.split(",")]


def _equal(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return str(value).lower() == wanted.lower()
    if isinstance(value, int | float):
        return bool(value == as_number(wanted))
    return bool(value == wanted)
