"""Predictions side by side with the labels that turned out to be true."""

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from .answers import CsvAnswers
from .attribute import Attribute
from .capture import records_of
from .dataset import load
from .environment import QualityRequest, Request
from .errors import AnalysisError, Uneven
from .scripts import Preprocessor
from .table import open_database
from .window import files_of

MEANINGS = {
    "inference": "inference_attribute",
    "probability": "probability_attribute",
    "ground_truth": "ground_truth_attribute",
}
FIRST = Attribute("0", MEANINGS["ground_truth"])
"""Where a label stands in its groundTruthData, if nothing else is said."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Columns of equal length, as they were read: numbers, or objects. `left_out` rows had a value missing."""

    columns: Mapping[str, np.ndarray]
    left_out: int

    @property
    def rows(self) -> int:
        """How many predictions have a label."""
        return len(self.columns["ground_truth"])


def load_labelled(request: Request, quality: QualityRequest, scratch: Path) -> Labelled:
    """Read the dataset's predictions and labels; AnalysisError if no row has both."""
    given = {name: getattr(quality, name) for name in MEANINGS}
    attributes = {name: Attribute(text, MEANINGS[name]) for name, text in given.items() if text is not None}
    kind = request.dataset_format.kind
    if kind == "sagemakercapturejson":
        raise AnalysisError(
            "Captured data has no labels: a model quality analysis reads what the ground truth merge has written, "
            'dataset_format {"sagemakerMergeJson":{"captureIndexNames":["endpointOutput"]}}.'
        )
    if kind != "sagemakermergejson":
        labelled = _whole(_table(request, attributes, scratch))
    else:
        labelled = _plain(request, quality, attributes, scratch) or _whole(_merged(request, attributes))
    if not labelled.rows:
        raise AnalysisError(
            f"No data: none of the {labelled.left_out} rows of {request.source} has both a prediction and a label."
        )
    return labelled


def _whole(columns: Mapping[str, np.ndarray]) -> Labelled:
    """The rows that have every value."""
    whole = np.logical_and.reduce([_present(column) for column in columns.values()])
    return Labelled({name: column[whole] for name, column in columns.items()}, int((~whole).sum()))


def _plain(
    request: Request, quality: QualityRequest, attributes: Mapping[str, Attribute], scratch: Path
) -> Labelled | None:
    """Merged calls in portions; None if they have to be read a record at a time."""
    if request.preprocessor:
        return None
    files = files_of(request.source, request.window)
    places = {name: attribute.index for name, attribute in ({"ground_truth": FIRST} | dict(attributes)).items()}
    fractions = set(places) if quality.problem_type == "Regression" else {"probability"}
    texts: dict[str, str] = {}
    try:
        with tempfile.TemporaryDirectory(dir=scratch) as folder, open_database(scratch) as connection:
            answers = CsvAnswers(files, request.window, _outputs(request), places)
            found = [
                _whole({name: _shared(column, texts) for name, column in columns.items()})
                for columns in answers.portions(connection, fractions, Path(folder))
            ]
    except (Uneven, duckdb.Error) as error:
        logging.debug("Not read in portions: %s", error)
        return None
    if not found:
        return None
    columns = {name: np.concatenate([one.columns[name] for one in found]) for name in places}
    return Labelled(columns, sum(one.left_out for one in found))


def _shared(column: np.ndarray, texts: dict[str, str]) -> np.ndarray:
    """Equal texts as one object: there are few, and many rows."""
    return column if column.dtype.kind == "f" else _array([texts.setdefault(text, text) for text in column])


def _present(column: np.ndarray) -> np.ndarray:
    if column.dtype.kind == "f":
        return ~np.isnan(column)
    if column.dtype.kind == "O":
        return np.array([value is not None and str(value).strip() != "" for value in column], dtype=bool)
    return np.ones(len(column), dtype=bool)


def _table(request: Request, attributes: Mapping[str, Attribute], scratch: Path) -> dict[str, np.ndarray]:
    if "ground_truth" not in attributes:
        raise AnalysisError("ground_truth_attribute is missing: set it to the column of the dataset with the labels.")
    table = load(request, None, scratch)
    places = {name: attribute.column(table.names) for name, attribute in attributes.items()}
    found = table.connection.execute(
        "SELECT " + ", ".join(f"c{i} AS {name}" for name, i in places.items()) + " FROM data"
    )
    columns = found.fetchnumpy()
    table.connection.close()
    return {name: _unmasked(columns[name]) for name in places}


