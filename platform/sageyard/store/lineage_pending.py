"""Resources whose lineage is still to be written: all SQL about them is here. Triggers of the schema note them."""

from dataclasses import dataclass

from sageyard.store.database import Database


@dataclass(frozen=True, slots=True)
class Pending:
    """A resource that changed; `id` is another one after every further change."""

    id: int
    kind: str
    region: str
    name: str


class LineagePending:
    """The table `lineage_pending`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def oldest(self, limit: int) -> list[Pending]:
        """Those that wait longest."""
        query = "SELECT id, kind, region, name FROM lineage_pending ORDER BY id LIMIT ?"
        return [Pending(*found) for found in self.database.rows(query, (limit,))]

    def done(self, entry: Pending) -> None:
        """Its lineage is written; a change since then stays pending."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM lineage_pending WHERE id = ?", (entry.id,))
