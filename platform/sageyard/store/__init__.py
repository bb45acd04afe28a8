"""SQLite: opening, migrating and the one way to write."""
