"""Resources and tags as rows: all SQL about them is here."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sageyard.store.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
SORT_COLUMNS = {"CreationTime": "created", "LastModifiedTime": "modified", "Name": "name", "Status": "status"}


@dataclass(frozen=True, slots=True)
class Row:
    """One resource as stored. Times in epoch seconds; `id` grows with creation."""

    kind: str
    region: str
    name: str
    arn: str
    status: str
    created: float
    modified: float
    document: dict[str, Any]
    private: dict[str, Any]
    parent: str = ""
    id: int = 0


class NameTakenError(Exception):
    """A row with this kind, region and name exists; `arn` is its ARN."""

    def __init__(self, arn: str) -> None:
        super().__init__(arn)
        self.arn = arn


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of one kind a listing asks for. None means no condition."""

    kind: str
    region: str
    parent: str | None = None
    name_contains: str | None = None
    status: str | None = None
    created_after: float | None = None
    created_before: float | None = None
    modified_after: float | None = None
    modified_before: float | None = None
    members: tuple[tuple[str, object], ...] = ()
    """Document members that must have exactly this value; `Source.SourceUri` is one inside another."""
    among: list[str] | None = None
    """ARNs; nothing else is listed."""
    sort_by: str = "CreationTime"
    descending: bool = True
    after: tuple[object, int] | None = None
    """Sort value and id of the last row already seen: pages stay stable under concurrent writes."""
    limit: int = 100


