"""Which drift tests a user asks for: `sageyard_drift_tests` among a constraints.json's distribution_constraints.

    "monitoring_config": {"distribution_constraints": {"sageyard_drift_tests": [
        {"test": "population_stability_index"},
        {"test": "wasserstein", "threshold": 0.3, "features": ["price"]}]}}

Without `features` a test is for every column of its kind. The same list in the overrides of a feature replaces this one
for that feature, an empty one with no test at all. AWS's readers pass over a member that they do not know.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import AnalysisError
from . import Categories, DriftTest, Numbers, register
from .samples import distribution

OPTION = "sageyard_drift_tests"
_KINDS = {"Integral": Numbers, "Fractional": Numbers, "String": Categories}
_NAMES = {Numbers: "numbers", Categories: "strings"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A test with the threshold that it has for a feature."""

    name: str
    test: DriftTest
    threshold: float


def asked(
    features: Mapping[str, Mapping[str, Any]],
    statistics: Mapping[str, Mapping[str, Any]],
    config: Mapping[str, Any],
    overrides: Mapping[str, Mapping[str, Any]],
) -> dict[str, list[Asked]]:
    """The tests of each feature; what cannot be done raises AnalysisError. All arguments but `config`, which is the
    monitoring config, go by the name of a feature: entries of constraints.json and statistics.json, and overrides."""
    result: dict[str, list[Asked]] = {}
    for one, names in _entries(config, f"monitoring_config's {OPTION}"):
        for name in names or ():
            _refuse_unfit(one, name, features, statistics)
        for name in names or features:
            own = OPTION in overrides.get(name, {}).get("distribution_constraints", {})
            if not own and _KINDS.get(features[name].get("inferred_type", "")) in one.test.kinds:
                result.setdefault(name, []).append(one)
    for name, override in overrides.items():
        where = f"the {OPTION} of feature {name!r}"
        for one, names in _entries(override, where):
            if names is not None:
                raise AnalysisError(f"{where} names features: an override is for its own feature; leave them out.")
            _refuse_unfit(one, name, features, statistics)
            result.setdefault(name, []).append(one)
    for name, several in result.items():
        for one in several:
            if [other.name for other in several].count(one.name) > 1:
                raise AnalysisError(f"{OPTION} has {one.name} more than once for feature {name!r}; name it once.")
    if result and not statistics:
        raise AnalysisError(
            f"{OPTION} compares with the baseline's distributions, but there are no baseline_statistics: give the "
            "schedule the statistics.json that the baseline job wrote beside constraints.json."
        )
    return result


def _entries(config: Mapping[str, Any], where: str) -> Iterator[tuple[Asked, list[str] | None]]:
    """Each entry of a list of tests, with the features that it names."""
    entries = config.get("distribution_constraints", {}).get(OPTION, [])
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise AnalysisError(f'{where} must be a list of objects such as {{"test": "wasserstein", "threshold": 0.2}}.')
    for entry in entries:
        if unknown := sorted(entry.keys() - {"test", "threshold", "features"}):
            raise AnalysisError(f"{where} has the unknown member {unknown[0]!r}; use test, threshold and features.")
        name = entry.get("test")
        if name not in register():
            raise AnalysisError(f"{where} has the unknown test {name!r}; use one of {', '.join(sorted(register()))}.")
        names = entry.get("features")
        texts = isinstance(names, list) and names and all(isinstance(feature, str) for feature in names)
        if names is not None and not texts:
            raise AnalysisError(f"{where}: features of {name} must be a list of names; leave it out for every feature.")
        test = register()[name]
        yield Asked(name, test, _threshold(entry.get("threshold", test.threshold), name, test, where)), names


def _threshold(value: Any, name: str, test: DriftTest, where: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not 0 < value <= test.most:
        rule = "above 0" + (f" and at most {test.most:g}" if math.isfinite(test.most) else "")
        raise AnalysisError(f"{where}: threshold {value!r} of {name} is not a number {rule}.")
    return float(value)


def _refuse_unfit(
    one: Asked,
    name: str,
    features: Mapping[str, Mapping[str, Any]],
    statistics: Mapping[str, Mapping[str, Any]],
) -> None:
    """What is asked for a feature by its name must be possible there."""
    if name not in features:
        raise AnalysisError(f"{OPTION} asks for {one.name} of feature {name!r}, which the baseline does not have.")
    kind = features[name].get("inferred_type", "Unknown")
    if _KINDS.get(kind) not in one.test.kinds:
        wanted = " or ".join(_NAMES[kind] for kind in one.test.kinds)
        raise AnalysisError(
            f"{OPTION} asks for {one.name} of feature {name!r}: it is {kind}, the test is for {wanted}."
        )
    if statistics and distribution(statistics.get(name, {})) is None:
        raise AnalysisError(
            f"{OPTION} asks for {one.name} of feature {name!r}, whose distribution is not in baseline_statistics: of a "
            "string column with more than 120 values it is not kept."
        )
