"""CloudWatch Logs' groups, streams and events, in SQLite. Times are epoch milliseconds, as in the Logs API."""

from collections.abc import Sequence
from dataclasses import dataclass

from sageyard.clock import Clock
from sageyard.errors import AwsError
from sageyard.store.database import Database


@dataclass(frozen=True, slots=True)
class LogGroup:
    """One group; `retention` in days, None: for ever."""

    id: int
    name: str
    created: int
    retention: int | None
    kms_key: str | None
    log_class: str


@dataclass(frozen=True, slots=True)
class LogStream:
    """One stream; first, last and ingested are None while it is empty."""

    name: str
    created: int
    first: int | None
    last: int | None
    ingested: int | None


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event; (time, id) is its place in the stream."""

    id: int
    stream: str
    time: int
    ingested: int
    message: str


def not_found(what: str) -> AwsError:
    """ResourceNotFoundException, as Logs words it."""
    return AwsError(f"The specified log {what} does not exist.", code="ResourceNotFoundException")


def already_exists(what: str) -> AwsError:
    """ResourceAlreadyExistsException, as Logs words it."""
    return AwsError(f"The specified log {what} already exists", code="ResourceAlreadyExistsException")


class LogStore:
    """Every method is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def _now(self) -> int:
        return int(self._clock.now() * 1000)

    def groups(self, region: str) -> list[LogGroup]:
        """All groups of a region, by name."""
        rows = self._database.rows("SELECT * FROM log_groups WHERE region=? ORDER BY name", (region,))
        return [
            LogGroup(row["id"], row["name"], row["created"], row["retention"], row["kms_key"], row["class"])
            for row in rows
        ]

    def _group(self, region: str, name: str) -> int:
        row = self._database.row("SELECT id FROM log_groups WHERE region=? AND name=?", (region, name))
        if row is None:
            raise not_found("group")
        found: int = row["id"]
        return found

    def _stream(self, region: str, group: str, name: str) -> int:
        group_id = self._group(region, group)
        row = self._database.row("SELECT id FROM log_streams WHERE log_group=? AND name=?", (group_id, name))
        if row is None:
            raise not_found("stream")
        found: int = row["id"]
        return found

    def create_group(self, region: str, name: str, kms_key: str | None = None, log_class: str = "STANDARD") -> None:
        """Create a group; ResourceAlreadyExistsException."""
        with self._database.transaction() as connection:
            made = connection.execute(
                "INSERT OR IGNORE INTO log_groups (region, name, created, kms_key, class) VALUES (?, ?, ?, ?, ?)",
                (region, name, self._now(), kms_key, log_class),
            )
            if not made.rowcount:
                raise already_exists("group")

    def delete_group(self, region: str, name: str) -> None:
        """Delete a group with all it holds."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM log_groups WHERE id=?", (self._group(region, name),))

    def set_retention(self, region: str, name: str, days: int | None) -> None:
        """Set the days to keep events; recorded, nothing is deleted by it."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE log_groups SET retention=? WHERE id=?", (days, self._group(region, name)))

    def create_stream(self, region: str, group: str, name: str) -> None:
        """Create a stream; ResourceNotFoundException, ResourceAlreadyExistsException."""
        with self._database.transaction() as connection:
            made = connection.execute(
                "INSERT OR IGNORE INTO log_streams (log_group, name, created) VALUES (?, ?, ?)",
                (self._group(region, group), name, self._now()),
            )
            if not made.rowcount:
                raise already_exists("stream")

    def ensure_group(self, region: str, group: str) -> None:
        """Create the group where it is missing."""
        with self._database.transaction() as connection:
            query = "INSERT OR IGNORE INTO log_groups (region, name, created) VALUES (?, ?, ?)"
            connection.execute(query, (region, group, self._now()))

    def ensure_stream(self, region: str, group: str, name: str) -> None:
        """Create the group and the stream where they are missing."""
        with self._database.transaction() as connection:
            self.ensure_group(region, group)
            connection.execute(
                "INSERT OR IGNORE INTO log_streams (log_group, name, created) VALUES (?, ?, ?)",
                (self._group(region, group), name, self._now()),
            )

    def delete_stream(self, region: str, group: str, name: str) -> None:
        """Delete a stream with its events."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM log_streams WHERE id=?", (self._stream(region, group, name),))

    def streams(self, region: str, group: str, prefix: str = "") -> list[LogStream]:
        """Streams whose names begin with a prefix, by name."""
        rows = self._database.rows(
            "SELECT name, created,"
            " (SELECT min(time) FROM log_events WHERE stream = log_streams.id) AS first,"
            " (SELECT max(time) FROM log_events WHERE stream = log_streams.id) AS last,"
            " (SELECT ingested FROM log_events WHERE stream = log_streams.id ORDER BY id DESC LIMIT 1) AS ingested"
            " FROM log_streams WHERE log_group=? AND substr(name, 1, ?)=? ORDER BY name",
            (self._group(region, group), len(prefix), prefix),
        )
        return [LogStream(row["name"], row["created"], row["first"], row["last"], row["ingested"]) for row in rows]

    def append(self, region: str, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Append (time, message) pairs to a stream that exists."""
        ingested = self._now()
        with self._database.transaction() as connection:
            stream_id = self._stream(region, group, stream)
            connection.executemany(
                "INSERT INTO log_events (stream, time, ingested, message) VALUES (?, ?, ?, ?)",
                [(stream_id, time, ingested, message) for time, message in events],
            )

    def after(
        self, region: str, group: str, stream: str, start: int, end: int, place: tuple[int, int], limit: int
    ) -> list[LogEvent]:
        """Events with start <= time < end behind a place, oldest first."""
        return self._events(region, group, stream, "(time, id) > (?, ?)", (start, end, *place), "", limit)

    def before(
        self, region: str, group: str, stream: str, start: int, end: int, place: tuple[int, int], limit: int
    ) -> list[LogEvent]:
        """The last events with start <= time < end ahead of a place, oldest first."""
        return self._events(region, group, stream, "(time, id) < (?, ?)", (start, end, *place), "DESC", limit)[::-1]

    def _events(
        self,
        region: str,
        group: str,
        stream: str,
        condition: str,
        bounds: tuple[int, int, int, int],
        direction: str,
        limit: int,
    ) -> list[LogEvent]:
        query = (
            f"SELECT * FROM log_events WHERE stream=? AND time>=? AND time<? AND {condition}"  # noqa: S608 - constants
            f" ORDER BY time {direction}, id {direction} LIMIT ?"
        )
        rows = self._database.rows(query, (self._stream(region, group, stream), *bounds, limit))
        return [LogEvent(row["id"], stream, row["time"], row["ingested"], row["message"]) for row in rows]

    def across(
        self, region: str, group: str, streams: list[str], start: int, end: int, place: tuple[int, int], limit: int
    ) -> list[LogEvent]:
        """Events of several streams (all, where the list is empty) behind a place, oldest first."""
        chosen = "".join((" AND log_streams.name IN (", ",".join("?" * len(streams)), ")")) if streams else ""
        rows = self._database.rows(
            "SELECT log_events.*, log_streams.name AS stream_name FROM log_events"  # noqa: S608 - only question marks
            " JOIN log_streams ON log_streams.id = log_events.stream"
            f" WHERE log_streams.log_group=? {chosen} AND time>=? AND time<? AND (time, log_events.id) > (?, ?)"
            " ORDER BY time, log_events.id LIMIT ?",
            (self._group(region, group), *streams, start, end, *place, limit),
        )
        return [LogEvent(row["id"], row["stream_name"], row["time"], row["ingested"], row["message"]) for row in rows]

    def tail(self, region: str, group: str, stream: str, lines: int) -> list[str]:
        """The last messages in the order of arrival; empty where there is no such stream."""
        rows = self._database.rows(
            "SELECT message FROM log_events WHERE stream = (SELECT log_streams.id FROM log_streams"
            " JOIN log_groups ON log_groups.id = log_group WHERE region=? AND log_groups.name=? AND log_streams.name=?)"
            " ORDER BY time DESC, id DESC LIMIT ?",
            (region, group, stream, lines),
        )
        return [row["message"] for row in reversed(rows)]