class Resources:
    """The tables `resources` and `tags`."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path, MIGRATIONS)

    def insert(self, row: Row, tags: Iterable[tuple[str, str]] = ()) -> Row:
        """Store a new row with its tags, in one transaction; a taken name raises NameTakenError."""
        with self.database.transaction() as connection:
            try:
                cursor = connection.execute(
                    "INSERT INTO resources (kind, region, name, parent, arn, status, created, modified, document,"
                    " private) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (row.kind, row.region, row.name, row.parent, row.arn, row.status, row.created, row.modified,
                     json.dumps(row.document), json.dumps(row.private)),
                )  # fmt: skip
            except sqlite3.IntegrityError:
                found = self.get(row.kind, row.region, row.name)
                raise NameTakenError(found.arn if found else row.arn) from None
            if wanted := list(tags):
                self.add_tags(row.arn, wanted)
        return replace(row, id=int(cursor.lastrowid or 0))

    def update(self, row: Row) -> None:
        """Write a row's status, times, document and private notes; a row that is gone raises LookupError."""
        with self.database.transaction() as connection:
            changed = connection.execute(
                "UPDATE resources SET status = ?, modified = ?, document = ?, private = ?"
                " WHERE kind = ? AND region = ? AND name = ?",
                (row.status, row.modified, json.dumps(row.document), json.dumps(row.private),
                 row.kind, row.region, row.name),
            ).rowcount  # fmt: skip
        if not changed:
            raise LookupError(f"{row.kind} {row.name} in {row.region} is gone")

    def delete(self, row: Row) -> None:
        """Remove a row and its tags."""
        with self.database.transaction() as connection:
            connection.execute(
                "DELETE FROM resources WHERE kind = ? AND region = ? AND name = ?", (row.kind, row.region, row.name)
            )
            connection.execute("DELETE FROM tags WHERE arn = ?", (row.arn,))

    def get(self, kind: str, region: str, name: str) -> Row | None:
        """The row of a name."""
        return _row(
            self.database.row(
                "SELECT * FROM resources WHERE kind = ? AND region = ? AND name = ?", (kind, region, name)
            )
        )

    def exists(self, kind: str, region: str, name: str) -> bool:
        """Whether there is a row of that name; half the price of getting it."""
        query = "SELECT 1 FROM resources WHERE kind = ? AND region = ? AND name = ?"
        return self.database.row(query, (kind, region, name)) is not None

    def by_arn(self, arn: str, kind: str | None = None) -> Row | None:
        """The row of an ARN, of one kind if given."""
        if kind is None:
            return _row(self.database.row("SELECT * FROM resources WHERE arn = ?", (arn,)))
        return _row(self.database.row("SELECT * FROM resources WHERE arn = ? AND kind = ?", (arn, kind)))

    def has_arn(self, arn: str, kind: str) -> bool:
        """Whether a resource of a kind has this ARN; half the price of getting it."""
        return self.database.row("SELECT 1 FROM resources WHERE arn = ? AND kind = ?", (arn, kind)) is not None

    def in_statuses(self, kind: str, statuses: Iterable[str]) -> Iterator[Row]:
        """All rows of a kind, in any region, that have one of these statuses."""
        wanted = sorted(statuses)
        marks = ", ".join("?" * len(wanted))
        query = f"SELECT * FROM resources WHERE kind = ? AND status IN ({marks}) ORDER BY id"  # noqa: S608 - marks
        for found in self.database.rows(query, (kind, *wanted)):
            row = _row(found)
            assert row is not None
            yield row

    def select(self, wanted: Selection) -> list[Row]:
        """One page of a listing, in the order asked for."""
        column = SORT_COLUMNS[wanted.sort_by]
        where, values = ["kind = ?", "region = ?"], [wanted.kind, wanted.region]
        conditions: list[tuple[str, Any]] = [
            ("parent = ?", wanted.parent),
            ("instr(lower(name), ?) > 0", wanted.name_contains and wanted.name_contains.lower()),
            ("status = ?", wanted.status),
            ("created > ?", wanted.created_after),
            ("created < ?", wanted.created_before),
            ("modified > ?", wanted.modified_after),
            ("modified < ?", wanted.modified_before),
        ]
        for condition, value in conditions:
            if value is not None:
                where.append(condition)
                values.append(value)
        for member, value in wanted.members:
            where.append("json_extract(document, ?) = ?")
            values += ["$" + "".join(f'."{step}"' for step in member.split(".")), value]  # type: ignore[list-item]
        index = ""
        if wanted.among is not None:
            index = "INDEXED BY resources_by_arn"  # else SQLite walks the kind in the order asked for
            where.append("arn IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(wanted.among))
        direction, beyond = ("DESC", "<") if wanted.descending else ("ASC", ">")
        if wanted.after is not None:
            where.append(f"({column}, id) {beyond} (?, ?)")
            values += list(wanted.after)  # type: ignore[arg-type]
        query = (
            f"SELECT * FROM resources {index} WHERE {' AND '.join(where)}"  # noqa: S608 - only fixed text is composed
            f" ORDER BY {column} {direction}, id {direction} LIMIT ?"
        )
        found = self.database.rows(query, (*values, wanted.limit))
        return [row for item in found if (row := _row(item)) is not None]

    def counts(self) -> dict[str, dict[str, int]]:
        """How many resources there are, by kind and status."""
        answer: dict[str, dict[str, int]] = {}
        for kind, status, count in self.database.rows(
            "SELECT kind, status, count(*) FROM resources GROUP BY kind, status ORDER BY kind, status"
        ):
            answer.setdefault(kind, {})[status or "stored"] = count
        return answer

    def add_tags(self, arn: str, tags: Iterable[tuple[str, str]]) -> None:
        """Set tags on an ARN; a key that is there gets the new value."""
        with self.database.transaction() as connection:
            connection.executemany(
                "INSERT INTO tags VALUES (?, ?, ?) ON CONFLICT (arn, key) DO UPDATE SET value = excluded.value",
                [(arn, key, value) for key, value in tags],
            )

    def delete_tags(self, arn: str, keys: Iterable[str]) -> None:
        """Remove tags; keys that are not there are no error."""
        with self.database.transaction() as connection:
            connection.executemany("DELETE FROM tags WHERE arn = ? AND key = ?", [(arn, key) for key in keys])

    def tags(self, arn: str) -> list[tuple[str, str]]:
        """An ARN's tags, by key."""
        return [(key, value) for key, value in self.database.rows(
            "SELECT key, value FROM tags WHERE arn = ? ORDER BY key", (arn,))]  # fmt: skip

    def tagged(self, key: str, value: str) -> list[str]:
        """The ARNs that have a tag of this key and value."""
        query = "SELECT arn FROM tags WHERE key = ? AND value = ?"
        return [arn for (arn,) in self.database.rows(query, (key, value))]

    def fact(self, name: str) -> str | None:
        """A remembered setting."""
        row = self.database.row("SELECT value FROM facts WHERE name = ?", (name,))
        return row["value"] if row else None

    def remember(self, name: str, value: str) -> None:
        """Remember a setting across restarts."""
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
            )

    def clear(self) -> None:
        """Forget every resource, tag and setting."""
        with self.database.transaction() as connection:
            for table in ("resources", "tags", "facts", "associations", "trial_members"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names


def _row(found: sqlite3.Row | None) -> Row | None:
    if found is None:
        return None
    values = dict(found)
    values["document"], values["private"] = json.loads(values["document"]), json.loads(values["private"])
    return Row(**values)
