"""The six checks of a data quality monitor (model-monitor-interpreting-violations), and the drift tests asked for.

The sentences of data_type_check, baseline_drift_check and the end of the column checks are AWS's, so that scripts which
parse them keep working; the others follow their form.
"""

import math
from collections.abc import Sequence
from typing import Any

from .constraints import Baseline, enabled
from .distances import category_distance, chi_squared_p_value, numeric_distance
from .drift.checks import check
from .profile import Feature

COMPLETENESS_DEVIATIONS = 3.0
_EPSILON = 1e-9
_NAMED = 5
Drift = dict[str, dict[str, float]]
"""Feature -> test -> value; `baseline_drift` is AWS's distance."""


def evaluate(features: Sequence[Feature], baseline: Baseline) -> tuple[list[dict[str, str]], Drift]:
    """Judge today's features: the violations, and the drift of each feature that was compared."""
    violations = _columns(features, baseline) if enabled(baseline.config(), "evaluate_constraints") else []
    distances: dict[str, float] = {}
    judged = []
    for feature in features:
        if feature.name not in baseline.features:
            continue
        config = baseline.config(feature.name)
        if not enabled(config, "evaluate_constraints"):
            continue
        judged.append(feature)
        constraint = baseline.features[feature.name]
        statistics = baseline.statistics.get(feature.name, {})
        violations += _data_type(feature, constraint, config)
        violations += _completeness(feature, constraint, statistics)
        violations += _drift(feature, statistics, config, distances)
        violations += _categorical_values(feature, constraint, config)
    more, values = check(judged, baseline.drift_tests, baseline.statistics)
    drift: Drift = {name: {"baseline_drift": distance} for name, distance in distances.items()}
    for name, measured in values.items():
        drift[name] = drift.get(name, {}) | measured
    return violations + more, drift


def _columns(features: Sequence[Feature], baseline: Baseline) -> list[dict[str, str]]:
    found = [feature.name for feature in features]
    counts = (
        f"Number of columns in current dataset: {len(found)}, "
        f"Number of columns in baseline constraints: {len(baseline.features)}"
    )
    result = []
    missing = [name for name in baseline.features if name not in set(found)]
    if missing:
        text = f"There are missing columns in current dataset: {_listed(missing)}. {counts}"
        result.append(_violation("Missing columns", "missing_column_check", text))
    extra = [name for name in found if name not in baseline.features]
    if extra:
        text = f"There are extra columns in current dataset: {_listed(extra)}. {counts}"
        result.append(_violation("Extra columns", "extra_column_check", text))
    return result


def _data_type(feature: Feature, constraint: dict[str, Any], config: dict[str, Any]) -> list[dict[str, str]]:
    """A whole number is a valid Fractional value (a price of 3), and anything is a valid String."""
    expected = constraint.get("inferred_type")
    if expected not in ("Integral", "Fractional") or feature.present == 0:
        return []
    matching = feature.integral + (feature.fractional if expected == "Fractional" else 0)
    share, threshold = matching / feature.present, float(config["datatype_check_threshold"])
    if share >= threshold - _EPSILON:
        return []
    text = (
        f"Data type match requirement is not met. Expected data type: {expected}, "
        f"Expected match: {100 * threshold}%. Observed: Only {100 * share}% of data is {expected}."
    )
    return [_violation(feature.name, "data_type_check", text)]


def _completeness(feature: Feature, constraint: dict[str, Any], statistics: dict[str, Any]) -> list[dict[str, str]]:
    """A column that was complete must stay so. One that was not may vary as two samples of the same data do."""
    if constraint.get("completeness") is None:
        return []
    expected, rows = float(constraint["completeness"]), feature.present + feature.missing
    block = statistics.get("numerical_statistics") or statistics.get("string_statistics") or {}
    before = sum(block.get("common", {}).values())
    spread = expected * (1 - expected) * (1 / rows + (1 / before if before else 0))
    if feature.completeness >= expected - COMPLETENESS_DEVIATIONS * math.sqrt(max(spread, 0.0)) - _EPSILON:
        return []
    text = (
        f"Completeness requirement is not met. Expected completeness: {100 * expected}%. "
        f"Observed: Only {100 * feature.completeness}% of data is present."
    )
    return [_violation(feature.name, "completeness_check", text)]


def _drift(
    feature: Feature, statistics: dict[str, Any], config: dict[str, Any], distances: dict[str, float]
) -> list[dict[str, str]]:
    options = config["distribution_constraints"]
    if not enabled(options, "perform_comparison") or feature.present == 0:
        return []
    robust = options["comparison_method"] == "Robust"
    distance: float | None = None
    threshold = float(options["comparison_threshold"])
    if feature.numeric:
        distance = numeric_distance(statistics, feature, robust)
    elif before := _baseline_categories(statistics):
        threshold = float(options["categorical_comparison_threshold"])
        if options["categorical_drift_method"].lower() == "chisquared":
            chance = chi_squared_p_value(before, feature.categories)
            distance, threshold = (None if chance is None else 1 - chance), 1 - threshold
        elif feature.categories:
            distance = category_distance(before, feature.categories, robust)
    if distance is None:
        return []
    distances[feature.name] = distance
    if distance <= threshold + _EPSILON:
        return []
    text = f"Baseline drift distance: {distance} exceeds threshold: {threshold}"
    return [_violation(feature.name, "baseline_drift_check", text)]


def _baseline_categories(statistics: dict[str, Any]) -> dict[str, int]:
    distribution = (statistics.get("string_statistics") or {}).get("distribution", {})
    buckets = distribution.get("categorical", {}).get("buckets") or []
    return {bucket["value"]: bucket["count"] for bucket in buckets if bucket["count"]}


def _categorical_values(feature: Feature, constraint: dict[str, Any], config: dict[str, Any]) -> list[dict[str, str]]:
    domains = (constraint.get("string_constraints") or {}).get("domains")
    if not domains or feature.present == 0 or feature.numeric:
        return []
    known = set(domains)
    unknown = [value for value in feature.categories if value not in known]
    matching = sum(count for value, count in feature.categories.items() if value in known)
    share, threshold = matching / feature.present, float(config["domain_content_threshold"])
    if share >= threshold - _EPSILON:
        return []
    text = (
        f"Categorical values requirement is not met. Expected match: {100 * threshold}%. "
        f"Observed: Only {100 * share}% of data is among the {len(known)} known values. "
        f"Unknown values: {_listed(unknown) or 'more than can be listed'}."
    )
    return [_violation(feature.name, "categorical_values_check", text)]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def _violation(feature: str, check: str, description: str) -> dict[str, str]:
    return {"feature_name": feature, "constraint_check_type": check, "description": description}
