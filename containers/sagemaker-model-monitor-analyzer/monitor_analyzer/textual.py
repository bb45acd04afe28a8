"""A column of text, counted portion by portion: exactly up to COUNTED values, estimated beyond."""

import duckdb
import numpy as np

COUNTED = 10_000
_KEPT = 1 << 14
_HASHES = 2.0**64


class Textual:
    """Values and their counts; beyond COUNTED values only how many there are.

    That number is estimated from the smallest hashes of the values (Bar-Yossef and others, "Counting distinct elements
    in a data stream", 2002): with 16,384 of them to 0.8%.
    """

    def __init__(self) -> None:
        self.present = self.integral = self.fractional = 0
        self._counts: dict[str, int] | None = {}
        self._hashes = np.empty(0, dtype=np.uint64)

    def add(self, connection: duckdb.DuckDBPyConnection, column: str) -> None:
        """Take in a column of the table `data`; the empty text is a missing value there already."""
        if self._counts is not None:
            found = connection.execute(
                f"SELECT {column}, count(*) FROM data WHERE {column} IS NOT NULL GROUP BY ALL LIMIT {COUNTED + 1}"
            ).fetchall()
            if len(found) <= COUNTED and len(self._counts.keys() | {value for value, _ in found}) <= COUNTED:
                self.present += sum(count for _, count in found)
                for value, count in found:
                    self._counts[value] = self._counts.get(value, 0) + count
                return
            self._give_up_counting(connection)
        self.present += _first(connection, f"SELECT count({column}) FROM data")[0]
        # only texts that begin like a number are tried: below ':' are digits, signs, the point and white space
        whole, other = _first(
            connection,
            "SELECT count(*) FILTER (number = trunc(number)), count(*) FILTER (number <> trunc(number)) FROM "
            f"(SELECT try_cast({column} AS DOUBLE) AS number FROM data WHERE {column} < ':') WHERE isfinite(number)",
        )
        self.integral += whole
        self.fractional += other
        below = f" AND hash({column}) < {self._hashes[-1]}" if len(self._hashes) == _KEPT else ""
        self._keep(connection, f"SELECT hash({column}) AS hashed FROM data WHERE {column} IS NOT NULL{below}")

    def finish(self, connection: duckdb.DuckDBPyConnection) -> tuple[dict[str, int], int]:
        """The values, most frequent first (none beyond COUNTED), and how many different ones there are."""
        if self._counts is None:
            if len(self._hashes) < _KEPT:
                return {}, len(self._hashes)
            return {}, round((_KEPT - 1) / (float(self._hashes[-1]) / _HASHES))
        self._count_numbers(connection)
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return dict(ordered), len(ordered)

    def _count_numbers(self, connection: duckdb.DuckDBPyConnection) -> None:
        counts = self._counts or {}
        numbers = connection.execute(
            "SELECT value, number FROM (SELECT value, try_cast(value AS DOUBLE) AS number FROM "
            "(SELECT unnest(?::VARCHAR[]) AS value)) WHERE isfinite(number)",
            [list(counts)],
        ).fetchall()
        self.integral += sum(counts[value] for value, number in numbers if number.is_integer())
        self.fractional += sum(counts[value] for value, number in numbers if not number.is_integer())

    def _give_up_counting(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._count_numbers(connection)
        self._keep(connection, "SELECT hash(unnest(?::VARCHAR[])) AS hashed", [list(self._counts or ())])
        self._counts = None

    def _keep(self, connection: duckdb.DuckDBPyConnection, query: str, parameters: object = None) -> None:
        hashes = connection.execute(query, parameters).fetchnumpy()["hashed"]
        self._hashes = np.union1d(self._hashes, np.asarray(hashes, dtype=np.uint64))[:_KEPT]


def _first(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    return connection.execute(query).fetchone() or ()