def _unmasked(column: Any) -> np.ndarray:
    if not isinstance(column, np.ma.MaskedArray) or not column.mask.any():
        return np.asarray(column)
    numeric = column.dtype.kind in "iuf"
    return column.astype(float).filled(np.nan) if numeric else column.astype(object).filled(None)


def _merged(request: Request, attributes: Mapping[str, Attribute]) -> dict[str, np.ndarray]:
    script = Preprocessor(request.preprocessor) if request.preprocessor else None
    names = list(dict.fromkeys([*attributes, "ground_truth"]))
    found: dict[str, list[Any]] = {name: [] for name in names}
    seen = 0
    for record in records_of(files_of(request.source, request.window), request.window):
        seen += 1
        try:
            values = _by_script(record, attributes, script) if script else _of_call(record, request, attributes)
        except AnalysisError as error:
            event = record.get("eventMetadata") or {}
            raise AnalysisError(f"{error} (eventId {event.get('eventId', '?')})") from error
        for name in names:
            found[name] += values[name]
    if not seen:
        raise AnalysisError(
            f"No data: none of the merged calls in {request.source} was made in {request.window}. Move the window to "
            "hours that have labels."
        )
    return {name: _array(column) for name, column in found.items()}


def _array(values: Sequence[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _outputs(request: Request) -> list[str]:
    """The capture indexes of answers."""
    indexes = [*request.dataset_format.capture_indexes, "endpointOutput", "batchTransformOutput"]
    return [index for index in indexes if index.endswith("Output")]


def _of_call(record: Mapping[str, Any], request: Request, attributes: Mapping[str, Attribute]) -> dict[str, list[Any]]:
    data = record["captureData"]
    output = next((data[index] for index in _outputs(request) if data.get(index)), None)
    if output is None:
        raise AnalysisError("A captured call has no output: capture Output in the endpoint's DataCaptureConfig.")
    labels = _labels(record, attributes.get("ground_truth"))
    found = {"ground_truth": labels}
    for name, attribute in attributes.items():
        if name != "ground_truth":
            found[name] = _matched(attribute, output, len(labels))
    return found


def _matched(attribute: Attribute, output: Mapping[str, Any], labels: int) -> list[Any]:
    """As many predictions as labels; predictions of several rows may stand on one line."""
    values = attribute.values(output)
    if len(values) == 1 and labels > 1 and attribute.index == 0:
        row = str(output.get("data") or "").strip().strip("[]").split(",")
        values = row if len(row) == labels else values
    if len(values) != labels:
        raise AnalysisError(
            f"A captured call has {len(values)} predictions and its ground truth {labels} labels. Upload one label a "
            "prediction, one a line, or invoke the endpoint with one row at a time."
        )
    return values


def _labels(record: Mapping[str, Any], attribute: Attribute | None) -> list[Any]:
    truth = record.get("groundTruthData")
    if not isinstance(truth, dict):
        raise AnalysisError("A record has no groundTruthData: the dataset is not what the ground truth merge writes.")
    return (attribute or FIRST).values(truth) or [None]


def _by_script(
    record: Mapping[str, Any], attributes: Mapping[str, Attribute], script: Preprocessor
) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in (*attributes, "ground_truth")}
    rows = list(script.rows(record))
    for row in rows:
        for name, value in _picked(row, attributes):
            found[name].append(value)
    if "ground_truth" not in attributes and rows:
        found["ground_truth"] = _labels(record, None)
        if len(found["ground_truth"]) != len(rows):
            raise AnalysisError(
                f"preprocess_handler made {len(rows)} rows of a call with {len(found['ground_truth'])} labels."
            )
    return found


def _picked(row: Mapping[str, Any], attributes: Mapping[str, Attribute]) -> Iterator[tuple[str, Any]]:
    names, cells = list(row), list(row.values())
    for name, attribute in attributes.items():
        yield name, cells[attribute.column(names)]
