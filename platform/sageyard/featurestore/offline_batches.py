"""The outbox in batches: which rows become objects of S3 together, and that each does so once. All SQL is here.

A batch is a row that names a range of one group's records; it is durable before its objects are written. Objects are
named after it, so a batch that was interrupted is written again over itself. Once all are in S3 it is marked `stored`,
and its records are deleted in small steps, for requests wait meanwhile; the last step deletes the batch. Ids of the
outbox are given anew only when it is empty, and then there is no batch left that could name them.
"""

import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sageyard.store.database import Database

ROWS = 5000
"""Records of a batch at most, and"""
BYTES = 16 << 20
"""bytes of their JSON, but for one record that alone has more."""
STEP = 500
"""Records read or deleted under one hold of the database's lock."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A range of one group's records; `written` is their write_time in epoch seconds."""

    id: int
    feature_group_arn: str
    first: int
    last: int
    written: float
    stored: bool


class Batches:
    """The records that were acknowledged and are not in the offline store yet; for one thread at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> int:
        """The id of the last record that was acknowledged; 0: none is left."""
        row = self._database.row("SELECT max(id) AS id FROM offline_outbox")
        return int(row["id"] or 0) if row else 0

    def next(self, now: float, without: Collection[str], until: int) -> Batch | None:
        """The batch to write now: one that was left unfinished, else a new one that begins with a record up to
        `until`; None where no group has any, but for those `without`."""
        marks = ", ".join("?" * len(without))
        left = f"feature_group_arn NOT IN ({marks}) ORDER BY id LIMIT 1"
        row = self._database.row(f"SELECT * FROM offline_batches WHERE {left}", (*without,))  # noqa: S608
        if row is not None:
            return _batch(row)
        query = f"SELECT id, feature_group_arn FROM offline_outbox WHERE id <= ? AND {left}"  # noqa: S608
        row = self._database.row(query, (until, *without))
        if row is None:
            return None
        first, arn = row["id"], row["feature_group_arn"]
        last = self._last(arn, first)
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO offline_batches (feature_group_arn, first, last, written) VALUES (?, ?, ?, ?) RETURNING *",
                (arn, first, last, now),
            )
            return _batch(cursor.fetchone())

    def _last(self, arn: str, first: int) -> int:
        """The last record of a batch that begins with `first`: the outbox only grows meanwhile."""
        last, size = first, 0
        for _ in range(ROWS // STEP):
            rows = self._database.rows(
                "SELECT id, length(record) AS size FROM offline_outbox WHERE feature_group_arn = ? AND id >= ?"
                " ORDER BY id LIMIT ?",
                (arn, last + bool(size), STEP),
            )
            for row in rows:
                size += row["size"]
                if size > BYTES and row["id"] > first:
                    return last
                last = row["id"]
            if len(rows) < STEP:
                break
        return last

    def records(self, batch: Batch) -> Iterator[sqlite3.Row]:
        """The records of a batch, in the order in which they were acknowledged."""
        after = batch.first - 1
        while rows := self._database.rows(
            "SELECT id, record, event_time, invoked, is_deleted FROM offline_outbox"
            " WHERE feature_group_arn = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?",
            (batch.feature_group_arn, after, batch.last, STEP),
        ):
            yield from rows
            after = rows[-1]["id"]

    def finish(self, batch: Batch) -> None:
        """All objects of the batch are in S3, or it has none: its records are done with."""
        if not batch.stored:
            with self._database.transaction() as connection:
                connection.execute("UPDATE offline_batches SET stored = 1 WHERE id = ?", (batch.id,))
        while not self._forget(batch):
            pass

    def _forget(self, batch: Batch) -> bool:
        """Delete the first records that are left of a batch, and with the last of them the batch."""
        mine = "feature_group_arn = ? AND id >= ? AND id <= ?"
        bounds = (batch.feature_group_arn, batch.first, batch.last)
        with self._database.transaction() as connection:
            connection.execute(
                f"DELETE FROM offline_outbox WHERE id IN (SELECT id FROM offline_outbox WHERE {mine}"  # noqa: S608
                " ORDER BY id LIMIT ?)",
                (*bounds, STEP),
            )
            query = f"SELECT 1 FROM offline_outbox WHERE {mine} LIMIT 1"  # noqa: S608
            if connection.execute(query, bounds).fetchone() is not None:
                return False
            connection.execute("DELETE FROM offline_batches WHERE id = ?", (batch.id,))
        return True

    def clear(self) -> None:
        """Forget all records and batches."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM offline_batches")
            connection.execute("DELETE FROM offline_outbox")


def _batch(row: sqlite3.Row) -> Batch:
    return Batch(row["id"], row["feature_group_arn"], row["first"], row["last"], row["written"], bool(row["stored"]))
