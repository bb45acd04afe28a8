"""Which names contain a text: an index of their trigrams, so that no listing reads every name."""

import zlib
from collections.abc import Iterable

from sageyard.store.database import Database

BEHIND = 256
"""Names wait to be indexed together: one by one they would make every Create a third slower."""
INDEXED = "names indexed"


class NameIndex:
    """The table `name_trigrams`, which holds every resource up to an id that the fact `names indexed` tells.

    Its answers may hold ids of other resources (terms are hashed): ask the name itself as well.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.catch_up()

    @property
    def indexed(self) -> int:
        """The last id that is indexed: read anew each time, for a transaction may have been rolled back."""
        found = self.database.row("SELECT value FROM facts WHERE name = ?", (INDEXED,))
        return int(found["value"]) if found else 0

    def catch_up(self) -> None:
        """Index the names that are not yet."""
        query = "SELECT id, kind, region, name FROM resources WHERE id > ? ORDER BY id"
        if found := self.database.rows(query, (self.indexed,)):
            self._add((row["id"], row["kind"], row["region"], row["name"]) for row in found)
            self._mark(found[-1]["id"])

    def added(self, number: int) -> None:
        """A resource was stored under this id; called in its transaction."""
        if number % BEHIND == 0:
            self.catch_up()

    def removed(self, number: int, kind: str, region: str, name: str) -> None:
        """A resource was deleted; called in its transaction."""
        indexed = self.indexed
        if number <= indexed:
            query = "INSERT INTO name_trigrams (name_trigrams, rowid, terms) VALUES ('delete', ?, ?)"
            self.database.connection.execute(query, (number, _terms(kind, region, name)))
            (last,) = self.database.rows("SELECT coalesce(max(id), 0) FROM resources")[0]
            if last < indexed:  # SQLite gives the ids above it again
                self._mark(last)

    def clear(self) -> None:
        """Forget every name; called in the transaction that deletes the resources and facts."""
        self.database.connection.execute("INSERT INTO name_trigrams (name_trigrams) VALUES ('delete-all')")

    def lookup(self, kind: str, region: str, text: str) -> tuple[str, tuple[object, ...]] | None:
        """A query of the ids of names that may contain `text`, and its values; None for one too short to look up."""
        terms = _terms(kind, region, text)
        if not terms:
            return None
        query = (
            "SELECT id FROM (SELECT rowid AS id FROM name_trigrams WHERE name_trigrams MATCH ?"
            " UNION ALL SELECT id FROM resources WHERE id > ?)"
        )
        return query, (terms, self.indexed)

    def _add(self, names: Iterable[tuple[int, str, str, str]]) -> None:
        with self.database.transaction() as connection:
            connection.executemany(
                "INSERT INTO name_trigrams (rowid, terms) VALUES (?, ?)",
                ((number, _terms(kind, region, name)) for number, kind, region, name in names),
            )

    def _mark(self, number: int) -> None:
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (INDEXED, str(number)),
            )


def _terms(kind: str, region: str, text: str) -> str:
    """The trigrams of a text as words of letters and digits; case is ignored as SQLite's `lower` does."""
    letters = text.encode("utf-8", "surrogatepass").lower().hex()
    where = f"{zlib.crc32(f'{kind}/{region}'.encode()):08x}"
    return " ".join(dict.fromkeys(where + letters[at : at + 6] for at in range(0, len(letters) - 5, 2)))
