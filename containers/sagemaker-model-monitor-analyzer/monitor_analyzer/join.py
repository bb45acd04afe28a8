"""Captured calls joined with their labels by the database, their lines copied as they stand: the quick way to merge.

The database finds each call's id and label; the line is never parsed by Python and gets the label as its last member.
What it reads otherwise than `json` does is refused with duckdb.Error or Uneven, and merged a record at a time.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from .errors import Uneven
from .plain import read_lines, refuse

_FETCHED = 10_000


class JoinedLines:
    """The merge of capture files, read in the order given, with label files, of which the last says what counts."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, captures: Sequence[Path], truth: Sequence[Path]) -> None:
        self._connection = connection
        if not truth:
            raise Uneven("There is no label file.")
        label = {"groundTruthData": "JSON", "eventMetadata": "STRUCT(eventId VARCHAR)"}
        strange = refuse("eventMetadata IS NULL OR NOT ifnull(starts_with(groundTruthData::VARCHAR, '{'), false)")
        connection.execute(
            "CREATE TABLE records AS SELECT eventMetadata.eventId AS id, groundTruthData::VARCHAR AS label "
            f"FROM {read_lines(truth, label)} WHERE {strange}"
        )
        connection.execute(
            "CREATE TABLE labels AS SELECT id, arg_max(label, rowid) AS label FROM records WHERE id <> '' GROUP BY id"
        )
        # a struct of one member that captures lack: any object is read as one, and nothing of it is kept
        call = {
            "captureData": "STRUCT(nothing VARCHAR)",
            "eventMetadata": "STRUCT(eventId VARCHAR, inferenceId VARCHAR)",
            "groundTruthData": "JSON",
        }
        strange = refuse("captureData IS NULL OR groundTruthData IS NOT NULL")
        connection.execute(
            "CREATE TABLE calls AS SELECT coalesce(nullif(eventMetadata.inferenceId, ''), eventMetadata.eventId, '') "
            f"AS id FROM {read_lines(captures, call)} WHERE {strange}"
        )
        self.calls = self._number("SELECT count(*) FROM calls")
        self.labels = self._number("SELECT count(*) FROM labels")
        self.used = self._number("SELECT count(*) FROM labels SEMI JOIN calls USING (id)")
        self.without_id = self._number("SELECT count(*) FROM records WHERE ifnull(id, '') = ''")
        self.call_example = self._first("calls")
        self.label_example = self._first("records")
        self._place = -1
        self._matches = self._match()
        self._next = next(self._matches, (-1, ""))

    def lines(self, files: Sequence[Path]) -> Iterator[bytes]:
        """The merged lines of the next files."""
        wanted, label = self._next
        for path in files:
            with path.open("rb") as lines:
                for line in lines:
                    record = line.rstrip()
                    if not record:
                        continue
                    self._place += 1
                    if self._place == wanted:
                        yield b'%b,"groundTruthData":%b}\n' % (record[:-1], label.encode())
                        wanted, label = self._next = next(self._matches, (-1, ""))

    def finish(self) -> None:
        """Make sure that every line was the call that the database took it for."""
        if self._place != self.calls - 1:
            raise Uneven(f"The files have {self._place + 1} lines, and {self.calls} calls for the database.")

    def _match(self) -> Iterator[tuple[int, str]]:
        """Places of calls and their labels, in order."""
        found = self._connection.execute(
            "SELECT calls.rowid, label FROM calls JOIN labels USING (id) ORDER BY calls.rowid"
        )
        while rows := found.fetchmany(_FETCHED):
            yield from rows

    def _number(self, query: str) -> int:
        row = self._connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def _first(self, table: str) -> str:
        row = self._connection.execute(f"SELECT id FROM {table} WHERE id <> '' ORDER BY rowid LIMIT 1").fetchone()
        return str(row[0]) if row else ""
