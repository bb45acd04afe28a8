"""The drift tests that were asked for, on today's columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..profile import Feature
from .holm import corrected
from .options import Asked
from .samples import pair


def check(
    features: Sequence[Feature], asked: Mapping[str, Sequence[Asked]], statistics: Mapping[str, Mapping[str, Any]]
) -> tuple[list[dict[str, str]], dict[str, dict[str, float]]]:
    """The violations, and for each feature the value of each test: its distance, or its corrected p-value.

    A column that has no values or another type today is left to the checks of completeness and type.
    """
    found: dict[str, list[tuple[str, Asked, float]]] = {}
    for feature in features:
        both = pair(statistics.get(feature.name, {}), feature) if feature.present else None
        for one in asked.get(feature.name, ()) if both else ():
            value = one.test.measure(both) if isinstance(both, one.test.kinds) else None
            if value is not None:
                found.setdefault(one.name, []).append((feature.name, one, value))
    violations: list[dict[str, str]] = []
    values: dict[str, dict[str, float]] = {}
    for test, results in found.items():
        measured = np.array([value for _, _, value in results])
        is_p_value = results[0][1].test.is_p_value
        for (name, one, _), value in zip(results, corrected(measured) if is_p_value else measured, strict=True):
            values.setdefault(name, {})[test] = float(value)
            if value < one.threshold if is_p_value else value > one.threshold:
                description = _description(name, one, float(value), len(results))
                violations.append(
                    {"feature_name": name, "constraint_check_type": f"{test}_check", "description": description}
                )
    return violations, values


def _description(feature: str, one: Asked, value: float, columns: int) -> str:
    title = one.name.replace("_", " ").capitalize()
    if not one.test.is_p_value:
        return f"{title} of feature {feature}: {value} exceeds threshold: {one.threshold}"
    correction = f" (Holm's, over {columns} features)" if columns > 1 else ""
    return f"{title} p-value{correction} of feature {feature}: {value} is below threshold: {one.threshold}"
