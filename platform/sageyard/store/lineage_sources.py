"""Which lineage entities stand for a URI: the one query that the index `resources_by_source` is for."""

from sageyard.store.database import Database


class LineageSources:
    """Artifacts, contexts and actions by the SourceUri of their Source."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def arns(self, kind: str, uri: str) -> list[str]:
        """The ARNs of one kind's entities whose source is this URI, in any region."""
        query = (
            "SELECT arn FROM resources WHERE kind = ? AND kind IN ('Artifact', 'Context', 'Action')"
            " AND json_extract(document, '$.Source.SourceUri') = ?"
        )
        return [arn for (arn,) in self.database.rows(query, (kind, uri))]
