"""Where a value stands in a row: an index, a column's name or a JSONPath (EndpointInput, InferenceAttribute)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .errors import AnalysisError
from .payload import csv_rows, encoding_of, json_documents

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(?:(\d+|\*)|'([^']*)'|\"([^\"]*)\")\]")


class Attribute:
    """Reads `3`, `score`, `$.score`, `predictions[0].score` or `predictions[*].score`. `meaning` is for messages."""

    def __init__(self, text: str, meaning: str) -> None:
        self.text = text
        self.meaning = meaning
        path = text.strip().removeprefix("$")
        found = list(_STEP.finditer(path))
        if not found or "".join(match[0] for match in found) != path:
            raise AnalysisError(f"{meaning} {text!r} is neither an index, nor a name, nor a JSONPath like '$.score'.")
        self.steps = [next(group for group in match.groups() if group is not None) for match in found]
        self.index = int(text) if text.strip().isdigit() else None

    def column(self, names: Sequence[str]) -> int:
        """The position of a column among `names`: by name, else by index."""
        for name in (self.text, ".".join(self.steps)):
            if name in names:
                return list(names).index(name)
        if self.index is not None and self.index < len(names):
            return self.index
        raise AnalysisError(
            f"{self.meaning} {self.text!r} is no column of the dataset; it has {', '.join(names)}. Name one of them."
        )

    def values(self, payload: Mapping[str, Any]) -> list[Any]:
        """The values in a captured payload, one a row."""
        if encoding_of(payload) == "CSV":
            return [self._cell(row) for row in csv_rows(payload)]
        found: list[Any] = []
        for row in _rows(json_documents(payload)):
            value = self._walk(row, self.steps)
            found += value if isinstance(value, list) else [value]
        return found

    def _cell(self, row: Sequence[str]) -> str:
        if self.index is None:
            raise AnalysisError(
                f"{self.meaning} {self.text!r} is a name, but the data is CSV without names: give the index of the "
                "column, such as '0'."
            )
        if self.index >= len(row):
            raise AnalysisError(
                f"{self.meaning} {self.text!r} is beyond the row {','.join(row)[:80]!r}, which has {len(row)} columns, "
                "counted from 0."
            )
        return row[self.index]

    def _walk(self, value: Any, steps: Sequence[str]) -> Any:
        if not steps:
            return value
        step, rest = steps[0], steps[1:]
        if step == "*" and isinstance(value, list):
            return [self._walk(item, rest) for item in value]
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            return self._walk(value[int(step)], rest)
        if isinstance(value, dict) and step in value:
            return self._walk(value[step], rest)
        if self.index == 0 and not isinstance(value, dict | list):
            return value  # a bare number is its own first column
        raise AnalysisError(f"{self.meaning} {self.text!r} is not found in {str(value)[:120]!r}.")


def _rows(documents: Sequence[Any]) -> Iterator[Any]:
    for document in documents:
        if isinstance(document, list) and document and all(isinstance(item, dict | list) for item in document):
            yield from document
        else:
            yield document
