"""Members of documents as SQL, and the indexes over those that somebody searches or sorts by."""

import zlib
from dataclasses import dataclass

from sageyard.store.database import Database

SMALL = 1000
"""Of fewer resources all are read: an index would cost every write more than it saves."""
MOST = 16
"""Indexes of one kind: each makes every write a little slower."""


@dataclass(frozen=True, slots=True)
class Property:
    """A scalar in a document: the steps of its path. It is at the first of `ends` that is there, where there are any:
    a trial component's parameter is `StringValue` or `NumberValue`."""

    steps: tuple[str, ...]
    ends: tuple[str, ...] = ()

    @property
    def value(self) -> str:
        """SQL of the value as it is, NULL where there is none."""
        paths = [(*self.steps, end) for end in self.ends] or [self.steps]
        extracts = [f"json_extract(document, {_literal(json_path(path))})" for path in paths]
        return extracts[0] if len(extracts) == 1 else f"coalesce({', '.join(extracts)})"

    @property
    def key(self) -> str:
        """SQL of the value as it is compared: a text that is a JSON number is that number. Numbers come before texts,
        as SQLite orders them; hyperparameters are texts that AWS compares as numbers."""
        return key_of(self.value)


def key_of(value: str) -> str:
    """SQL of a value as `Property.key` compares it."""
    return (
        f"CASE WHEN json_valid({value}) THEN CASE WHEN json_type({value}) IN ('integer', 'real')"
        f" THEN CAST({value} AS REAL) ELSE {value} END ELSE {value} END"
    )


def json_path(steps: tuple[str, ...]) -> str:
    """Steps as SQLite's JSON path."""
    return "$" + "".join(f'."{step}"' for step in steps)


def expressible(steps: tuple[str, ...]) -> bool:
    """Whether SQLite's JSON path can name these steps."""
    return all(step and '"' not in step and "\\" not in step and "\0" not in step for step in steps)


class PropertyIndexes:
    """Partial indexes over (region, key) of one kind, made when they are first asked for.

    Making one reads every document of the kind once: about a second for 100,000.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._made: dict[str, str] = {}
        """The kind of each, by its name."""
        for (name,) in database.rows("SELECT name FROM sqlite_schema WHERE type = 'index' AND name GLOB 'property_*'"):
            self._made[name] = name.split("_")[1]
        self._make_room()

    def of(self, kind: str, wanted: Property) -> str | None:
        """The name of the index over a property; None where the kind has too few resources to want one, or as many
        indexes as a kind may have."""
        name = f"property_{kind}_{zlib.crc32(wanted.key.encode()):08x}"
        if name in self._made:
            return name
        if list(self._made.values()).count(kind) >= MOST or not self._many(kind):
            return None
        with self.database.transaction() as connection:
            connection.execute(f"CREATE INDEX {name} ON resources (region, {wanted.key}) WHERE kind = {_literal(kind)}")
        self._made[name] = kind
        return name

    def _many(self, kind: str) -> bool:
        query = "SELECT count(*) FROM (SELECT 1 FROM resources WHERE kind = ? LIMIT ?)"
        (count,) = self.database.rows(query, (kind, SMALL))[0]
        return int(count) >= SMALL

    def _make_room(self) -> None:
        """A kind that has the most indexes may begin anew: what is searched now is not what was searched once. Only
        at the start, when nobody walks one."""
        for kind in set(self._made.values()):
            names = [name for name, of in self._made.items() if of == kind]
            for name in names if len(names) >= MOST else ():
                with self.database.transaction() as connection:
                    connection.execute(f"DROP INDEX {name}")
                del self._made[name]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
