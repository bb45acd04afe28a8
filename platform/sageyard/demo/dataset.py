"""The problem: 569 real biopsies, 30 measurements each, malignant or benign (UCI WDBC, shipped with scikit-learn).

Business criterion: of the malignant cases at least 95% must be found (recall), since a missed one costs a life and a
false alarm costs another test.
"""

import csv
import io
import random
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sklearn.datasets import load_breast_cancer

REQUIRED_RECALL = 0.95
CHANGED_UNITS = {"worst radius": 10.0, "worst area": 100.0}
"""What the replaced instrument does: it reports this length in 1/10 mm and this area in 1/100 mm²."""

Table = list[tuple[int, tuple[float, ...]]]
"""Rows of (label: 1 malignant, measurements in column order)."""


@dataclass(frozen=True)
class Study:
    """The three parts of the data; no row is in two of them."""

    columns: tuple[str, ...]
    train: Table
    validation: Table
    test: Table


def create_database(path: Path) -> None:
    """The clinic's table `biopsies`, as an application would have left it."""
    data = load_breast_cancer()
    names = ", ".join(f'"{name}" REAL' for name in data.feature_names)
    with sqlite3.connect(path) as database:
        database.execute(f"CREATE TABLE biopsies (id INTEGER PRIMARY KEY, malignant INTEGER, {names})")
        database.executemany(
            f"INSERT INTO biopsies VALUES ({', '.join('?' * (2 + len(data.feature_names)))})",
            [
                (number, int(target == 0), *map(float, row))
                for number, (target, row) in enumerate(zip(data.target, data.data, strict=True))
            ],
        )


def extract(path: Path, seed: int = 4) -> Study:
    """Read the table and split it 70/20/10, stratified by diagnosis, shuffled with a fixed seed."""
    with sqlite3.connect(path) as database:
        cursor = database.execute("SELECT * FROM biopsies ORDER BY id")
        columns = tuple(column[0] for column in cursor.description[2:])
        rows: Table = [(label, values) for _, label, *measured in cursor if (values := tuple(measured))]
    parts: tuple[Table, Table, Table] = ([], [], [])
    source = random.Random(seed)
    for label in (0, 1):
        chosen = [row for row in rows if row[0] == label]
        source.shuffle(chosen)
        first, second = round(0.7 * len(chosen)), round(0.9 * len(chosen))
        for part, piece in zip(parts, (chosen[:first], chosen[first:second], chosen[second:]), strict=True):
            part.extend(piece)
    for part in parts:
        source.shuffle(part)
    return Study(columns, *parts)


def with_changed_units(table: Table, columns: tuple[str, ...], *, back: bool = False) -> Table:
    """The rows as the replaced instrument reports them, or such rows corrected."""
    factors = [CHANGED_UNITS.get(name, 1.0) for name in columns]
    return [
        (label, tuple(value / factor if back else value * factor for value, factor in zip(row, factors, strict=True)))
        for label, row in table
    ]


def to_csv(table: Table, columns: tuple[str, ...] | None = None, *, label: bool = True) -> str:
    """CSV text; `columns` adds a header, `label` puts the diagnosis first, as XGBoost's container wants it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if columns is not None:
        writer.writerow((["malignant"] if label else []) + [name.replace(" ", "_") for name in columns])
    writer.writerows(([target, *row] if label else row) for target, row in table)
    return text.getvalue()


def quality(table: Table, scores: list[float], threshold: float) -> tuple[float, float]:
    """Recall (share of the malignant rows that are called so) and precision (share of the calls that are right)."""
    called = [label for (label, _), score in zip(table, scores, strict=True) if score >= threshold]
    return sum(called) / sum(label for label, _ in table), sum(called) / max(1, len(called))
