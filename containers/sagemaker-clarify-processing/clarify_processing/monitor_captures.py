"""Captured calls, and outputs of transform jobs, as a table: features, predictions and the labels merged with them.

Records: model-monitor-data-capture-endpoint and model-monitor-model-quality-merge. Where features and predictions
stand: API reference, EndpointInput (FeaturesAttribute, InferenceAttribute, ProbabilityAttribute).
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jmespath
import pandas as pd
from jmespath.exceptions import JMESPathError

from .bias.predicted import predicted_labels
from .columns import find_column
from .config import AnalysisConfig
from .csvfile import MISSING
from .errors import AnalysisError
from .files import Table
from .model_input import CSV
from .model_output import ModelOutput, Predictions
from .monitor_payload import Json, documents_of, kind_of, text_of

PREDICTED = "predicted label"
INPUT, OUTPUT, BATCH = "endpointInput", "endpointOutput", "batchTransformOutput"
_HOUR = re.compile(r"/(\d{4})/(\d{2})/(\d{2})/(\d{2})/[^/]+$")


@dataclass(frozen=True)
class Window:
    """`start` included, `end` excluded, both UTC."""

    start: datetime
    end: datetime

    def touches(self, path: Path) -> bool:
        """Whether a file can have a record of the window: its folders name an hour, or none."""
        match = _HOUR.search(path.as_posix())
        if match is None:
            return True
        hour = datetime(*(int(part) for part in match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
        return hour < self.end and hour + timedelta(hours=1) > self.start

    def holds(self, record: Json) -> bool:
        """Whether a call was made in it; one without a time belongs to its file's hour."""
        text = (record.get("eventMetadata") or {}).get("inferenceTime")
        if text is None:
            return True
        time = datetime.fromisoformat(text)
        return self.start <= (time if time.tzinfo else time.replace(tzinfo=UTC)) < self.end

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%dT%H:%M:%SZ} to {self.end:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Attributes:
    """Where features, predicted label and scores stand: an index into CSV, a JMESPath into JSON, or None."""

    features: str | None = None
    inference: int | str | None = None
    probability: int | str | None = None

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> "Attributes":
        """From the job's variables. `None` as a text is what SDK v2 writes of a ModelPredictedLabelConfig without
        label."""
        features, inference, probability = (
            None if (text := variables.get(f"{name}_attribute", "").strip()) in ("", "None") else text
            for name in ("features", "inference", "probability")
        )
        return cls(features, _place(inference), _place(probability))


@dataclass(frozen=True)
class Records:
    """Captured records of a window; there is at least one."""

    records: Sequence[Json]

    def is_csv(self) -> bool:
        """Whether the calls' inputs are CSV."""
        return kind_of(_input(self.records[0])) == CSV


def captured(source: Path, window: Window) -> Records:
    """The records under a folder whose calls were made in the window; AnalysisError if there is none."""
    files = sorted(path for path in source.rglob("*") if path.is_file() and not path.name.startswith((".", "_")))
    records = [record for path in files if window.touches(path) for record in _lines(path) if window.holds(record)]
    if not records:
        raise AnalysisError(
            f"No data: none of the {len(files)} files of captured calls in {source} has a call of the window {window}. "
            "Send traffic in that window, or move it (start and end time offsets) to hours that have some."
        )
    return Records(records)


def frame_of(config: AnalysisConfig, records: Records, attributes: Attributes) -> pd.DataFrame:
    """The features of all calls, named by `headers`."""
    frame = _frame([row for record in records.records for row in _rows_of(record, attributes)])
    return frame.set_axis(pd.Index(_names(config, frame)), axis=1)


def labelled_table(config: AnalysisConfig, records: Records, attributes: Attributes) -> Table:
    """The features with labels and predicted labels, columns in the order of `headers`; AnalysisError names the call
    or the column that does not fit."""
    rows: list[Any] = []
    labels: list[Any] = []
    answers = []
    name = _label_name(config)
    width = None if config.headers is None else len(_without_label(config))
    output = ModelOutput(attributes.inference, attributes.probability, (config.predictor or {}).get("label_headers"))
    for record in records.records:
        try:
            found = _rows_of(record, attributes)
            if BATCH in record["captureData"] and found and isinstance(found[0], list):
                found = [row[:width] for row in found]  # after the features, the output has predictions, id and time
            truth = _labels_of(record, name)
            if len(truth) != len(found):
                raise AnalysisError(
                    f"A captured call has {len(found)} rows and its ground truth {len(truth)} labels. Upload one label "
                    "a row, one a line, or invoke the endpoint with one row at a time."
                )
            answers.append(_predictions(output, record, len(found)))
        except AnalysisError as error:
            raise AnalysisError(f"{error} (eventId {_event(record)})") from None
        rows += found
        labels += truth
    label = _typed(pd.Series(labels, dtype=object, name=name))
    joined = Predictions.joined(answers)
    predicted = predicted_labels(config, label, joined.labels, joined.scores)
    frame = _frame(rows)
    frame = frame.set_axis(pd.Index(_names(config, frame)), axis=1).assign(**{name: label})
    if config.headers is not None and set(config.headers) == set(frame.columns):
        frame = frame[config.headers]  # where a facet's index means what it means in the baseline's dataset
    return Table(frame, label, predicted.rename(PREDICTED), 1)


# -- headers ------------------------------------------------------------------------------------------------------


def _label_name(config: AnalysisConfig) -> str:
    label, headers = config.label, config.headers
    if isinstance(label, int):
        return "label" if headers is None else find_column(headers, label, "label")
    return str(label)


def _without_label(config: AnalysisConfig) -> list[str]:
    return [name for name in config.headers or () if config.label is None or name != _label_name(config)]


def _names(config: AnalysisConfig, frame: pd.DataFrame) -> list[str]:
    """The names of the features: those that JSON objects have, else those of `headers`, which may have the label."""
    width = frame.shape[1]
    if any(isinstance(name, str) for name in frame.columns):
        return list(frame.columns)
    if config.headers is None:
        return [f"column_{index}" for index in range(width)]
    names = _without_label(config)
    if len(names) != width:
        raise AnalysisError(
            f"The captured calls have {width} features, but headers of analysis_config.json names {len(names)} beside "
            f"the label: {', '.join(names[:20])}. Name every column of the requests in their order, and the label."
        )
    return names


# -- one call -----------------------------------------------------------------------------------------------------


def _rows_of(record: Json, attributes: Attributes) -> list[Any]:
    """The features of a call: lists of cells, or objects."""
    payload = _input(record)
    if kind_of(payload) == CSV:
        return [list(row) for row in csv.reader(text_of(payload).splitlines()) if row]
    documents = documents_of(payload)
    if attributes.features is not None:
        documents = [_searched(attributes.features, document) for document in documents]
    return [row for document in documents for row in _flat_rows(document)]


def _flat_rows(document: Any) -> list[Any]:
    if isinstance(document, list) and document and all(isinstance(item, list | dict) for item in document):
        rows = document
    else:
        rows = [document]
    for row in rows:
        cells = row.values() if isinstance(row, dict) else row if isinstance(row, list) else None
        if cells is None or any(isinstance(cell, list | dict) for cell in cells):
            raise AnalysisError(
                f"A captured call holds {json.dumps(row)[:120]}, which is no flat row of features. Say in "
                "FeaturesAttribute where they are, as a JMESPath."
            )
    return rows


def _predictions(output: ModelOutput, record: Json, count: int) -> Predictions:
    data = record["captureData"]
    payload = data.get(OUTPUT) or data.get(BATCH)
    if not payload:
        raise AnalysisError("A captured call has no output: capture Output in the endpoint's DataCaptureConfig.")
    try:
        return output.read(text_of(payload).encode(), kind_of(payload), count)
    except AnalysisError as error:
        raise AnalysisError(
            f"{error}. What is called predictor here is InferenceAttribute (label) and ProbabilityAttribute of the job "
            "definition's input."
        ) from None


def _labels_of(record: Json, name: str) -> list[Any]:
    truth = record.get("groundTruthData")
    if not isinstance(truth, dict):
        raise AnalysisError("A record has no groundTruthData: the dataset is not what the ground truth merge writes.")
    if kind_of(truth) == CSV:
        return [row[0] for row in csv.reader(text_of(truth).splitlines()) if row] or [None]
    found = []
    for document in documents_of(truth):
        values = document if isinstance(document, list) else [document]
        found += [value.get(name) if isinstance(value, dict) else value for value in values]
    return found


def _input(record: Json) -> Json:
    """Where the features are: of a transform job's output, which must be joined with its input, in the output."""
    data = record["captureData"]
    payload = data.get(INPUT) or data.get(BATCH)
    if not payload:
        raise AnalysisError(
            f"A captured call has no input (eventId {_event(record)}): capture Input in the endpoint's "
            "DataCaptureConfig."
        )
    found: Json = payload
    return found


def _event(record: Json) -> str:
    event = record.get("eventMetadata") or {}
    return str(event.get("inferenceId") or event.get("eventId") or "?")


def _lines(path: Path) -> Iterator[Json]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                captured = isinstance(record["captureData"], dict)
            except (ValueError, KeyError, TypeError) as error:
                raise AnalysisError(f"{path.name} line {number} is not a captured record: {error!r}.") from None
            if captured:
                yield record


def _searched(path: str, document: Any) -> Any:
    try:
        found = jmespath.search(path, document)
    except JMESPathError as error:
        raise AnalysisError(f"FeaturesAttribute is {path!r}, which is no JMESPath: {error}") from None
    if found is None:
        raise AnalysisError(
            f"FeaturesAttribute {path!r} finds nothing in {json.dumps(document)[:120]}. Correct the JMESPath."
        )
    return found


def _place(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdigit() else text


def _frame(rows: Sequence[Any]) -> pd.DataFrame:
    """Rows as columns, numbers where all of a column's cells are."""
    if rows and isinstance(rows[0], dict):
        return pd.DataFrame.from_records(rows)
    for row in rows:
        if len(row) != len(rows[0]):
            raise AnalysisError(
                f"The captured calls have rows of {len(rows[0])} and of {len(row)} columns: an endpoint that is "
                "monitored must get the same columns with each call."
            )
    return pd.DataFrame(rows, dtype=object).apply(_typed)


def _typed(column: pd.Series) -> pd.Series:
    present = column.where(~column.isin(MISSING), None)
    try:
        return pd.to_numeric(present)
    except (ValueError, TypeError):
        return present
