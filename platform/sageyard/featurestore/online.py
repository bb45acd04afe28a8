"""The online store: the latest record of every identifier, and what goes to the offline store. All SQL is here.

A put costs one short transaction; nothing is kept in memory. `features.db` grows with the records that are stored, its
log is folded in every second (`Database.checkpoint`), and the outbox is as long as the offline store is behind.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sageyard.featurestore.schema import Record
from sageyard.store.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store has of an identifier. Times in epoch seconds, `ttl` in seconds; `text` is the record as JSON."""

    text: str
    event_time: float
    ttl: int | None
    expires: float | None
    is_deleted: bool = False
    """Softly: the features are null, the event time still counts."""

    @property
    def record(self) -> Record:
        record: Record = json.loads(self.text)
        return record

    def alive(self, now: float) -> bool:
        """Whether it has not expired."""
        return self.expires is None or self.expires > now


class OnlineStore:
    """The tables `online_stores` and `online_records`, and the way into `offline_outbox`.

    Stores are known by number. What has expired is gone for every reader, purged or not.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    # -- stores ---------------------------------------------------------------------------------------------------

    def open(self, group: str) -> int:
        """The number of a feature group's store, made where there is none."""
        with self.database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO online_stores (feature_group_arn) VALUES (?)", (group,))
            found = connection.execute("SELECT id FROM online_stores WHERE feature_group_arn = ?", (group,)).fetchone()
            return int(found["id"])

    def drop(self, group: str) -> None:
        """Make a store unreachable at once, whatever its size; `sweep` removes its records."""
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE online_stores SET feature_group_arn = NULL WHERE feature_group_arn = ?", (group,)
            )

    def bytes_of(self, group: str) -> int:
        """The size of a feature group's store."""
        found = self.database.row("SELECT bytes FROM online_stores WHERE feature_group_arn = ?", (group,))
        return int(found["bytes"]) if found else 0

    # -- records --------------------------------------------------------------------------------------------------

    def latest(self, store: int, identifier: str) -> Stored | None:
        """What the store has of an identifier: it may be expired, or deleted softly."""
        found = self.database.row(
            "SELECT record, event_time, ttl, expires, is_deleted FROM online_records"
            " WHERE store = ? AND identifier = ?",
            (store, identifier),
        )
        return Stored(*found) if found else None

    def write(self, store: int, identifier: str, after: Stored, before: Stored | None) -> None:
        """Replace what the store has of an identifier, `before`, in a transaction of the caller's."""
        self.database.connection.execute(
            "INSERT INTO online_records (store, identifier, event_time, record, ttl, expires, is_deleted)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (store, identifier) DO UPDATE SET"
            " event_time = excluded.event_time, record = excluded.record, ttl = excluded.ttl,"
            " expires = excluded.expires, is_deleted = excluded.is_deleted",
            (store, identifier, after.event_time, after.text, after.ttl, after.expires, after.is_deleted),
        )
        self._grow(store, len(after.text) - (len(before.text) if before else 0))

    def remove(self, store: int, identifier: str) -> None:
        """Remove all that the store has of an identifier, in a transaction of the caller's."""
        gone = self.database.connection.execute(
            "DELETE FROM online_records WHERE store = ? AND identifier = ? RETURNING length(record)",
            (store, identifier),
        ).fetchall()
        self._grow(store, -sum(size for (size,) in gone))

    def identifiers(self, store: int, after: str, limit: int, now: float, *, deleted: bool) -> list[str]:
        """One page of identifiers in their order, those of soft deletions only with `deleted`."""
        query = (
            "SELECT identifier FROM online_records WHERE store = ? AND identifier > ?"
            " AND (expires IS NULL OR expires > ?) AND is_deleted <= ? ORDER BY identifier LIMIT ?"
        )
        return [row["identifier"] for row in self.database.rows(query, (store, after, now, int(deleted), limit))]

    def to_offline(self, group: str, record: str, event_time: str, invoked: float, *, is_deleted: bool = False) -> None:
        """Leave a record for the offline store, in a transaction of the caller's."""
        self.database.connection.execute(
            "INSERT INTO offline_outbox (feature_group_arn, record, event_time, invoked, written, is_deleted)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (group, record, event_time, invoked, invoked, is_deleted),
        )

    def _grow(self, store: int, size: int) -> None:
        if size:
            self.database.connection.execute("UPDATE online_stores SET bytes = bytes + ? WHERE id = ?", (size, store))

    # -- purge ----------------------------------------------------------------------------------------------------

    def purge(self, now: float, limit: int, mark: Callable[[str, str, float], None]) -> int:
        """Remove up to `limit` expired records, in one transaction; answers how many.

        `mark` gets the feature group's ARN, the identifier and the time of expiry of each that was no soft deletion.
        """
        with self.database.transaction() as connection:
            rows = connection.execute(
                "SELECT store, identifier, expires, is_deleted, feature_group_arn AS arn FROM online_records"
                " JOIN online_stores ON online_stores.id = store WHERE expires <= ? AND arn IS NOT NULL"
                " ORDER BY expires LIMIT ?",
                (now, limit),
            ).fetchall()
            for row in rows:
                self.remove(row["store"], row["identifier"])
                if not row["is_deleted"]:
                    mark(row["arn"], row["identifier"], row["expires"])
            return len(rows)

    def sweep(self, limit: int) -> int:
        """Remove up to `limit` records of deleted feature groups; answers how many."""
        with self.database.transaction() as connection:
            swept = connection.execute(
                "DELETE FROM online_records WHERE rowid IN (SELECT rowid FROM online_records WHERE store ="
                " (SELECT id FROM online_stores WHERE feature_group_arn IS NULL ORDER BY id LIMIT 1) LIMIT ?)",
                (limit,),
            ).rowcount
            if swept < limit:
                connection.execute(
                    "DELETE FROM online_stores WHERE feature_group_arn IS NULL AND NOT EXISTS"
                    " (SELECT 1 FROM online_records WHERE store = online_stores.id)"
                )
            return swept

    def clear(self) -> None:
        """Forget every store and record."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM online_records")
            connection.execute("DELETE FROM online_stores")
