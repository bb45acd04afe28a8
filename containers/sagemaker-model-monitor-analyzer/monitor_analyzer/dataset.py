"""From `dataset_source` to one table, by the kind of dataset and with the user's preprocessing if there is any."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from .capture import records_of, rows_of_record
from .constraints import Baseline
from .environment import DatasetFormat, Request
from .errors import AnalysisError
from .files import load_csv, load_json, load_parquet
from .layout import Layout
from .rowfile import RowFile
from .scripts import Preprocessor
from .table import Table, open_database
from .window import files_of

RECORDS = ("sagemakercapturejson", "sagemakermergejson")
"""Kinds of dataset that hold captured calls, a merged one with their labels."""


def load(request: Request, baseline: Baseline | None, scratch: Path) -> Table:
    """Read the dataset; AnalysisError if there is nothing to analyse."""
    files = files_of(request.source, request.window)
    connection, kind = open_database(scratch), request.dataset_format.kind
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
        names = list(baseline.features)[: len(table.names)]
        table.names = names + table.names[len(names) :]
    return table


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
