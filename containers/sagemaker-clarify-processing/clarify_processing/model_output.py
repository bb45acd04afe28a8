"""What a model answered, read into labels and scores.

Where label and scores are in an answer is said by the predictor configuration (`label`, `probability`,
`label_headers`; clarify-processing-job-configure-analysis): an index into the fields of a CSV line, or a JMESPath
into a JSON record, or, for `application/json`, into the document.
"""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jmespath
import numpy as np
from jmespath.exceptions import JMESPathError

from .errors import AnalysisError
from .model_input import CSV, JSON, JSON_LINES

SHOWN = 200


@dataclass(frozen=True)
class Predictions:
    """Of n records: their labels, where the model says any, and their scores, one column for each output."""

    labels: list[Any] | None
    scores: np.ndarray | None

    @classmethod
    def joined(cls, parts: "Sequence[Predictions]") -> "Predictions":
        """Those of several requests, one after the other; there is at least one."""
        labels = [label for part in parts for label in part.labels or ()]
        scores = [part.scores for part in parts if part.scores is not None]
        widths = {each.shape[1] for each in scores}
        if len(widths) > 1:
            raise AnalysisError(f"The model's answers have different numbers of scores: {sorted(widths)}.")
        return cls(labels if parts[0].labels is not None else None, np.concatenate(scores) if scores else None)


@dataclass(frozen=True)
class ModelOutput:
    """Where label and scores are in an answer."""

    label: int | str | None = None
    probability: int | str | None = None
    label_headers: Sequence[Any] | None = None

    def read(self, body: bytes, content_type: str, count: int) -> Predictions:
        """The predictions of an answer to `count` records; AnalysisError shows the answer and what it must be."""
        try:
            labels, scores = self._find(body.decode(), media_type(content_type), count)
            table = None if scores is None else _table(scores)
        except (ValueError, TypeError, IndexError, JMESPathError) as error:
            shown = body[:SHOWN].decode(errors="replace")
            raise AnalysisError(
                f"The model's answer ({content_type}) to {count} records cannot be read: {error}. predictor.label is "
                f"{self.label!r}, predictor.probability {self.probability!r}. The answer begins with {shown!r}."
            ) from None
        return Predictions(self._labels(labels, table), table)

    def records(self, body: bytes, content_type: str, count: int) -> list[Any]:
        """An answer as one JSON value a record: a CSV line as an array. ValueError if it does not have `count`."""
        kind = media_type(content_type)
        text = body.decode()
        if kind == CSV:
            return _csv_records(text, count)
        found = [json.loads(line) for line in text.splitlines() if line.strip()] if kind != JSON else json.loads(text)
        if isinstance(found, dict) and kind == JSON:
            lists = [value for value in found.values() if isinstance(value, list) and len(value) == count]
            found = lists[0] if len(lists) == 1 else [found]
        if not isinstance(found, list) or len(found) != count:
            raise ValueError(f"it holds {len(found) if isinstance(found, list) else 1} records")
        return found

    def _find(self, text: str, kind: str, count: int) -> tuple[list[Any] | None, list[Any] | None]:
        """Labels and scores, one entry a record each."""
        if kind not in (CSV, JSON_LINES, JSON):
            raise ValueError(f"its content type is not {CSV}, {JSON_LINES} or {JSON}; set predictor.accept_type")
        if kind == JSON and any(isinstance(place, str) for place in (self.label, self.probability)):
            document = json.loads(text)
            found = [
                None if place is None else _per_record(jmespath.search(str(place), document), place, count)
                for place in (self.label, self.probability)
            ]
            return found[0], found[1]
        records = self.records(text.encode(), kind, count)
        if self.label is None and self.probability is None:
            return None, [_whole(record) for record in records]
        labels, scores = (
            None if place is None else [_pick(record, place) for record in records]
            for place in (self.label, self.probability)
        )
        return labels, scores

    def _labels(self, labels: list[Any] | None, scores: np.ndarray | None) -> list[Any] | None:
        """The predicted label of each record: of a list of labels, or of the label headers, the one with the highest
        score (SDK, ModelPredictedLabelConfig)."""
        if labels is not None:
            lists = [_parsed(label) for label in labels]
            if scores is None or not all(isinstance(each, list) and len(each) == scores.shape[1] for each in lists):
                return [label[0] if isinstance(label, list) and len(label) == 1 else label for label in lists]
            return [each[best] for each, best in zip(lists, scores.argmax(axis=1), strict=True)]
        if self.label_headers and scores is not None and 1 < len(self.label_headers) == scores.shape[1]:
            return [self.label_headers[best] for best in scores.argmax(axis=1)]
        return None


