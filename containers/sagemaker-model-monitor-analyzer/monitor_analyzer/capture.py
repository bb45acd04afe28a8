"""Captured calls (model-monitor-data-capture-endpoint): one JSON record a line, several rows in one record."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import AnalysisError
from .layout import Layout
from .payload import Row, encoding_of, rows_of
from .window import Window, moment


def records_of(files: Sequence[Path], window: Window | None) -> Iterator[dict[str, Any]]:
    """The records whose inferenceTime lies in the window; a record without a time belongs to its file's hour."""
    for path in files:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                    time = (record.get("eventMetadata") or {}).get("inferenceTime")
                    inside = window is None or time is None or window.holds(moment(time))
                    captured = isinstance(record["captureData"], dict)
                except (ValueError, AttributeError, KeyError, TypeError) as error:
                    raise AnalysisError(
                        f"{path} line {number} is not a captured record: {error!r}. Each line must be a JSON object "
                        "with captureData and eventMetadata; point dataset_source at a data capture directory."
                    ) from error
                if inside and captured:
                    yield record


def rows_of_record(
    record: Mapping[str, Any], indexes: Sequence[str], layout: Layout
) -> Iterator[tuple[list[str], list[Any]]]:
    """The rows of one record, features and values, output and input side by side."""
    data = record["captureData"]
    payloads = {
        direction: next((data[index] for index in indexes if index.endswith(direction) and data.get(index)), None)
        for direction in ("Input", "Output")
    }
    try:
        inputs = rows_of(payloads["Input"]) if payloads["Input"] else None
        outputs = rows_of(payloads["Output"]) if payloads["Output"] else None
        encodings = tuple(encoding_of(payload) if payload else "" for payload in payloads.values())
        for left, right in _pairs(inputs, outputs):
            yield layout.row(left, right, (encodings[0], encodings[1]))
    except AnalysisError as error:
        event = (record.get("eventMetadata") or {}).get("eventId", "?")
        raise AnalysisError(f"{error} (eventId {event})") from error


def _pairs(inputs: list[Row] | None, outputs: list[Row] | None) -> Iterator[tuple[Row | None, Row | None]]:
    if inputs is None or outputs is None:
        yield from ((row, None) for row in inputs or ())
        yield from ((None, row) for row in outputs or ())
        return
    if len(outputs) == 1 and len(inputs) > 1 and isinstance(outputs[0], list) and len(outputs[0]) == len(inputs):
        outputs = [[value] for value in outputs[0]]  # one prediction a row, all on one line
    if len(inputs) != len(outputs):
        raise AnalysisError(
            f"A captured call has {len(inputs)} input rows and {len(outputs)} output rows; they cannot be matched. "
            "Give the job a record_preprocessor_script."
        )
    yield from zip(inputs, outputs, strict=True)
