"""The part of JSONPath that batch transform knows (developer guide: Associate Prediction Results with Input Records).

`$`, `.name`, `*`, `['a','b']`, `[n,m]` with negative indexes, `[start:end]`, and lists of both such as `[0,5:]`.
"""

import re
from collections.abc import Callable
from typing import Any

STEP = re.compile(r"\.(\*|[^.\[\]*]+)|\[(\*)\]|\[\s*('[^']*'(?:\s*,\s*'[^']*')*)\s*\]|\[([-\d:,\s]+)\]")
Select = Callable[[Any], Any]


class PathError(ValueError):
    """An expression that is no path, or one that leads nowhere in a document."""


def compiled(path: str) -> Select:
    """A function from a document to what the path selects of it; raises PathError."""
    if not path.startswith("$"):
        raise PathError(f"{path!r} is no JSONPath: it must begin with $")
    steps: list[Select] = []
    position = 1
    while position < len(path):
        match = STEP.match(path, position)
        if match is None:
            raise PathError(f"{path!r} is no JSONPath that batch transform knows, from {path[position:]!r} on")
        name, star, names, numbers = match.groups()
        if star or name == "*":
            steps.append(_all)
        elif name is not None:
            steps.append(_members([name]))
        elif names is not None:
            steps.append(_members(re.findall(r"'([^']*)'", names)))
        else:
            steps.append(_entries(path, numbers))
        position = match.end()

    def select(document: Any) -> Any:
        for step in steps:
            document = step(document)
        return document

    return select


def _all(value: Any) -> Any:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list):
        return value
    raise PathError(f"* selects entries of an object or a list, not of {value!r}")


def _members(names: list[str]) -> Select:
    def select(value: Any) -> Any:
        if not isinstance(value, dict) or (missing := [name for name in names if name not in value]):
            missing = missing if isinstance(value, dict) else names
            raise PathError(f"the record has no member {missing[0]!r}")
        return value[names[0]] if len(names) == 1 else {name: value[name] for name in names}

    return select


def _entries(path: str, text: str) -> Select:
    wanted: list[int | slice] = []
    for part in text.split(","):
        start, colon, end = (piece.strip() for piece in part.partition(":"))
        try:
            wanted.append(slice(int(start or 0), int(end) if end else None) if colon else int(start))
        except ValueError:
            raise PathError(f"{part!r} in {path!r} is neither an index nor a slice") from None

    def select(value: Any) -> Any:
        if not isinstance(value, list):
            raise PathError(f"[{text}] selects entries of a list, not of {value!r}")
        try:
            found = [value[one] for one in wanted]
        except IndexError:
            raise PathError(f"[{text}] lies outside the record's {len(value)} columns") from None
        if len(wanted) == 1:
            return found[0]
        return [
            item for one, got in zip(wanted, found, strict=True) for item in (got if isinstance(one, slice) else [got])
        ]

    return select