def media_type(content_type: str) -> str:
    """`text/csv; charset=utf-8` as `text/csv`; other spellings of JSON Lines as `application/jsonlines`."""
    kind = content_type.partition(";")[0].strip().lower()
    return JSON_LINES if kind in ("application/x-jsonlines", "application/jsonl", "application/x-ndjson") else kind


def csv_rows(text: str) -> list[list[Any]]:
    """The lines of a CSV text; what spells a number is one."""
    return [[_parsed(field) for field in row] for row in csv.reader(io.StringIO(text)) if row]


def _csv_records(text: str, count: int) -> list[Any]:
    rows = csv_rows(text)
    if len(rows) == 1 < count == len(rows[0]):  # older containers put all predictions on one line
        rows = [[field] for field in rows[0]]
    if len(rows) != count:
        raise ValueError(f"it has {len(rows)} lines")
    return rows


def _parsed(field: Any) -> Any:
    """Text as the number or the list that it spells, where it does; lists may be in Python's spelling."""
    if not isinstance(field, str):
        return field
    text = field.strip()
    if text.startswith("["):
        for spelling in (text, text.replace("'", '"')):
            try:
                return json.loads(spelling)
            except ValueError:
                continue
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        return text


def _pick(record: Any, place: int | str) -> Any:
    if isinstance(place, int):
        if not isinstance(record, list) or place >= len(record):
            raise ValueError(f"a record has nothing at index {place}")
        return record[place]
    found = jmespath.search(place, record)
    if found is None:
        keys = f"; its keys are {', '.join(map(str, record))}" if isinstance(record, dict) else ""
        raise ValueError(f"a record has nothing at {place!r}{keys}")
    return found


def _whole(record: Any) -> Any:
    """A record that is nothing but scores."""
    if isinstance(record, dict):
        raise ValueError(
            f"predictor.probability or predictor.label must name one of a record's keys, {', '.join(record)}"
        )
    return record[0] if isinstance(record, list) and len(record) == 1 else record


def _per_record(found: Any, place: int | str, count: int) -> list[Any]:
    if count == 1 and (not isinstance(found, list) or len(found) != 1):
        found = [found]
    if not isinstance(found, list) or len(found) != count:
        raise ValueError(f"{place!r} finds {len(found) if isinstance(found, list) else 0} values")
    return found


def _table(scores: list[Any]) -> np.ndarray:
    rows = [value if isinstance(value, list) else [value] for value in map(_parsed, scores)]
    table = np.array(rows, float)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError("its scores are not a number, or a list of numbers, for each record")
    return table


def scores_of(found: Predictions) -> np.ndarray:
    """The scores of predictions, or their labels if those are numbers; AnalysisError."""
    scores = found.scores if found.scores is not None else _numbers(found.labels)
    if scores is None:
        raise AnalysisError(
            f"The model's answers have labels such as {(found.labels or [None])[0]!r}, but no numbers that could be "
            f"explained. Say where they are in predictor.probability, or for an endpoint in ProbabilityIndex or "
            f"ProbabilityAttribute."
        )
    return scores


def _numbers(labels: list[Any] | None) -> np.ndarray | None:
    """Labels as scores, where they are numbers: a regression model's answer may be named as `label`."""
    try:
        values = np.array(labels, float) if labels is not None else None
    except (TypeError, ValueError):
        return None
    return None if values is None or values.ndim != 1 or any(map(math.isnan, values)) else values[:, None]
