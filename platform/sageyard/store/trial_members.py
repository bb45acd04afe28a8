"""Which trial components belong to which trials: all SQL about it is here. Both are named by ARN."""

import json

from sageyard.store.database import Database


class TrialMembers:
    """The table `trial_members`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, trial: str, component: str) -> None:
        """Put a component into a trial; it may be there already."""
        with self.database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO trial_members VALUES (?, ?)", (trial, component))

    def remove(self, trial: str, component: str) -> bool:
        """Take a component out of a trial; answers whether it was there."""
        with self.database.transaction() as connection:
            query = "DELETE FROM trial_members WHERE trial = ? AND component = ?"
            return connection.execute(query, (trial, component)).rowcount > 0

    def components(self, trials: list[str]) -> list[str]:
        """The components of any of these trials."""
        query = "SELECT DISTINCT component FROM trial_members WHERE trial IN (SELECT value FROM json_each(?))"
        return [arn for (arn,) in self.database.rows(query, (json.dumps(trials),))]

    def trials(self, component: str) -> list[str]:
        """The trials of a component."""
        query = "SELECT trial FROM trial_members WHERE component = ? ORDER BY trial"
        return [arn for (arn,) in self.database.rows(query, (component,))]
