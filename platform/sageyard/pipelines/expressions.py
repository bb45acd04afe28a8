"""Expressions of a pipeline definition: `Get`, `Std:Join`, `Std:JsonGet`, anywhere in a step's arguments.

Grammar: the SageMaker Pipelines JSON schema of version 2020-12-01, as both SageMaker SDKs write it.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

PART = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
KEYS = ("OutputName", "ChannelName", "InputName", "Name", "VariantName", "MetricName", "Key")
"""Members by which a property path picks an entry out of a list: `Outputs['train']`."""
JOIN = "Std:Join"
READS_FILE = "Std:JsonGet"


class ExpressionError(ValueError):
    """An expression that cannot be evaluated; the message names it."""


Get = Callable[[list[str | int]], Any]
"""The value of a path such as ["Steps", "Train", "ModelArtifacts", "S3ModelArtifacts"]; raises ExpressionError."""
ReadFile = Callable[[str], str]
"""The text of an object, given its S3 URI; raises ExpressionError."""


def parts(path: str) -> list[str | int]:
    """`Steps.A.Outputs['train'].Uri` as its names and indexes; raises ExpressionError."""
    found: list[str | int] = []
    position = 0
    while position < len(path):
        match = PART.match(path, position)
        if match is None:
            raise ExpressionError(f"{path!r} is no property path: names are joined by '.', keys are ['key'] or [0]")
        name, index, single, double = match.groups()
        found.append(int(index) if index is not None else name or single or double or "")
        position = match.end()
    return found


def follow(value: Any, path: list[str | int], shown: str) -> Any:
    """What a path leads to inside JSON; raises ExpressionError where it ends too early."""
    for step in path:
        if isinstance(value, dict) and str(step) in value:
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        elif isinstance(value, list) and (found := _keyed(value, step)) is not None:
            value = found
        else:
            raise ExpressionError(f"{shown} is undefined: there is no {step!r}")
    return value


def _keyed(entries: list[Any], key: str | int) -> Any:
    return next(
        (entry for entry in entries if isinstance(entry, dict) and any(entry.get(name) == key for name in KEYS)), None
    )


def evaluate(value: Any, get: Get, read_file: ReadFile) -> Any:
    """A JSON value with every expression in it replaced by its value; null members are left out."""
    if isinstance(value, list):
        return [evaluate(item, get, read_file) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Get"}:
        return get(parts(value["Get"]))
    if value.keys() == {JOIN}:
        join = value[JOIN]
        return str(join.get("On", "")).join(as_text(evaluate(item, get, read_file)) for item in join["Values"])
    if value.keys() == {READS_FILE}:
        return _json_get(value[READS_FILE], get, read_file)
    return {name: evaluate(item, get, read_file) for name, item in value.items() if item is not None}


def as_text(value: Any) -> str:
    """A value inside a string: JSON's spelling of what is no string."""
    return value if isinstance(value, str) else json.dumps(value)


def _json_get(expression: dict[str, Any], get: Get, read_file: ReadFile) -> Any:
    source = expression.get("PropertyFile", expression.get("S3Uri"))
    uri = evaluate(source, get, read_file)
    text = read_file(uri)
    try:
        document = json.loads(text)
    except ValueError:
        raise ExpressionError(f"Contents of file {uri} are not in valid JSON format") from None
    return follow(document, parts(expression["Path"]), f"{expression['Path']} in {uri}")


def gets(value: Any) -> Iterator[str]:
    """Every path that is asked for in a JSON value."""
    if isinstance(value, list):
        for item in value:
            yield from gets(item)
    elif isinstance(value, dict):
        if value.keys() == {"Get"} and isinstance(value["Get"], str):
            yield value["Get"]
        else:
            for item in value.values():
                yield from gets(item)
