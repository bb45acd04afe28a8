"""A SQLite database in WAL mode, with numbered migrations.

Durability: `synchronous=NORMAL` in WAL mode survives the death of the process at any moment (kill -9), which is what
Sageyard promises; a power cut may lose the last commits but never corrupts the file (sqlite.org/wal.html).
"""

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY")
CHECKPOINT_PAGES = 4000
"""A writer folds the log into the file, waiting for the disk, only where `checkpoint` has not done so by 16 MB."""


class Database:
    """One file, one connection, guarded by a lock: safe from any thread, one writer at a time.

    Every database of the server has a folder of migrations `NNNN_what.sql`, applied in order, each in one
    transaction; `PRAGMA user_version` holds the number of the last one. A file from a newer Sageyard is refused.
    """

    def __init__(self, path: Path, migrations: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.lock = threading.RLock()
        self._folded = 0
        self.connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self.connection.row_factory = sqlite3.Row
        for pragma in (*PRAGMAS, f"wal_autocheckpoint={CHECKPOINT_PAGES}"):
            self.connection.execute(f"PRAGMA {pragma}")
        self._migrate(sorted(migrations.glob("[0-9]*.sql")))

    def _migrate(self, files: list[Path]) -> None:
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        newest = int(files[-1].name.split("_")[0])
        if version > newest:
            raise RuntimeError(
                f"{self.path} was written by a newer Sageyard (schema {version}, this one knows {newest}): "
                "upgrade Sageyard, or start with another --state-dir"
            )
        for file in files:
            number = int(file.name.split("_")[0])
            if number > version:
                self.connection.executescript(
                    f"BEGIN IMMEDIATE;\n{file.read_text('utf-8')}\nPRAGMA user_version={number};\nCOMMIT;"
                )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block in one transaction: committed when it ends, rolled back when it raises. Nested blocks join.

        OSError with ENOSPC where the disk is full, as for any other file; nothing of the block is kept then.
        """
        with self.lock:
            if self.connection.in_transaction:
                yield self.connection
                return
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException as error:
                if self.connection.in_transaction:  # SQLite rolls back by itself where the disk is full
                    self.connection.execute("ROLLBACK")
                if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path)) from error
                raise

    def rows(self, sql: str, parameters: tuple[object, ...] | dict[str, object] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self.lock:
            return self.connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: tuple[object, ...] | dict[str, object] = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        with self.lock:
            found: sqlite3.Row | None = self.connection.execute(sql, parameters).fetchone()
            return found

    def checkpoint(self) -> None:
        """Fold the log into the file over a connection of its own: writers and readers go on meanwhile. Without
        changes since the last time it does nothing."""
        changes = self.connection.total_changes
        if changes == self._folded:
            return
        self._folded = changes
        with closing(sqlite3.connect(self.path, isolation_level=None, timeout=10)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Close the file; WAL is checkpointed by SQLite."""
        with self.lock:
            self.connection.close()
