"""Athena's history: what was asked, when, and how it ended. Rows of `athena_queries`, durable when a method returns."""

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from sageyard.store.database import Database

UNFINISHED = ("QUEUED", "RUNNING")


@dataclass(frozen=True, slots=True)
class Execution:
    """One query. `document` is QueryExecution but for its id, work group, state and time of submission."""

    id: str
    region: str
    workgroup: str
    submitted: float
    state: str
    document: dict[str, Any]
    token: str | None = None
    columns: list[dict[str, Any]] = field(default_factory=list)
    header: bool = False

    @classmethod
    def of(cls, row: sqlite3.Row) -> "Execution":
        """From a row."""
        return cls(
            row["id"],
            row["region"],
            row["workgroup"],
            row["submitted"],
            row["state"],
            json.loads(row["execution"]),
            row["token"],
            json.loads(row["columns"]),
            bool(row["header"]),
        )

    def describe(self) -> dict[str, Any]:
        """QueryExecution as the API answers it."""
        status = {"State": self.state, "SubmissionDateTime": self.submitted} | self.document["Status"]
        return {
            "QueryExecutionId": self.id,
            "WorkGroup": self.workgroup,
            **self.document,
            "Status": status,
        }


class History:
    """All queries of all regions, newest last."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, execution: Execution) -> None:
        """Write a new query."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO athena_queries (id, region, workgroup, submitted, state, token, execution)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    execution.id,
                    execution.region,
                    execution.workgroup,
                    execution.submitted,
                    execution.state,
                    execution.token,
                    json.dumps(execution.document),
                ),
            )

    def get(self, region: str, query: str) -> Execution | None:
        """One query."""
        row = self._database.row("SELECT * FROM athena_queries WHERE region=? AND id=?", (region, query))
        return Execution.of(row) if row else None

    def by_token(self, region: str, token: str) -> Execution | None:
        """The query that a ClientRequestToken started."""
        row = self._database.row("SELECT * FROM athena_queries WHERE region=? AND token=?", (region, token))
        return Execution.of(row) if row else None

    def unfinished(self) -> list[Execution]:
        """Those that a server before this one did not end."""
        rows = self._database.rows("SELECT * FROM athena_queries WHERE state IN ('QUEUED', 'RUNNING')")
        return [Execution.of(row) for row in rows]

    def move(
        self,
        query: str,
        state: str,
        document: dict[str, Any],
        columns: list[dict[str, Any]] | None = None,
        *,
        header: bool = False,
    ) -> bool:
        """Write a new state with the members of QueryExecution that came with it; False where the query has ended."""
        with self._database.transaction() as connection:
            row = connection.execute("SELECT state, execution FROM athena_queries WHERE id=?", (query,)).fetchone()
            if row is None or row["state"] not in UNFINISHED:
                return False
            merged = json.loads(row["execution"]) | document
            connection.execute(
                "UPDATE athena_queries SET state=?, execution=?, columns=?, header=? WHERE id=?",
                (state, json.dumps(merged), json.dumps(columns or []), header, query),
            )
        return True

    def page(
        self, region: str, workgroup: str, before: tuple[float, str] | None, limit: int
    ) -> list[tuple[float, str]]:
        """(submitted, id) of a work group's queries, newest first, behind a place in this order."""
        submitted, query = before or (float("inf"), "")
        rows = self._database.rows(
            "SELECT submitted, id FROM athena_queries WHERE region=? AND workgroup=? AND (submitted, id) < (?, ?)"
            " ORDER BY submitted DESC, id DESC LIMIT ?",
            (region, workgroup, submitted, query, limit),
        )
        return [(row["submitted"], row["id"]) for row in rows]
