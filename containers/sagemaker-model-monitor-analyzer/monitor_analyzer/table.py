"""The dataset as one DuckDB table, whatever it came from.

Columns are called c0, c1, ... inside the database (its identifiers ignore case, feature names do not) and carry one of
three types: BIGINT, DOUBLE, VARCHAR. A column whose first rows are whole numbers is a BIGINT but stored as DOUBLE where
later rows were not looked at: the database would round their fractions. One fraction makes it a DOUBLE after all.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

_INTEGRAL = r"[+-]?(0|[1-9]\d{0,17})"
_LEADING_ZERO = r"[+-]?0\d+"


@dataclass(slots=True)
class Table:
    """`types[i]` is the type of column `c<i>`, which holds the feature `names[i]`."""

    connection: duckdb.DuckDBPyConnection
    names: list[str]
    types: list[str]
    rows: int


def open_database(scratch: Path, *, ordered: bool = True) -> duckdb.DuckDBPyConnection:
    """An in-memory database that spills to `scratch` beyond 1 GB. That rows keep their order costs time."""
    return duckdb.connect(
        ":memory:",
        config={"memory_limit": "1GB", "temp_directory": str(scratch), "preserve_insertion_order": ordered},
    )


def finish(connection: duckdb.DuckDBPyConnection, names: Iterable[str], types: Sequence[str]) -> Table:
    """Describe the loaded table `data`."""
    row = connection.execute("SELECT count(*) FROM data").fetchone()
    return Table(connection, distinct(names), list(types), row[0] if row else 0)


def distinct(names: Iterable[str]) -> list[str]:
    """Feature names, each once: a name seen before gets `_1`, `_2`, ..."""
    seen: set[str] = set()
    result = []
    for name in names:
        unique, number = name, 0
        while unique in seen:
            number += 1
            unique = f"{name}_{number}"
        seen.add(unique)
        result.append(unique)
    return result


def type_of_texts(connection: duckdb.DuckDBPyConnection, names: Sequence[str], texts: Collection[str]) -> list[str]:
    """Give the all-VARCHAR table `data` its types, from all values; the features in `texts` stay strings.

    A column is numeric if every value is a number; digits with a leading zero (postal codes) are strings.
    """
    checks = ", ".join(
        f"count(c{i}), count(try_cast(c{i} AS DOUBLE)), count(*) FILTER (regexp_full_match(c{i}, '{_INTEGRAL}')), "
        f"count(*) FILTER (regexp_full_match(trim(c{i}), '{_LEADING_ZERO}'))"
        for i in range(len(names))
    )
    counts = connection.execute(f"SELECT {checks} FROM data").fetchone() or ()
    types = []
    for i, name in enumerate(names):
        present, numbers, integers, zeros = counts[4 * i : 4 * i + 4]
        if name in texts or present == 0 or numbers < present or zeros:
            types.append("VARCHAR")
        else:
            types.append("BIGINT" if integers == present else "DOUBLE")
    if set(types) != {"VARCHAR"}:
        casts = ", ".join(f"CAST(c{i} AS {kind}) AS c{i}" for i, kind in enumerate(types))
        connection.execute(f"CREATE TABLE typed AS SELECT {casts} FROM data")
        connection.execute("DROP TABLE data")
        connection.execute("ALTER TABLE typed RENAME TO data")
    return types
