"""Listings: keys under a prefix, rolled up at a delimiter, in S3's order (UTF-8 bytes), page by page.

A common prefix costs one seek in the index, however many keys it stands for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sageyard.aws.s3.objects import StoredObject
from sageyard.store.database import Database


@dataclass(slots=True)
class Page:
    """One page: objects and common prefixes; `last` is the greatest entry, where a truncated listing goes on."""

    objects: list[StoredObject] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    truncated: bool = False
    last: str = ""


@dataclass(slots=True)
class VersionPage:
    """One page of ListObjectVersions; `last` is the (key, version) where a truncated listing goes on."""

    versions: list[StoredObject] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    truncated: bool = False
    last: tuple[str, str | None] = ("", None)


END = "\U0010ffff" * 256  # beyond every key: keys have at most 1,024 bytes


def successor(prefix: str) -> str:
    """The least string greater than every string that begins with `prefix`."""
    head, last = prefix[:-1], ord(prefix[-1])
    if last == 0x10FFFF:
        return successor(head) if head else END
    return head + chr(0xE000 if last == 0xD7FF else last + 1)


class Listing:
    """Queries over `objects`. Limits are S3's: at most 1,000 entries a page."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self, bucket: str, prefix: str, delimiter: str, after: str, limit: int) -> Page:
        """Current objects after a key or common prefix."""
        page = Page()
        query = (
            "SELECT * FROM objects WHERE bucket=? AND latest=1 AND marker=0 AND key>=? AND key<? ORDER BY key LIMIT ?"
        )
        for entry in self._entries(query, bucket, prefix, delimiter, after, limit):
            if len(page.objects) + len(page.prefixes) == limit:
                page.truncated = True
                break
            if isinstance(entry, str):
                page.prefixes.append(entry)
                page.last = entry
            else:
                page.objects.append(entry)
                page.last = entry.key
        return page

    def _entries(
        self, query: str, bucket: str, prefix: str, delimiter: str, after: str, limit: int
    ) -> Iterator[StoredObject | str]:
        start = max(prefix, after + "\0" if after else "")
        if after and after == self._rolled_up(after, prefix, delimiter):
            start = successor(after)  # `after` was a common prefix: all of it has been listed
        end = successor(prefix) if prefix else END
        batch = 16 if delimiter else limit + 1
        while True:
            rows = self._database.rows(query, (bucket, start, end, batch))
            for row in rows:
                common = self._rolled_up(row["key"], prefix, delimiter)
                if common is not None:
                    yield common
                    start = successor(common)
                    break
                yield StoredObject.of(row)
            else:
                if len(rows) < batch:
                    return
                start = rows[-1]["key"] + "\0"
                batch = min(2 * batch, limit + 1)

    def versions(
        self, bucket: str, prefix: str, delimiter: str, after: tuple[str, str | None], limit: int
    ) -> VersionPage:
        """All versions and delete markers, of each key the newest first."""
        page = VersionPage()
        for row in self._version_rows(bucket, prefix, after):
            common = self._rolled_up(row.key, prefix, delimiter)
            if common is not None and (common == after[0] or common in page.prefixes[-1:]):
                continue
            if len(page.versions) + len(page.prefixes) == limit:
                page.truncated = True
                break
            if common is not None:
                page.prefixes.append(common)
                page.last = (common, None)
            else:
                page.versions.append(row)
                page.last = (row.key, row.version)
        return page

    @staticmethod
    def _rolled_up(key: str, prefix: str, delimiter: str) -> str | None:
        found = key.find(delimiter, len(prefix)) if delimiter else -1
        return key[: found + len(delimiter)] if found >= 0 else None

    def _version_rows(self, bucket: str, prefix: str, after: tuple[str, str | None]) -> Iterator[StoredObject]:
        key, version = after
        below = 0
        if key and version:
            query = "SELECT id FROM objects WHERE bucket=? AND key=? AND version=?"
            row = self._database.row(query, (bucket, key, version))
            below = row["id"] if row else 0
        end = successor(prefix) if prefix else END
        query = (
            "SELECT * FROM objects WHERE bucket=? AND (key>? OR (key=? AND id<?)) AND key>=? AND key<?"
            " ORDER BY key, id DESC LIMIT 1001"
        )
        while rows := self._database.rows(query, (bucket, key, key, below, prefix, end)):
            for row in rows:
                yield StoredObject.of(row)
            key, below = rows[-1]["key"], rows[-1]["id"]

    def uploads(self, bucket: str, prefix: str, key: str, upload: str, limit: int) -> list[tuple[str, str, float]]:
        """Uploads in progress after a key and upload id: (key, upload id, epoch seconds), by key and time."""
        initiated = 0.0
        if upload and (row := self._database.row("SELECT initiated FROM uploads WHERE id=?", (upload,))):
            initiated = row["initiated"]
        rows = self._database.rows(
            "SELECT key, id, initiated FROM uploads WHERE bucket=? AND key>=? AND key<?"
            " AND (key>? OR (key=? AND ? != '' AND initiated>?)) ORDER BY key, initiated LIMIT ?",
            (bucket, prefix, successor(prefix) if prefix else END, key, key, upload, initiated, limit),
        )
        return [(row["key"], row["id"], row["initiated"]) for row in rows]
