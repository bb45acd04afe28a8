"""What the dataset looks like: one entry per feature of statistics.json.

Schema: AWS developer guide, model-monitor-byoc-statistics. Numbers as Deequ's analysers define them: the standard
deviation is the population's, ten buckets of equal width reach from the minimum to the maximum, the last one closed.
Not-a-number and infinite values count as missing.
"""

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .sketch import Sketch
from .table import Table

BUCKETS = 10
LISTED_CATEGORIES = 120
"""Deequ's limit up to which a column's values are listed (ColumnProfiler.DEFAULT_CARDINALITY_THRESHOLD)."""
COUNTED_CATEGORIES = 10_000
_CELLS_PER_CHUNK = 1 << 24


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
    """Value -> rows, most frequent first; empty beyond COUNTED_CATEGORIES values."""

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


def profile(table: Table) -> list[Feature]:
    """Profile every column: one pass for counts and ranges, one for the distributions between them."""
    parts = ", ".join(_ranges(i, kind) for i, kind in enumerate(table.types))
    values = ", ".join(_values(i, kind) for i, kind in enumerate(table.types))
    row = table.connection.execute(f"SELECT {parts} FROM (SELECT {values} FROM data)").fetchone() or ()
    features = [_feature(table, i, row[4 * i : 4 * i + 4]) for i in range(len(table.names))]
    _distributions(table, {i: feature for i, feature in enumerate(features) if feature.numeric})
    for i, feature in enumerate(features):
        if feature.inferred_type == "String":
            _strings(table, i, feature)
    return features


def _ranges(i: int, kind: str) -> str:
    """Four columns: present, least, greatest, distinct."""
    if kind == "VARCHAR":
        return f"count(c{i}), 0, 0, approx_count_distinct(c{i})"
    return f"count(c{i}), min(c{i}), max(c{i}), 0"


def _values(i: int, kind: str) -> str:
    return f"CASE WHEN isfinite(c{i}) THEN c{i} END AS c{i}" if kind == "DOUBLE" else f"c{i}"


def _feature(table: Table, i: int, row: tuple[Any, ...]) -> Feature:
    present, least, greatest, distinct = row
    kind = {"VARCHAR": "String", "BIGINT": "Integral", "DOUBLE": "Fractional"}[table.types[i]]
    feature = Feature(
        name=table.names[i],
        inferred_type=kind if present else "Unknown",
        present=present,
        missing=table.rows - present,
        distinct_count=distinct,
    )
    if feature.numeric:
        feature.min, feature.max = float(least), float(greatest)
    return feature


def _distributions(table: Table, features: dict[int, Feature]) -> None:
    squares = dict.fromkeys(features, 0.0)

    def take(i: int, column: np.ndarray) -> None:
        feature = features[i]
        values = column.compressed() if isinstance(column, np.ma.MaskedArray) else column
        values = np.sort(values.astype(np.float64, copy=False))
        values = values[np.searchsorted(values, -np.inf, side="right") : np.searchsorted(values, np.inf, side="left")]
        if len(values) == 0:
            return
        seen = feature.integral + feature.fractional
        step = values.mean() - feature.mean
        total = seen + len(values)
        # deviations of two parts put together (Chan, Golub, LeVeque 1979): one pass without losing digits
        squares[i] += values.var() * len(values) + step * step * seen * len(values) / total
        feature.mean += step * len(values) / total
        feature.sum += float(values.sum())
        whole = int(np.count_nonzero(values == np.trunc(values)))
        feature.integral += whole
        feature.fractional += len(values) - whole
        inner = np.searchsorted(values, feature.edges[1:-1], side="left")
        feature.buckets += np.diff(np.concatenate([[0], inner, [len(values)]]))
        feature.sketch.add(values)

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # NumPy sorts without the interpreter's lock
        for chunk in _chunks(table, list(features)):
            list(threads.map(take, features, (chunk[f"c{i}"] for i in features)))
    for i, feature in features.items():
        feature.mean = float(feature.mean)
        feature.std_dev = math.sqrt(squares[i] / feature.present)


def _chunks(table: Table, columns: list[int]) -> Iterator[dict[str, Any]]:
    if not columns:
        return
    select = f"SELECT {', '.join(f'c{i}' for i in columns)} FROM data"
    size = max(_CELLS_PER_CHUNK // len(columns), 1 << 16)
    for start in range(0, table.rows, size):
        bounds = f" WHERE rowid >= {start} AND rowid < {start + size}" if table.rows > size else ""
        yield table.connection.execute(select + bounds).fetchnumpy()


def _strings(table: Table, i: int, feature: Feature) -> None:
    if feature.distinct_count <= COUNTED_CATEGORIES:
        rows = table.connection.execute(
            f"SELECT c{i}, count(*) AS rows, try_cast(c{i} AS DOUBLE) FROM data WHERE c{i} IS NOT NULL "
            f"GROUP BY c{i} ORDER BY rows DESC, c{i}"
        ).fetchall()
        feature.categories = {value: count for value, count, _ in rows}
        feature.distinct_count = len(rows)
        feature.integral = sum(count for _, count, number in rows if number is not None and number % 1 == 0)
        feature.fractional = sum(count for _, count, number in rows if number is not None and number % 1 != 0)
        return
    row = table.connection.execute(
        f"SELECT count(*) FILTER (number = trunc(number)), count(*) FILTER (number <> trunc(number)) "
        f"FROM (SELECT try_cast(c{i} AS DOUBLE) AS number FROM data)"
    ).fetchone()
    feature.integral, feature.fractional = row or (0, 0)
