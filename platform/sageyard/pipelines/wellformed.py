"""What a step of a definition must look like, whatever its type, so that nothing later meets another form.

Grammar: the SageMaker Pipelines JSON schema of version 2020-12-01, as both SageMaker SDKs write it.
"""

from collections.abc import Iterator
from typing import Any

from sageyard.errors import ValidationError
from sageyard.pipelines.caching import seconds
from sageyard.pipelines.conditions import COMPARISONS, NESTED
from sageyard.pipelines.expressions import JOIN, READS_FILE

RETRIED = ("Step.SERVICE_FAULT", "Step.THROTTLING", "SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR",
           "SageMaker.RESOURCE_LIMIT")  # fmt: skip
LISTS = {
    "PropertyFiles": ("PropertyFileName", "OutputName", "FilePath"),
    "OutputParameters": ("OutputName",),
    "RetryPolicies": (),
}
"""Members that are lists of objects, and what each object must have, all of them strings."""
REQUIRED = {
    "Callback": "SqsQueueUrl",
    "ClarifyCheck": "CheckType",
    "Lambda": "FunctionArn",
    "QualityCheck": "CheckType",
}
ARGUMENTS = {"Fail": "ErrorMessage", "ForEach": "IterableItems"}
"""By type of step, a member that it must have, and one that its Arguments must have."""


def flaw(document: dict[str, Any]) -> str | None:
    """What is wrong with a step's members, in words; None where nothing is."""
    return next(_flaws(document), None)


def _flaws(document: dict[str, Any]) -> Iterator[str]:
    if not isinstance(document.get("Arguments") or {}, dict):
        yield "Expecting start of Json Object: its Arguments must be an object"
    else:
        yield from _required(document, document.get("Arguments") or {})
    if not isinstance(needed := document.get("DependsOn") or [], list):
        yield "its DependsOn must be a list of steps"
    else:
        for entry in needed:
            if not isinstance(entry.get("Step") if isinstance(entry, dict) else entry, str):
                yield f"its DependsOn has {entry!r}: give a step's name, or an object with Step and Trigger"
    for member, names in LISTS.items():
        entries = document.get(member) or []
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            yield f"its {member} must be a list of objects"
        else:
            yield from (
                f"its {member}[{index}] must have a {name} that is a string"
                for index, entry in enumerate(entries)
                for name in names
                if not isinstance(entry.get(name), str)
            )
    for policy in document.get("RetryPolicies") or []:
        for kind in policy.get("ExceptionType", ()):
            if kind not in RETRIED:
                yield f"its RetryPolicies name {kind!r}: use one of {', '.join(RETRIED)}"
    yield from _cache(document.get("CacheConfig") or {})
    yield from _expressions(document)


def _required(document: dict[str, Any], arguments: dict[str, Any]) -> Iterator[str]:
    kind = document["Type"]
    if (member := REQUIRED.get(kind)) is not None and document.get(member) is None:
        yield f"a {kind} step must have {member}"
    if (member := ARGUMENTS.get(kind)) is not None and arguments.get(member) is None:
        yield f"the Arguments of a {kind} step must have {member}"
    if kind == "Condition":
        if not isinstance(conditions := arguments.get("Conditions") or [], list):
            yield "its Conditions must be a list"
        else:
            for condition in conditions:
                yield from _condition(condition)


def _condition(condition: Any) -> Iterator[str]:
    kind = _member(condition, "Type")
    if kind == "Not":
        yield from _condition(condition.get("Condition"))
    elif kind in {"And", "Or"}:
        if not isinstance(inner := condition.get("Conditions"), list):
            yield f"its condition {kind} must have Conditions, a list"
            return
        for one in inner:
            yield from _condition(one)
    elif kind == "In" and not ("QueryValue" in condition and isinstance(condition.get("Values"), list)):
        yield "its condition In must have a QueryValue and Values, a list"
    elif kind in COMPARISONS and not {"LeftValue", "RightValue"} <= condition.keys():
        yield f"its condition {kind} must have a LeftValue and a RightValue"
    elif kind not in {*COMPARISONS, "In"}:
        yield f"its condition has Type {kind!r}: use one of {', '.join([*COMPARISONS, *NESTED])}"


def _cache(config: Any) -> Iterator[str]:
    if not isinstance(config, dict):
        yield "its CacheConfig must be an object with Enabled and ExpireAfter"
    elif isinstance(config.get("ExpireAfter"), str):
        try:
            seconds(config["ExpireAfter"])
        except ValidationError as error:
            yield error.message.rstrip(".")


def _expressions(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _expressions(item)
    if not isinstance(value, dict):
        return
    if value.keys() == {"Get"} and not isinstance(value["Get"], str):
        yield f"its Get is {value['Get']!r}: give a path such as Parameters.NAME"
    if value.keys() == {JOIN} and not isinstance(_member(value[JOIN], "Values"), list):
        yield f"its {JOIN} must have Values, a list"
    if value.keys() == {READS_FILE}:
        source = _member(value[READS_FILE], "PropertyFile") or _member(value[READS_FILE], "S3Uri")
        if source is None or not isinstance(_member(value[READS_FILE], "Path"), str):
            yield f"its {READS_FILE} must have a Path, and a PropertyFile or an S3Uri"
    for item in value.values():
        yield from _expressions(item)


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
