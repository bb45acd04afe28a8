"""Datasets in files that DuckDB reads itself: CSV, JSON, parquet; CSV and parquet also portion by portion."""

import csv
import gzip
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import duckdb

from .errors import AnalysisError
from .portions import CELLS, portions
from .table import Table, distinct, finish, type_of_texts

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_BUFFER = 8 << 20
"""Bytes that one thread takes at a time: less than a portion, so that all threads have work."""
_NUMBERS = {"FLOAT", "DOUBLE", "HUGEINT", "UBIGINT", "UHUGEINT"}


def load_csv(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], header: bool, texts: Collection[str]
) -> Table:
    """Comma-separated files; without a header the columns are `_c0`, `_c1`, ... An empty field is missing.

    Types are guessed from the first 20,480 rows and read in one parallel pass; if a later row disagrees (or rows
    differ in length) the files are read again as text and typed by all their values.
    """
    names, types = _csv_columns(connection, files[0], header, texts)
    try:
        _read_csv(connection, files, header, types, "")
    except duckdb.Error:
        try:
            _read_csv(
                connection,
                files,
                header,
                ["VARCHAR"] * len(names),
                ", null_padding=true, strict_mode=false, parallel=false",
            )
        except duckdb.Error as error:
            raise AnalysisError(f"{files[0].parent} cannot be read as CSV: {_first_lines(error)}") from error
        types = type_of_texts(connection, names, texts)
    return finish(connection, names, types)


def csv_portions(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], header: bool, texts: Collection[str], scratch: Path
) -> Iterator[Table]:
    """The same in portions; duckdb.Error where a row is not what the first ones promised."""
    names, types = _csv_columns(connection, files[0], header, texts)
    for paths, begins in portions(files, scratch, quoted=True):
        _read_csv(connection, paths, header and begins, types, f", buffer_size={_BUFFER}")
        yield finish(connection, names, types)


def parquet_portions(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], texts: Collection[str]
) -> Iterator[Table]:
    """Parquet files by ranges of rows, as views: a query of a few columns reads those columns."""
    names, types, columns = _columns(connection, f"read_parquet({_paths(files)})", texts)
    counts = connection.execute(f"SELECT file_name, num_rows FROM parquet_file_metadata({_paths(files)})").fetchall()
    most = max(CELLS // len(names), 1)
    for path, rows in counts:
        source = f"read_parquet({_paths([path])}, file_row_number=true)"
        for start in range(0, rows, most):
            end = min(start + most, rows)
            connection.execute(
                f"CREATE OR REPLACE VIEW data AS SELECT {', '.join(columns)} FROM {source} "
                f"WHERE file_row_number >= {start} AND file_row_number < {end}"
            )
            yield Table(connection, distinct(names), types, end - start)


def load_json(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], lines: bool, texts: Collection[str]
) -> Table:
    """Flat JSON objects, one a line, or (lines false) one array or one object a file. An empty text is missing."""
    layout = "newline_delimited" if lines else "auto"
    relation = f"read_json({_paths(files)}, format='{layout}', records=true, convert_strings_to_integers=false)"
    return _load(connection, relation, "JSON objects" + (", one a line" if lines else ""), texts, files)


def load_parquet(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], texts: Collection[str]) -> Table:
    """Parquet files with flat columns."""
    return _load(connection, f"read_parquet({_paths(files)})", "parquet", texts, files)


def _load(
    connection: duckdb.DuckDBPyConnection, relation: str, what: str, texts: Collection[str], files: Sequence[Path]
) -> Table:
    try:
        names, types, columns = _columns(connection, relation, texts)
        connection.execute(f"CREATE TABLE data AS SELECT {', '.join(columns)} FROM {relation}")
    except duckdb.Error as error:
        raise AnalysisError(f"{files[0].parent} cannot be read as {what}: {_first_lines(error)}") from error
    return finish(connection, names, types)


def _columns(
    connection: duckdb.DuckDBPyConnection, relation: str, texts: Collection[str]
) -> tuple[list[str], list[str], list[str]]:
    """Names, types and expressions of the columns."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    names, types, columns = [], [], []
    for i, (name, kind, *_) in enumerate(described):
        if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
            raise AnalysisError(
                f"Column {name!r} holds nested values ({kind}); only flat columns can be analysed. "
                "Flatten it, or give the job a record_preprocessor_script that does."
            )
        target = "BIGINT" if kind in _INTEGERS else "DOUBLE" if kind in _NUMBERS else "VARCHAR"
        target = "DOUBLE" if kind.startswith("DECIMAL") else target
        target = "VARCHAR" if name in texts else target
        quoted = '"' + name.replace('"', '""') + '"'
        value = f"({quoted} ->> '$')" if kind == "JSON" else quoted
        cast = f"CAST({value} AS {target})"
        columns.append(f"nullif({cast}, '') AS c{i}" if target == "VARCHAR" else f"{cast} AS c{i}")
        names.append(name)
        types.append(target)
    return names, types, columns


def _csv_columns(
    connection: duckdb.DuckDBPyConnection, path: Path, header: bool, texts: Collection[str]
) -> tuple[list[str], list[str]]:
    """Names, and types by the first rows of a file."""
    names = _csv_names(path, header)
    guess = _csv_types(connection, path, header, len(names))
    return names, ["VARCHAR" if name in texts else kind for name, kind in zip(names, guess, strict=True)]


def _csv_names(path: Path, header: bool) -> list[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
            first = next(csv.reader(lines), [])
    except (OSError, UnicodeDecodeError) as error:
        raise AnalysisError(f"{path} cannot be read as CSV in UTF-8: {error}") from error
    return [name.strip() for name in first] if header else [f"_c{i}" for i in range(len(first))]


def _csv_types(connection: duckdb.DuckDBPyConnection, path: Path, header: bool, width: int) -> list[str]:
    try:
        row = connection.execute(
            "SELECT columns FROM sniff_csv(?, delim=',', quote='\"', header=?, sample_size=20480, "
            "auto_type_candidates=['BIGINT', 'DOUBLE', 'VARCHAR'])",
            [str(path), header],
        ).fetchone()
    except duckdb.Error:
        row = None
    types = [column["type"] for column in row[0]] if row else []
    return types if len(types) == width else ["VARCHAR"] * width


def _read_csv(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], header: bool, types: Sequence[str], options: str
) -> None:
    stored = ("DOUBLE" if kind == "BIGINT" else kind for kind in types)  # as BIGINT, 1.5 would become 2
    columns = "{" + ", ".join(f"'c{i}': '{kind}'" for i, kind in enumerate(stored)) + "}"
    connection.execute(
        f"CREATE OR REPLACE TABLE data AS SELECT * FROM read_csv({_paths(files)}, auto_detect=false, delim=',', "
        f"quote='\"', escape='\"', header={str(header).lower()}, columns={columns}{options})"
    )


def _paths(files: Sequence[Path | str]) -> str:
    return "[" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in files) + "]"


def _first_lines(error: Exception) -> str:
    return " ".join(str(error).splitlines()[:3])
