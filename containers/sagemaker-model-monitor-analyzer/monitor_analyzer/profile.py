"""What the dataset looks like: one entry per feature of statistics.json.

Schema: AWS developer guide, model-monitor-byoc-statistics. Numbers as Deequ's analysers define them: the standard
deviation is the population's, ten buckets of equal width reach from the minimum to the maximum, the last one closed.
Not-a-number and infinite values count as missing.
"""

import math
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .numeric import Numeric
from .sketch import Sketch
from .table import Table
from .textual import Textual

BUCKETS = 10
LISTED_CATEGORIES = 120
"""Deequ's limit up to which a column's values are listed (ColumnProfiler.DEFAULT_CARDINALITY_THRESHOLD)."""
_MOST_CELLS, _CELLS_PER_CHUNK = 1 << 25, 1 << 23
"""A table with more values is fetched in chunks. Portions never have more: their rows are in any order."""


@dataclass(slots=True)
class Feature:
    """One column. `integral` and `fractional` count the present values that are whole and other numbers."""

    name: str
    inferred_type: str
    present: int
    missing: int
    integral: int = 0
    fractional: int = 0
    mean: float = 0.0
    sum: float = 0.0
    std_dev: float = 0.0
    min: float = 0.0
    max: float = 0.0
    buckets: np.ndarray = field(default_factory=lambda: np.zeros(BUCKETS, dtype=np.int64))
    sketch: Sketch = field(default_factory=Sketch)
    distinct_count: int = 0
    categories: dict[str, int] = field(default_factory=dict)
    """Value -> rows, most frequent first; empty beyond textual.COUNTED of them."""

    @property
    def numeric(self) -> bool:
        return self.inferred_type in ("Integral", "Fractional")

    @property
    def completeness(self) -> float:
        rows = self.present + self.missing
        return self.present / rows if rows else 1.0

    @property
    def edges(self) -> np.ndarray:
        return self.min + (self.max - self.min) * np.arange(BUCKETS + 1) / BUCKETS

    def to_json(self) -> dict[str, Any]:
        common = {"num_present": self.present, "num_missing": self.missing}
        entry: dict[str, Any] = {"name": self.name, "inferred_type": self.inferred_type}
        if not self.numeric:
            entry["string_statistics"] = {"common": common, "distinct_count": float(self.distinct_count)}
            if 0 < len(self.categories) <= LISTED_CATEGORIES:
                buckets = [{"value": value, "count": count} for value, count in self.categories.items()]
                entry["string_statistics"]["distribution"] = {"categorical": {"buckets": buckets}}
            return entry
        edges = self.edges
        buckets = [
            {"lower_bound": float(edges[i]), "upper_bound": float(edges[i + 1]), "count": float(self.buckets[i])}
            for i in range(BUCKETS)
        ]
        entry["numerical_statistics"] = {
            "common": common,
            "mean": self.mean,
            "sum": self.sum,
            "std_dev": self.std_dev,
            "min": self.min,
            "max": self.max,
            "distribution": {"kll": {"buckets": buckets, "sketch": self.sketch.to_json()}},
        }
        return entry


def profile(tables: Iterable[Table], scratch: Path) -> tuple[list[Feature], int]:
    """Profile every column of the portions of one dataset, and count its rows; `scratch` is for files.

    While one portion is read, NumPy (which works without the interpreter's lock) sums up the one before.
    """
    columns: list[Numeric | Textual] = []
    names: list[str] = []
    types: list[str] = []
    rows = 0
    pending: list[Future[None]] = []
    table = None
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for table in tables:
            names, types = table.names, table.types
            columns = columns or [
                Textual() if kind == "VARCHAR" else Numeric(scratch / f"c{i}.sorted") for i, kind in enumerate(types)
            ]
            rows += table.rows
            numeric = {i: column for i, column in enumerate(columns) if isinstance(column, Numeric)}
            for chunk in _chunks(table, list(numeric)):
                _wait(pending)
                pending = [threads.submit(column.add, chunk.pop(f"c{i}")) for i, column in numeric.items()]
            for i, column in enumerate(columns):
                if isinstance(column, Textual):
                    column.add(table.connection, f"c{i}")
        _wait(pending)
    if table is None:
        return [], 0
    features = []
    for name, kind, column in zip(names, types, columns, strict=True):
        if isinstance(column, Numeric):
            features.append(_of_numbers(name, kind, column, rows))
        else:
            categories, distinct = column.finish(table.connection)
            features.append(
                Feature(
                    name,
                    "String" if column.present else "Unknown",
                    column.present,
                    rows - column.present,
                    column.integral,
                    column.fractional,
                    distinct_count=distinct,
                    categories=categories,
                )
            )
    return features, rows


def _wait(pending: Iterable[Future[None]]) -> None:
    for future in pending:
        future.result()


def _of_numbers(name: str, kind: str, column: Numeric, rows: int) -> Feature:
    integral = kind == "BIGINT" and not column.fractional and not column.infinite
    feature = Feature(
        name,
        ("Integral" if integral else "Fractional") if column.present else "Unknown",
        column.present,
        rows - column.present,
        column.present - column.fractional,
        column.fractional,
    )
    if column.present:
        feature.mean, feature.sum = column.mean, column.sum
        feature.std_dev = math.sqrt(column.squares / column.present)
        feature.min, feature.max = column.min, column.max
        feature.sketch = column.sketch
        feature.buckets = column.counts_between(feature.edges)
    return feature


def _chunks(table: Table, columns: list[int]) -> Iterator[dict[str, Any]]:
    if not columns:
        return
    values = (f"ifnull(CAST(c{i} AS DOUBLE), 'nan') AS c{i}" for i in columns)
    select = f"SELECT {', '.join(values)} FROM data"
    whole = table.rows * len(columns) <= _MOST_CELLS
    size = table.rows if whole else max(_CELLS_PER_CHUNK // len(columns), 1 << 16)
    for start in range(0, table.rows, max(size, 1)):
        bounds = f" WHERE rowid >= {start} AND rowid < {start + size}" if table.rows > size else ""
        yield table.connection.execute(select + bounds).fetchnumpy()
