"""Warm start: what earlier tuning jobs have found is known from the beginning.

Source: developer guide, Run a Warm Start Hyperparameter Tuning Job; API reference,
HyperParameterTuningJobWarmStartConfig. Not recursive: of a parent's own parents nothing is taken.
"""

from collections.abc import Iterator
from statistics import fmean, pstdev
from typing import Any

from sageyard.errors import ValidationError
from sageyard.resources.spec import Document
from sageyard.runners.images import without_tag
from sageyard.tuning.ranges import Point, Range

IDENTICAL = "IdenticalDataAndAlgorithm"
ENDED = ("Completed", "Stopped", "Failed")
MOST_CHANGES = 10
"""Tunable hyperparameters made static, and values of static ones changed; a categorical one counts its values."""
KINDS = {"IntegerParameterRanges": "Integer", "ContinuousParameterRanges": "Continuous",
         "CategoricalParameterRanges": "Categorical"}  # fmt: skip


def parents(request: Document) -> list[str]:
    """Names of the parent tuning jobs."""
    config = request.get("WarmStartConfig", {})
    return [one["HyperParameterTuningJobName"] for one in config.get("ParentHyperParameterTuningJobs", [])]


def is_identical(request: Document) -> bool:
    """Whether data and algorithm are those of the parents, so that their objectives can be compared."""
    return bool(request.get("WarmStartConfig", {}).get("WarmStartType") == IDENTICAL)


def check(request: Document, parent: Document) -> None:
    """Refuse a parent that the request does not fit; raises ValidationError."""
    name = parent["HyperParameterTuningJobName"]
    if (status := parent["HyperParameterTuningJobStatus"]) not in ENDED:
        raise _unfit(name, f"its status is {status}: wait until it is one of {', '.join(ENDED)}")
    before = {one.get("DefinitionName", ""): one for one in definitions(parent)}
    for definition in definitions(request):
        known = before.get(definition.get("DefinitionName", ""))
        if known is None:
            raise _unfit(name, f"it has no training job definition named {definition.get('DefinitionName')!r}")
        _check_definition(name, request, definition, parent, known)


def _check_definition(name: str, request: Document, new: Document, parent: Document, old: Document) -> None:
    wanted, had = objective(request, new), objective(parent, old)
    if wanted != had:
        raise _unfit(name, f"its objective metric is {had}, that of the new job {wanted}: they must be the same")
    tunable, tuned = kinds(request, new), kinds(parent, old)
    static, fixed = _static(new), _static(old)
    if len({*tunable, *static}) != len({*tuned, *fixed}):
        raise _unfit(
            name,
            f"it has {len({*tuned, *fixed})} hyperparameters, static and tunable, the new job "
            f"{len({*tunable, *static})}: the total must remain the same",
        )
    for one in tunable.keys() & tuned.keys():
        if tunable[one][0] != tuned[one][0]:
            raise _unfit(name, f"{one!r} is {tuned[one][0]} there and {tunable[one][0]} here: its type must not change")
    changes = sum(values for one, (_, values) in tuned.items() if one in static)
    changes += sum(2 for one in static.keys() & fixed.keys() if static[one] != fixed[one])
    if changes > MOST_CHANGES:
        raise _unfit(
            name,
            f"{changes} changes of static hyperparameters are too many: tunable ones made static and static ones with "
            f"other values may be {MOST_CHANGES} together",
        )
    if is_identical(request):
        for member, values in _material(new).items():
            if values != _material(old)[member]:
                raise _unfit(
                    name, f"its {member} differs, which WarmStartType {IDENTICAL} does not allow: use TransferLearning"
                )


def _unfit(name: str, reason: str) -> ValidationError:
    return ValidationError(f"Hyperparameter tuning job {name!r} cannot be a parent of a warm start: {reason}.")


def definitions(request: Document) -> list[Document]:
    """One or several training job definitions."""
    single = request.get("TrainingJobDefinition")
    several: list[Document] = request.get("TrainingJobDefinitions") or []
    return [single] if single is not None else several


def objective(request: Document, definition: Document) -> Document:
    """What a definition's jobs are judged by."""
    config = request["HyperParameterTuningJobConfig"]
    found: Document = definition.get("TuningObjective") or config.get("HyperParameterTuningJobObjective") or {}
    return found


def kinds(request: Document, definition: Document) -> dict[str, tuple[str, int]]:
    """Tunable hyperparameters: type, and how many changes making them static would be."""
    config = request["HyperParameterTuningJobConfig"]
    ranges = definition.get("HyperParameterRanges") or config.get("ParameterRanges") or {}
    return {
        one["Name"]: (kind, len(one.get("Values", [None]))) for member, kind in KINDS.items()
        for one in ranges.get(member, [])
    }  # fmt: skip


def _static(definition: Document) -> dict[str, str]:
    """Static hyperparameters, but not those that the service and the SDKs add by themselves."""
    given: dict[str, str] = definition.get("StaticHyperParameters", {})
    return {name: value for name, value in given.items() if not name.startswith(("_", "sagemaker_"))}


def _material(definition: Document) -> dict[str, Any]:
    """Training image, of whatever version, and input data."""
    algorithm = definition["AlgorithmSpecification"]
    sources = [(one["ChannelName"], one.get("DataSource")) for one in definition.get("InputDataConfig") or []]
    return {
        "training image": without_tag(algorithm["TrainingImage"])
        if "TrainingImage" in algorithm
        else algorithm.get("AlgorithmName"),
        "input data": sorted(sources, key=lambda entry: str(entry[0])),
    }


def observations(
    ranges: list[Range], tried: list[list[tuple[dict[str, str], float]]], *, comparable: bool
) -> Iterator[tuple[Point, float]]:
    """Points and objectives of the parents' jobs, given their hyperparameters. What lies outside a range cannot be said
    as a point and is left out. Objectives on other data are told as standard scores within their parent."""
    for jobs in tried:
        values = [value for _, value in jobs]
        for (hyperparameters, _), value in zip(jobs, values if comparable else standardized(values), strict=True):
            places = {one.name: one.place(hyperparameters.get(one.name)) for one in ranges}
            if all(place is not None for place in places.values()):
                yield {name: place for name, place in places.items() if place is not None}, value


def standardized(values: list[float]) -> list[float]:
    """Standard scores: of one mean and one spread, whatever the data's."""
    if not values:
        return []
    middle, spread = fmean(values), pstdev(values) or 1.0
    return [(value - middle) / spread for value in values]
