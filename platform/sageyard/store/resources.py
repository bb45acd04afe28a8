"""Resources and tags as rows: all SQL about them is here."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sageyard.store.conditions import ORDERS, Condition, Order, compared, property_equals, property_order
from sageyard.store.database import Database
from sageyard.store.names import NameIndex
from sageyard.store.properties import Property, PropertyIndexes, json_path

MIGRATIONS = Path(__file__).parent / "migrations"
FEW = 2000
"""Ids that are sorted sooner than walked to."""
MANY = 20_000
"""Ids of one condition of several, of which all together may leave few."""
Key = object
"""What a row is sorted by: a value, a tuple of two, or None where it has none."""
After = tuple[Key, int]


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
    key: Key = None
    """In a page: what the row was sorted by."""


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
    """Document members that must have exactly this value; `Source.SourceUri` is one inside another, `Names[]` any
    item of a list and `Models[].ModelName` a member of any item."""
    compared: tuple[tuple[str, str, object], ...] = ()
    """Document members and how they must compare: `>`, `<` or `contains`, which ignores case."""
    among: list[str] | None = None
    """ARNs; nothing else is listed."""
    sort_by: str = "CreationTime"
    """`CreationTime`, `LastModifiedTime`, `Name`, `Status` or else a member of the document: `document.Name` where
    the column `name` has an identifier."""
    descending: bool = True
    after: After | None = None
    """Key and id of the last row already seen: pages stay stable under concurrent writes."""
    limit: int = 100


class Resources:
    """The tables `resources` and `tags`."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path, MIGRATIONS)
        self.names = NameIndex(self.database)
        self.properties = PropertyIndexes(self.database)

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
            stored = replace(row, id=int(cursor.lastrowid or 0))
            self.names.added(stored.id)
            if wanted := list(tags):
                self.add_tags(row.arn, wanted)
        return stored

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
            query = "DELETE FROM resources WHERE kind = ? AND region = ? AND name = ? RETURNING id"
            for (number,) in connection.execute(query, (row.kind, row.region, row.name)).fetchall():
                self.names.removed(number, row.kind, row.region, row.name)
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
        regions = (  # a walk from region to region, which `DISTINCT` is not
            "WITH RECURSIVE regions (region) AS (SELECT min(region) FROM resources WHERE kind = ?1 UNION ALL"
            " SELECT (SELECT min(region) FROM resources WHERE kind = ?1 AND region > regions.region) FROM regions"
            " WHERE region IS NOT NULL) SELECT region FROM regions"
        )
        query = f"SELECT * FROM resources WHERE kind = ?1 AND region IN ({regions}) AND status IN ({marks}) ORDER BY id"  # noqa: S608
        for found in self.database.rows(query, (kind, *wanted)):
            row = _row(found)
            assert row is not None
            yield row

    def select(self, wanted: Selection) -> list[Row]:
        """One page of a listing, in the order asked for."""
        order = self.order(wanted)
        conditions = self._conditions(wanted, order)
        return self.page(
            wanted.kind,
            wanted.region,
            conditions,
            order,
            among=self.rare(conditions),
            descending=wanted.descending,
            after=wanted.after,
            limit=wanted.limit,
        )

    def order(self, wanted: Selection) -> Order:
        """What a listing is sorted by, with the index that serves its other conditions best."""
        order = ORDERS.get(wanted.sort_by)
        if order is None:
            return property_order(
                self.properties, wanted.kind, Property(_steps(wanted.sort_by.removeprefix("document.")))
            )
        if wanted.sort_by == "CreationTime" and wanted.parent:
            return replace(order, index="resources_by_parent")
        if wanted.sort_by == "CreationTime" and wanted.status is not None:
            return replace(order, index="resources_by_status")
        return order

    def _conditions(self, wanted: Selection, order: Order) -> list[Condition]:
        kind, region = wanted.kind, wanted.region
        found: list[Condition] = []
        for column, value in (("parent", wanted.parent), ("status", wanted.status)):
            if value and order.index != f"resources_by_{column}":
                found.append(compared(column, kind, region, [("= ?", (value,))]))
            elif value is not None:  # the walk enters its index by this
                found.append(Condition(f"{column} = ?", (value,)))
        for column, after, before in (
            ("created", wanted.created_after, wanted.created_before),
            ("modified", wanted.modified_after, wanted.modified_before),
        ):
            limits = [(text, time) for text, time in (("> ?", after), ("< ?", before)) if time is not None]
            if limits:
                text = f" AND {column} ".join(text for text, _ in limits)
                found.append(compared(column, kind, region, [(text, tuple(time for _, time in limits))]))
        if wanted.name_contains is not None:
            found.append(self.name_contains(kind, region, wanted.name_contains))
        found += [self._member_equals(wanted, member, equal) for member, equal in wanted.members]
        for member, operator, limit in wanted.compared:
            key = Property(_steps(member)).value
            contains = f"instr(lower({key}), lower(?)) > 0"
            found.append(Condition(contains if operator == "contains" else f"{key} {operator} ?", (limit,)))
        if wanted.among is not None:
            arns = json.dumps(wanted.among)
            text = "arn IN (SELECT value FROM json_each(?))"
            lookup = f"SELECT id FROM resources INDEXED BY resources_by_arn WHERE {text}"  # noqa: S608 - fixed text
            found.append(Condition(text, (arns,), lookup, (arns,)))
        return found

    def name_contains(self, kind: str, region: str, text: str) -> Condition:
        """Names that contain a text, in any case."""
        sql, values = "instr(lower(resources.name), lower(?)) > 0", (text,)
        lookup = self.names.lookup(kind, region, text)
        return Condition(sql, values, *lookup) if lookup else Condition(sql, values)

    def _member_equals(self, wanted: Selection, member: str, value: object) -> Condition:
        outer, listed, inner = member.partition("[]")
        if not listed:
            return property_equals(self.properties, wanted.kind, wanted.region, Property(_steps(member)), value)
        one = "json_extract(value, ?)" if inner else "value"
        return Condition(
            f"EXISTS (SELECT 1 FROM json_each(document, ?) WHERE {one} = ?)",  # noqa: S608 - fixed text
            (json_path(_steps(outer)), *([json_path(_steps(inner[1:]))] if inner else []), value),
        )

    def rare(self, conditions: Sequence[Condition]) -> list[int] | None:
        """The ids that satisfy conditions, and maybe others, where the indexes tell that they are few.

        None: they are many, so that a walk in any order soon meets enough of them.
        """
        lookups = [one for one in conditions if one.lookup]
        limit = FEW if len(lookups) == 1 else MANY
        common: set[int] | None = None
        for one in lookups:
            query = f"SELECT id FROM ({one.lookup}) LIMIT ?"  # noqa: S608 - composed of fixed text
            found = {number for (number,) in self.database.rows(query, (*one.looked_up, limit + 1))}
            if len(found) <= limit:
                common = found if common is None else common & found
                if len(common) <= FEW:
                    break
        return sorted(common) if common is not None and len(common) <= FEW else None

    def page(
        self,
        kind: str,
        region: str,
        conditions: Sequence[Condition],
        order: Order,
        *,
        descending: bool,
        after: After | None,
        limit: int,
        among: list[int] | None = None,
    ) -> list[Row]:
        """The next rows that satisfy all conditions, in an order, behind the key and id of the last row seen; each
        with its key. A `limit` of -1 is none; `among` is what `rare` told of these conditions."""
        found: list[tuple[int, Key]] = []
        for absent in (False, True) if order.partial else (False,):
            if not absent and order.partial and after is not None and after[0] is None:
                continue
            behind = after if after is not None and (after[0] is None) == absent else None
            left = limit if limit < 0 else limit - len(found)
            sql, values = _walk(kind, region, conditions, order, absent, descending, behind, among)
            for number, *key in self.database.rows(sql, (*values, left)) if left else ():
                found.append((number, None if absent else key[0] if len(key) == 1 else tuple(key)))
        return self.by_ids(found)

    def by_ids(self, found: Sequence[tuple[int, Key]]) -> list[Row]:
        """The rows of ids, in this order, each with its key."""
        ids = json.dumps([number for number, _ in found])
        query = "SELECT * FROM resources WHERE id IN (SELECT value FROM json_each(?))"
        rows = {one["id"]: one for one in self.database.rows(query, (ids,))}
        return [row for number, key in found if (row := _row(rows.get(number), key)) is not None]

    def with_member(self, kind: str, path: str, value: str) -> list[Row]:
        """All resources of a type, in every region, of which the member at a JSON path has this value."""
        query = "SELECT * FROM resources WHERE kind = ? AND json_extract(document, ?) = ?"
        return [row for one in self.database.rows(query, (kind, path, value)) if (row := _row(one)) is not None]

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
            for table in (
                "resources",
                "tags",
                "facts",
                "associations",
                "trial_members",
                "trial_metrics",
                "trial_metric_summaries",
                "lineage_pending",
            ):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names
            self.names.clear()


