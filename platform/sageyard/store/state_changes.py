"""Changes that EventBridge is still to be told of: all SQL about them is here. Triggers of the schema note them."""

import json
from dataclasses import dataclass
from typing import Any

from sageyard.store.database import Database


@dataclass(frozen=True, slots=True)
class StateChange:
    """A resource that was created (`before` is None), changed or deleted (`after` is None), as it was then."""

    id: int
    kind: str
    region: str
    name: str
    arn: str
    parent: str
    before: str | None
    after: str | None
    created: float
    time: float
    document: dict[str, Any]
    old_document: dict[str, Any] | None


class StateChanges:
    """The table `state_changes`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def oldest(self, limit: int) -> list[StateChange]:
        """Those that wait longest."""
        query = (
            "SELECT id, kind, region, name, arn, parent, before, after, created, time, document, old_document"
            " FROM state_changes ORDER BY id LIMIT ?"
        )
        return [
            StateChange(
                **{**row, "document": json.loads(row["document"]), "old_document": _parsed(row["old_document"])}
            )
            for row in map(dict[str, Any], self.database.rows(query, (limit,)))
        ]

    def newest(self) -> int:
        """The id of the last one, 0 where there is none."""
        row = self.database.row("SELECT max(id) FROM state_changes")
        return int(row[0] or 0) if row else 0

    def done(self, last: int) -> None:
        """All up to this id have been told."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM state_changes WHERE id <= ?", (last,))


def _parsed(text: str | None) -> dict[str, Any] | None:
    return json.loads(text) if text else None
