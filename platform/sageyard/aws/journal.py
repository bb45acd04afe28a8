"""The journal of requests that changed a moto service, from which its state comes back after a restart."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sageyard.aws.exchange import ServiceRequest
from sageyard.store.database import Database

# Users may have real credentials in their environment: a session token has no business on disk.
SECRET = {"x-amz-security-token"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One acknowledged request, with the time (epoch seconds) and the random seed that it was carried out with."""

    time: float
    seed: int
    request: ServiceRequest


class Journal:
    """Rows of `journal`, in the order of acknowledgement."""

    def __init__(self, database: Database) -> None:
        self._database = database
        rows = database.rows("SELECT DISTINCT service, operation FROM journal")
        self._known = {(row["service"], row["operation"]) for row in rows}

    def append(self, entry: Entry) -> None:
        """Write one entry; it is durable when this returns."""
        request = entry.request
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO journal (time, seed, service, operation, region, method, path, headers, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    entry.time,
                    entry.seed,
                    request.service,
                    request.operation,
                    request.region,
                    request.method,
                    request.path,
                    json.dumps({name: value for name, value in request.headers.items() if name not in SECRET}),
                    request.body,
                ),
            )
        self._known.add((request.service, request.operation))

    def has(self, service: str, *operations: str) -> bool:
        """Whether any of these operations was ever acknowledged."""
        return any((service, operation) in self._known for operation in operations)

    def has_service(self, service: str) -> bool:
        """Whether any operation of a service was ever acknowledged."""
        return any(known == service for known, _ in self._known)

    def bodies(self, service: str, operation: str) -> list[bytes]:
        """The bodies of one operation's requests."""
        query = "SELECT body FROM journal WHERE service=? AND operation=?"
        return [row["body"] for row in self._database.rows(query, (service, operation))]

    def entries(self) -> Iterator[Entry]:
        """All entries, in order."""
        last = 0
        while rows := self._database.rows("SELECT * FROM journal WHERE id>? ORDER BY id LIMIT 500", (last,)):
            for row in rows:
                request = ServiceRequest(
                    row["service"], row["region"], row["method"], row["path"], json.loads(row["headers"]), row["body"]
                )
                yield Entry(row["time"], row["seed"], request)
            last = rows[-1]["id"]

    def clear(self) -> None:
        """Forget everything."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM journal")
        self._known.clear()
