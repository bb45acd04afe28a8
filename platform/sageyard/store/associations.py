"""Edges of the lineage graph: all SQL about them is here. Vertices are resources, named by ARN."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from sageyard.store.database import Database

SORT_COLUMNS = {
    "SourceArn": "source",
    "DestinationArn": "destination",
    "SourceType": "source_type",
    "DestinationType": "destination_type",
    "CreationTime": "created",
}


@dataclass(frozen=True, slots=True)
class Association:
    """One edge. `type` is empty where its creator named none; `created` in epoch seconds; `id` grows with creation."""

    region: str
    source: str
    destination: str
    type: str
    source_type: str
    destination_type: str
    created: float
    id: int = 0


class AssociationExistsError(Exception):
    """There is an edge from this source to this destination."""


class Associations:
    """The table `associations`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def insert(self, edge: Association) -> None:
        """Store an edge; a second one between the same two raises AssociationExistsError."""
        with self.database.transaction() as connection:
            try:
                connection.execute(
                    "INSERT INTO associations (region, source, destination, type, source_type, destination_type,"
                    " created) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (edge.region, edge.source, edge.destination, edge.type, edge.source_type, edge.destination_type,
                     edge.created),
                )  # fmt: skip
            except sqlite3.IntegrityError:
                raise AssociationExistsError(f"{edge.source} to {edge.destination}") from None

    def ensure(self, edge: Association) -> None:
        """Store an edge unless there is one between the same two."""
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO associations (region, source, destination, type, source_type,"
                " destination_type, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (edge.region, edge.source, edge.destination, edge.type, edge.source_type, edge.destination_type,
                 edge.created),
            )  # fmt: skip

    def delete(self, source: str, destination: str) -> bool:
        """Remove an edge; answers whether there was one."""
        with self.database.transaction() as connection:
            query = "DELETE FROM associations WHERE source = ? AND destination = ?"
            return connection.execute(query, (source, destination)).rowcount > 0

    def delete_of(self, arn: str) -> None:
        """Remove every edge of a vertex."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM associations WHERE source = ? OR destination = ?", (arn, arn))

    def count_of(self, arn: str) -> int:
        """How many edges a vertex has."""
        query = "SELECT count(*) FROM associations WHERE source = ? OR destination = ?"
        (count,) = self.database.rows(query, (arn, arn))[0]
        return int(count)

    def touching(self, arns: Iterable[str], *, end: str) -> list[Association]:
        """The edges that have one of these vertices at `end`, which is `source` or `destination`, oldest first."""
        column = {"source": "source", "destination": "destination"}[end]
        query = f"SELECT * FROM associations WHERE {column} IN (SELECT value FROM json_each(?)) ORDER BY id"  # noqa: S608
        return [Association(**dict(found)) for found in self.database.rows(query, (json.dumps(sorted(arns)),))]

    def select(
        self,
        region: str,
        *,
        equal: dict[str, str],
        created_after: float | None,
        created_before: float | None,
        sort_by: str,
        descending: bool,
        after: tuple[object, int] | None,
        limit: int,
    ) -> list[Association]:
        """One page of a listing. `equal` is column to value; `after` is sort value and id of the last edge seen."""
        column = SORT_COLUMNS[sort_by]
        where, values = ["region = ?"], [region]
        conditions: list[tuple[str, object]] = [
            *((f"{name} = ?", equal[name]) for name in ("source", "destination", "source_type", "destination_type",
                                                        "type") if name in equal),
            ("created > ?", created_after),
            ("created < ?", created_before),
        ]  # fmt: skip
        for condition, value in conditions:
            if value is not None:
                where.append(condition)
                values.append(value)  # type: ignore[arg-type]
        direction, beyond = ("DESC", "<") if descending else ("ASC", ">")
        if after is not None:
            where.append(f"({column}, id) {beyond} (?, ?)")
            values += list(after)  # type: ignore[arg-type]
        query = (
            f"SELECT * FROM associations WHERE {' AND '.join(where)}"  # noqa: S608 - only fixed text is composed
            f" ORDER BY {column} {direction}, id {direction} LIMIT ?"
        )
        return [Association(**dict(found)) for found in self.database.rows(query, (*values, limit))]
