"""Rows that Python produced, on their way into the database: a CSV file in the scratch directory."""

import csv
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import duckdb

from .errors import AnalysisError
from .payload import FLATTEN
from .table import Table, finish, type_of_texts


class RowFile:
    """Collects rows; columns come as they are first seen."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._columns: dict[str, int] = {}
        self._names: Sequence[str] | None = None
        self._places: list[int] = []
        self._in_order = False
        self.rows = 0

    def add(self, names: Sequence[str], values: Sequence[Any]) -> None:
        """One row; the same `names` object again and again is the quick way."""
        if names is not self._names:
            self._places = [self._columns.setdefault(name, len(self._columns)) for name in names]
            self._in_order = self._places == list(range(len(names)))
            self._names = names
        cells = [value if type(value) is str else _cell(value) for value in values]
        if not self._in_order:
            placed: list[Any] = [None] * len(self._columns)
            for place, cell in zip(self._places, cells, strict=True):
                placed[place] = cell
            cells = placed
        self._writer.writerow(cells)
        self.rows += 1

    def load(self, connection: duckdb.DuckDBPyConnection, order: Collection[str], texts: Collection[str]) -> Table:
        """Load what was collected, columns named in `order` first."""
        self._file.close()
        names = [name for name in order if name in self._columns]
        names += [name for name in self._columns if name not in set(names)]
        columns = "{" + ", ".join(f"'r{i}': 'VARCHAR'" for i in range(len(self._columns))) + "}"
        select = ", ".join(f"r{self._columns[name]} AS c{i}" for i, name in enumerate(names))
        source = str(self._path).replace("'", "''")
        connection.execute(
            f"CREATE TABLE data AS SELECT {select} FROM read_csv('{source}', auto_detect=false, delim=',', quote='\"', "
            f"escape='\"', header=false, columns={columns}, null_padding=true, parallel=false, "
            "new_line='\\n', max_line_size=67108864)"
        )
        self._path.unlink()
        return finish(connection, names, type_of_texts(connection, names, texts))


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str | int | float):
        return value
    item = getattr(value, "item", None)
    if callable(item):  # a NumPy scalar from a script
        return _cell(item())
    raise AnalysisError(
        f"A row holds {str(value)[:80]!r}, a {type(value).__name__}; "
        f"only numbers, text, true, false and null can be analysed. {FLATTEN}"
    )