def _steps(member: str) -> tuple[str, ...]:
    return tuple(member.split("."))


def _walk(
    kind: str,
    region: str,
    conditions: Sequence[Condition],
    order: Order,
    absent: bool,
    descending: bool,
    after: After | None,
    among: list[int] | None,
) -> tuple[str, list[object]]:
    """A query of ids and keys in an order, and its values but for the limit."""
    source, key = order.source, order.key
    where, values = [f"kind = '{kind}'", "region = ?"], [region, *(one for each in conditions for one in each.values)]
    where += [f"({each.sql})" for each in conditions]
    if order.index == "resources_by_parent":
        where.append("parent <> ''")
    if absent:
        source, key = "resources", ()
    if extra := order.absent if absent else order.where:
        where.append(extra)
        values += order.values
    if among is not None:
        source = order.among if not absent else "resources NOT INDEXED"
        where.append("resources.id IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(among))
    elif order.index:
        source = f"resources INDEXED BY {order.index}"
    direction, beyond = ("DESC", "<") if descending else ("ASC", ">")
    if after is not None:
        place = () if absent else after[0] if isinstance(after[0], (tuple, list)) else (after[0],)
        marks = ", ".join("?" * (len(place) + 1))
        if order.partial and place:  # SQLite enters an index of expressions only by this; the next condition is exact
            where.append(f"{key[0]} {beyond}= ?")
            values.append(place[0])
        where.append(f"({', '.join((*key, 'resources.id'))}) {beyond} ({marks})")
        values += [*place, after[1]]
    ordered = ", ".join(f"{term} {direction}" for term in (*key, "resources.id"))
    shown = ", ".join(("resources.id", *key))
    return f"SELECT {shown} FROM {source} WHERE {' AND '.join(where)} ORDER BY {ordered} LIMIT ?", values  # noqa: S608


def _row(found: sqlite3.Row | None, key: Key = None) -> Row | None:
    if found is None:
        return None
    values: dict[str, Any] = dict(found)
    values["document"] = json.loads(values["document"])
    values["private"] = {} if values["private"] == "{}" else json.loads(values["private"])
    return Row(**values, key=key)
