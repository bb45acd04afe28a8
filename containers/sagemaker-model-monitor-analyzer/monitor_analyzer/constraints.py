"""Constraints: suggested from a profile, and read back when traffic is judged.

Schema: AWS developer guide, model-monitor-byoc-constraints; the suggested thresholds are those of the baselines in
AWS's sample notebooks. Domains are suggested by the rule of Deequ's CategoricalRangeRule: a string column whose values
can be listed and of which at most a tenth were seen only once.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .drift.options import Asked, asked
from .errors import AnalysisError
from .profile import LISTED_CATEGORIES, Feature

DEFAULTS: dict[str, Any] = {
    "evaluate_constraints": "Enabled",
    "emit_metrics": "Enabled",
    "datatype_check_threshold": 1.0,
    "domain_content_threshold": 1.0,
    "distribution_constraints": {
        "perform_comparison": "Enabled",
        "comparison_threshold": 0.1,
        "comparison_method": "Robust",
        "categorical_comparison_threshold": 0.1,
        "categorical_drift_method": "LInfinity",
    },
}
CHI_SQUARED_LEVEL = 0.01
"""Suggested threshold where it is a significance level and not a distance."""
_RARE_SHARE = 0.1
_METHODS = {"linf_simple": "Simple", "linf_robust": "Robust", "simple": "Simple", "robust": "Robust"}


def suggest(features: Sequence[Feature], categorical_drift_method: str | None, outputs_last: bool) -> dict[str, Any]:
    """constraints.json that this dataset itself satisfies."""
    config = json.loads(json.dumps(DEFAULTS))
    if categorical_drift_method:
        config["distribution_constraints"]["categorical_drift_method"] = categorical_drift_method
        if categorical_drift_method.lower() == "chisquared":
            config["distribution_constraints"]["categorical_comparison_threshold"] = CHI_SQUARED_LEVEL
    document: dict[str, Any] = {"version": 0.0, "features": [], "monitoring_config": config}
    if outputs_last:
        document["output_columns_position"] = "END"
    for feature in features:
        entry: dict[str, Any] = {
            "name": feature.name,
            "inferred_type": feature.inferred_type,
            "completeness": feature.completeness,
        }
        if feature.numeric:
            entry["num_constraints"] = {"is_non_negative": feature.min >= 0}
        elif _listable(feature.categories):
            entry["string_constraints"] = {"domains": list(feature.categories)}
        document["features"].append(entry)
    return document


def _listable(categories: Mapping[str, int]) -> bool:
    once = sum(1 for count in categories.values() if count == 1)
    return 0 < len(categories) <= LISTED_CATEGORIES and once <= _RARE_SHARE * len(categories)


class Baseline:
    """constraints.json and, if given, statistics.json of the data that traffic is compared with."""

    def __init__(self, constraints: Mapping[str, Any], statistics: Mapping[str, Any] | None) -> None:
        self.features: dict[str, dict[str, Any]] = {entry["name"]: entry for entry in constraints["features"]}
        self.statistics: dict[str, dict[str, Any]] = {
            entry["name"]: entry for entry in (statistics or {}).get("features", [])
        }
        self.outputs_last = str(constraints.get("output_columns_position", "START")).upper() == "END"
        self._config = constraints.get("monitoring_config") or {}
        overrides = {name: self._overrides(name) for name in self.features}
        self.drift_tests: dict[str, list[Asked]] = asked(self.features, self.statistics, self._config, overrides)

    @classmethod
    def read(cls, constraints: Path | None, statistics: Path | None) -> "Baseline | None":
        """None if neither is given. Statistics alone stand for the constraints they imply: names and types."""
        stats = _document(statistics, "baseline_statistics") if statistics else None
        if constraints is not None:
            return cls(_document(constraints, "baseline_constraints"), stats)
        if stats is None:
            return None
        entries = [{"name": entry["name"], "inferred_type": entry.get("inferred_type")} for entry in stats["features"]]
        return cls({"features": entries}, stats)

    @property
    def texts(self) -> set[str]:
        """Features that are strings, whatever today's values look like."""
        return {name for name, entry in self.features.items() if entry.get("inferred_type") == "String"}

    def config(self, name: str | None = None) -> dict[str, Any]:
        """The monitoring config, for one feature with its overrides laid over it."""
        config = _merge(_merge(DEFAULTS, self._config), self._overrides(name))
        distribution = config["distribution_constraints"]
        method = str(distribution["comparison_method"]).lower()
        if method not in _METHODS:
            raise AnalysisError(
                f"comparison_method {distribution['comparison_method']!r} is unknown; use Simple or Robust."
            )
        distribution["comparison_method"] = _METHODS[method]
        if str(distribution["categorical_drift_method"]).lower() not in ("linfinity", "chisquared"):
            raise AnalysisError(
                f"categorical_drift_method {distribution['categorical_drift_method']!r} is unknown; "
                "use LInfinity or ChiSquared."
            )
        return config

    def _overrides(self, name: str | None) -> dict[str, Any]:
        entry = self.features.get(name, {}) if name is not None else {}
        return entry.get("monitoringConfigOverrides") or entry.get("monitoring_config_overrides") or {}


def enabled(config: Mapping[str, Any], switch: str) -> bool:
    return str(config.get(switch, "Enabled")).lower() == "enabled"


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if nested else value
    return merged


def _document(path: Path, variable: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AnalysisError(f"{variable} {path} is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("features"), list):
        raise AnalysisError(
            f"{variable} {path} has no list of features; give the file that a data quality baseline wrote."
        )
    return document
