"""Client tokens of Create requests as rows; they go with the resource they made."""

from sageyard.store.database import Database


class ClientTokens:
    """The table `client_tokens`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, kind: str, region: str, token: str, resource: int, request: str) -> None:
        """Remember what made the resource with this row id; `request` tells one request from another."""
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO client_tokens VALUES (?, ?, ?, ?, ?)", (kind, region, token, resource, request)
            )

    def find(self, kind: str, region: str, token: str) -> tuple[str, str] | None:
        """ARN of the resource that a token made, and the request."""
        row = self.database.row(
            "SELECT resources.arn, client_tokens.request FROM client_tokens JOIN resources ON resources.id = resource"
            " WHERE client_tokens.kind = ? AND client_tokens.region = ? AND token = ?",
            (kind, region, token),
        )
        return (row["arn"], row["request"]) if row else None
