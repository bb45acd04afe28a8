"""Events on their way to targets, and when timers fire next: all SQL about them is here."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sageyard.store.database import Database


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one target; `attempts` were made so far, the next is `due` at an epoch time."""

    id: int
    region: str
    target: dict[str, Any]
    event: dict[str, Any]
    attempts: int
    due: float


class EventDeliveries:
    """The tables `event_deliveries` and `event_timers`; safe from any thread."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, region: str, target: dict[str, Any], event: dict[str, Any], due: float) -> None:
        """Store one; it is durable when this returns."""
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO event_deliveries (region, target, payload, due) VALUES (?, ?, ?, ?)",
                (region, json.dumps(target), json.dumps(event), due),
            )

    def waiting(self, limit: int, without: set[int]) -> list[Delivery]:
        """Those that are due soonest, but for some that are under way."""
        query = "SELECT id, region, target, payload, attempts, due FROM event_deliveries ORDER BY due, id LIMIT ?"
        found = [
            Delivery(number, region, json.loads(target), json.loads(event), attempts, due)
            for number, region, target, event, attempts, due in self.database.rows(query, (limit + len(without),))
            if number not in without
        ]
        return found[:limit]

    def done(self, delivery: Delivery) -> None:
        """It has arrived, or is given up."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM event_deliveries WHERE id = ?", (delivery.id,))

    def again(self, delivery: Delivery, due: float) -> None:
        """It failed and is to be repeated at an epoch time."""
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE event_deliveries SET attempts = attempts + 1, due = ? WHERE id = ?", (due, delivery.id)
            )

    def due_times(self) -> dict[str, tuple[str, float | None]]:
        """Expression and next time of every timer, by ARN."""
        rows = self.database.rows("SELECT arn, expression, due FROM event_timers")
        return {arn: (expression, due) for arn, expression, due in rows}

    def set_timer(self, arn: str, expression: str, due: float | None) -> None:
        """When a timer fires next."""
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO event_timers (arn, expression, due) VALUES (?, ?, ?)", (arn, expression, due)
            )

    def forget_timers(self, arns: Iterable[str]) -> None:
        """Timers that are no more."""
        with self.database.transaction() as connection:
            connection.executemany("DELETE FROM event_timers WHERE arn = ?", [(arn,) for arn in arns])

    def clear(self) -> None:
        """Forget everything."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM event_deliveries")
            connection.execute("DELETE FROM event_timers")
