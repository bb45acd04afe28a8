"""Asynchronous invocations of Lambda functions, as rows: all SQL about them is here."""

from dataclasses import dataclass

from sageyard.store.database import Database


@dataclass(frozen=True, slots=True)
class QueuedInvocation:
    """One of them; `attempts` were made so far, the next is `due` at an epoch time."""

    id: int
    region: str
    function: str
    payload: bytes
    attempts: int
    due: float


class FunctionQueue:
    """The table `function_queue`; safe from any thread."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, region: str, function: str, payload: bytes, due: float) -> None:
        """Store one; it is durable when this returns."""
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO function_queue (region, function, payload, due) VALUES (?, ?, ?, ?)",
                (region, function, payload, due),
            )

    def waiting(self, limit: int, without: set[int]) -> list[QueuedInvocation]:
        """Those that are due soonest, but for some that are under way."""
        query = "SELECT id, region, function, payload, attempts, due FROM function_queue ORDER BY due, id LIMIT ?"
        found = [QueuedInvocation(*row) for row in self.database.rows(query, (limit + len(without),))]
        return [one for one in found if one.id not in without][:limit]

    def done(self, invocation: QueuedInvocation) -> None:
        """It is over, one way or the other."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM function_queue WHERE id = ?", (invocation.id,))

    def again(self, invocation: QueuedInvocation, due: float) -> None:
        """It failed and is to be repeated at an epoch time."""
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE function_queue SET attempts = attempts + 1, due = ? WHERE id = ?", (due, invocation.id)
            )

    def postpone(self, invocation: QueuedInvocation, due: float) -> None:
        """It could not be tried and is to be at an epoch time."""
        with self.database.transaction() as connection:
            connection.execute("UPDATE function_queue SET due = ? WHERE id = ?", (due, invocation.id))

    def clear(self) -> None:
        """Forget everything."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM function_queue")
