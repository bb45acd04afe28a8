"""From `dataset_source` to one table, by the kind of dataset and with the user's preprocessing if there is any."""

import itertools
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from .calls import CsvCalls
from .capture import records_of, rows_of_record
from .constraints import Baseline
from .environment import DatasetFormat, Request
from .errors import AnalysisError, Uneven
from .files import csv_portions, load_csv, load_json, load_parquet, parquet_portions
from .layout import Layout
from .rowfile import RowFile
from .scripts import Preprocessor
from .table import Table, open_database
from .window import files_of

RECORDS = ("sagemakercapturejson", "sagemakermergejson")
"""Kinds of dataset that hold captured calls, a merged one with their labels."""


def load(request: Request, baseline: Baseline | None, scratch: Path) -> Table:
    """Read the dataset; AnalysisError if there is nothing to analyse."""
    kind = request.dataset_format.kind
    files = files_of(request.source, request.window if kind in RECORDS else None)
    connection = open_database(scratch)
    texts = baseline.texts if baseline else set()
    if request.preprocessor or kind in RECORDS:
        table = _load_records(request, baseline, files, connection, scratch)
    elif kind == "csv":
        table = load_csv(connection, files, request.dataset_format.csv_header, texts)
    elif kind == "json":
        table = load_json(connection, files, request.dataset_format.json_lines, texts)
    else:
        table = load_parquet(connection, files, texts)
    if table.rows == 0:
        raise AnalysisError(f"No data: the {len(files)} files in {request.source} hold no rows.")
    if baseline and kind == "csv" and not request.dataset_format.csv_header and not request.preprocessor:
        table.names = _names_of_baseline(baseline, table.names, scheduled=request.window is not None)
    return table


def load_portions(
    request: Request,
    baseline: Baseline | None,
    texts: Collection[str],
    connection: duckdb.DuckDBPyConnection,
    scratch: Path,
) -> Iterator[Table]:
    """The same dataset in portions, tables that replace one another, with `texts` read as text.

    Uneven or duckdb.Error, also while the portions are used, says that only `load` can read it or say what is wrong.
    """
    kind, form = request.dataset_format.kind, request.dataset_format
    if request.preprocessor or kind == "json":
        raise Uneven("A script reads it, or it is JSON.")
    files = files_of(request.source, request.window if kind in RECORDS else None)
    texts = {*texts, *(baseline.texts if baseline else ())}
    if kind in RECORDS:
        last = baseline.outputs_last if baseline else form.output_columns_last
        layout = Layout(list(baseline.features) if baseline else None, last)
        calls = CsvCalls(files, request.window, form.capture_indexes, layout, last)
        tables = calls.portions(connection, texts, scratch)
    elif kind == "csv":
        tables = csv_portions(connection, files, form.csv_header, texts, scratch)
    else:
        tables = parquet_portions(connection, files, texts)
    for table in tables:
        if baseline and kind == "csv" and not form.csv_header:
            table.names = _names_of_baseline(baseline, table.names, scheduled=request.window is not None)
        yield table


def _names_of_baseline(baseline: Baseline, columns: list[str], *, scheduled: bool) -> list[str]:
    """Names by position. The inputs of transform jobs lack the label that training data begins with: the names are
    then those of the last columns, as with captured inputs."""
    names = list(baseline.features)
    if scheduled and len(columns) < len(names) and not baseline.outputs_last:
        return names[-len(columns) :]
    return names[: len(columns)] + columns[len(names) :]


def excluded_names(given: Sequence[str], columns: Sequence[str], baseline: Baseline | None) -> set[str]:
    """The columns that shall not be analysed (ExcludeFeaturesAttribute: names or indexes); the baseline forgets them
    too. What is neither raises AnalysisError."""
    known = set(columns) | set(baseline.features if baseline else ())
    names = set()
    for one in given:
        if one not in known and not (one.isdigit() and int(one) < len(columns)):
            raise AnalysisError(
                f"exclude_features_attribute {one!r} is no column of the dataset; it has {', '.join(columns)}. Give "
                "names or indexes, counted from 0 and separated by commas."
            )
        names.add(one if one in known else columns[int(one)])
    for name in names if baseline else ():
        baseline.features.pop(name, None)
    return names


def _load_records(
    request: Request, baseline: Baseline | None, files: list[Path], connection: duckdb.DuckDBPyConnection, scratch: Path
) -> Table:
    names = list(baseline.features) if baseline else None
    rows = RowFile(scratch / "rows.csv")
    seen = 0
    script = Preprocessor(request.preprocessor) if request.preprocessor else None
    last = baseline.outputs_last if baseline else request.dataset_format.output_columns_last
    layout = Layout(names, last)
    for record in _records(request, files):
        seen += 1
        if script:
            for row in script.rows(record):
                row = _by_position(row, names)
                rows.add(list(row), list(row.values()))
        else:
            for features, cells in rows_of_record(record, request.dataset_format.capture_indexes, layout):
                rows.add(features, cells)
    if seen == 0:
        raise AnalysisError(
            f"No data: none of the records in the {len(files)} files of {request.source} was captured in "
            f"{request.window}. Send traffic in that window, or move the window to hours that have data."
        )
    if rows.rows == 0:
        reason = "preprocess_handler left out every one of them" if script else "they hold no rows"
        raise AnalysisError(f"No data: {seen} records of {request.source} were read, but {reason}.")
    return rows.load(connection, names or (), baseline.texts if baseline else ())


def _records(request: Request, files: list[Path]) -> Iterator[dict[str, Any]]:
    """Captured records; a line of a CSV or JSON lines dataset is handed to the script as an endpoint's input."""
    form: DatasetFormat = request.dataset_format
    if form.kind in RECORDS:
        yield from records_of(files, request.window)
        return
    if form.kind == "parquet" or (form.kind == "json" and not form.json_lines):
        raise AnalysisError(
            "A record_preprocessor_script needs captured data, CSV or JSON lines: it is called by line."
        )
    encoding, content_type = ("CSV", "text/csv") if form.kind == "csv" else ("JSON", "application/json")
    for path in files:
        with path.open(encoding="utf-8-sig") as lines:
            skipped = 1 if form.csv_header and form.kind == "csv" else 0
            for line in itertools.islice(lines, skipped, None):
                if line.strip():
                    payload = {"data": line.rstrip("\r\n"), "encoding": encoding, "observedContentType": content_type}
                    yield {"captureData": {"endpointInput": payload | {"mode": "INPUT"}}, "eventVersion": "0"}


def _by_position(row: dict[str, Any], names: list[str] | None) -> dict[str, Any]:
    """A script that numbers its columns (`{"0000": ..., "0001": ...}`) means the baseline's, in that order."""
    if names is None or len(row) != len(names) or not row.keys().isdisjoint(names):
        return row
    return dict(zip(names, row.values(), strict=True))
