"""Object versions: the index rows behind every key, and the rules of versioning."""

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sageyard.aws.s3.blobs import Blobs
from sageyard.aws.s3.buckets import Bucket, Buckets
from sageyard.aws.s3.errors import S3Error, no_such_key
from sageyard.clock import Clock, iso
from sageyard.store.database import Database


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of a key, or a delete marker. `etag` without quotes, `size` in bytes, `modified` in epoch seconds.

    `document`: `headers` (sent with GET and HEAD as they are), `checksums` and `checksum_type`, `tags`, `acl` (XML),
    `parts` (sizes of a multipart object's parts).
    """

    id: int
    bucket: str
    key: str
    version: str
    latest: bool
    marker: bool
    blob: str
    size: int
    etag: str
    modified: float
    document: dict[str, Any]

    @classmethod
    def of(cls, row: sqlite3.Row) -> "StoredObject":
        """From a row of `objects`."""
        return cls(
            row["id"],
            row["bucket"],
            row["key"],
            row["version"],
            bool(row["latest"]),
            bool(row["marker"]),
            row["blob"] or "",
            row["size"],
            row["etag"],
            row["modified"],
            json.loads(row["document"]),
        )


@dataclass(frozen=True, slots=True)
class NewObject:
    """What a put writes."""

    blob: str
    size: int
    etag: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a delete did: the version removed or the marker made; `version` is None in an unversioned bucket."""

    version: str | None
    marker: bool


class ObjectIndex:
    """Rows of `objects`. Every method is one transaction; a blob whose last row goes is deleted after the commit."""

    def __init__(self, database: Database, blobs: Blobs, buckets: Buckets, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._buckets = buckets
        self._clock = clock

    def find(self, bucket: str, key: str, version: str | None = None) -> StoredObject:
        """The current or a named version; NoSuchBucket, NoSuchKey, NoSuchVersion, MethodNotAllowed (a marker)."""
        self._buckets.get(bucket)
        if version is None:
            row = self._database.row("SELECT * FROM objects WHERE bucket=? AND key=? AND latest=1", (bucket, key))
        else:
            row = self._database.row(
                "SELECT * FROM objects WHERE bucket=? AND key=? AND version=?", (bucket, key, version)
            )
        if row is None and version is not None:
            raise S3Error("NoSuchVersion", "The specified version does not exist.", Key=key, VersionId=version)
        if row is None:
            raise no_such_key(key)
        if row["marker"]:
            headers = {"x-amz-delete-marker": "true", "x-amz-version-id": row["version"]}
            if version is not None:
                message = "The specified method is not allowed against this resource."
                raise S3Error("MethodNotAllowed", message, headers={**headers, "allow": "DELETE"}, Method="GET")
            error = no_such_key(key)
            error.headers = headers
            raise error
        return StoredObject.of(row)

    def put(
        self,
        bucket: str,
        key: str,
        new: NewObject,
        *,
        condition: Callable[[StoredObject | None], None] | None = None,
        upload: str | None = None,
    ) -> StoredObject:
        """Write a version, and end `upload`, if it came from one. `condition` sees the current object and may raise."""
        with self._database.transaction() as connection:
            owner = self._buckets.get(bucket)
            current = self._current(connection, bucket, key)
            if condition is not None:
                condition(None if current is None or current.marker else current)
            version, dropped = self._make_room(connection, owner, key)
            modified = self._clock.now()
            cursor = connection.execute(
                "INSERT INTO objects (bucket, key, version, latest, marker, blob, size, etag, modified, document)"
                " VALUES (?, ?, ?, 1, 0, ?, ?, ?, ?, ?)",
                (bucket, key, version, new.blob, new.size, new.etag, modified, json.dumps(new.document)),
            )
            if upload is not None:
                dropped += [
                    row["blob"] for row in connection.execute("SELECT blob FROM parts WHERE upload=?", (upload,))
                ]
                connection.execute("DELETE FROM uploads WHERE id=?", (upload,))
        self.release(dropped)
        return StoredObject(
            cursor.lastrowid or 0,
            bucket,
            key,
            version,
            True,
            False,
            new.blob,
            new.size,
            new.etag,
            modified,
            new.document,
        )

    def _current(self, connection: sqlite3.Connection, bucket: str, key: str) -> StoredObject | None:
        query = "SELECT * FROM objects WHERE bucket=? AND key=? AND latest=1"
        row = connection.execute(query, (bucket, key)).fetchone()
        return row and StoredObject.of(row)

    def _make_room(self, connection: sqlite3.Connection, bucket: Bucket, key: str) -> tuple[str, list[str]]:
        """Let a new current version in: its id, and the blobs of what it replaced."""
        dropped: list[str] = []
        version = "null"
        if bucket.versioning == "Enabled":
            version = secrets.token_urlsafe(24)
        else:
            query = "DELETE FROM objects WHERE bucket=? AND key=? AND version='null' RETURNING blob"
            dropped = [row["blob"] for row in connection.execute(query, (bucket.name, key)).fetchall() if row["blob"]]
        if bucket.versioning is not None:
            query = "UPDATE objects SET latest=0 WHERE bucket=? AND key=? AND latest=1"
            connection.execute(query, (bucket.name, key))
        return version, dropped

    def delete(
        self,
        bucket: str,
        keys: Iterable[tuple[str, str | None]],
        *,
        bypass: bool = False,
        condition: Callable[[StoredObject | None], None] | None = None,
    ) -> list[Deleted | S3Error]:
        """Delete (key, version or None) pairs in one transaction; an S3Error in place of what is locked."""
        results: list[Deleted | S3Error] = []
        dropped: list[str] = []
        with self._database.transaction() as connection:
            owner = self._buckets.get(bucket)
            for key, version in keys:
                if condition is not None:
                    condition(self._current(connection, bucket, key))
                try:
                    if version is not None:
                        results.append(self._delete_version(connection, owner, key, version, bypass, dropped))
                    else:
                        results.append(self._delete_current(connection, owner, key, dropped))
                except S3Error as error:
                    results.append(error)
        self.release(dropped)
        return results

    def _delete_current(self, connection: sqlite3.Connection, bucket: Bucket, key: str, dropped: list[str]) -> Deleted:
        version, blobs = self._make_room(connection, bucket, key)
        dropped += blobs
        if bucket.versioning is None:
            return Deleted(None, False)
        connection.execute(
            "INSERT INTO objects (bucket, key, version, latest, marker, blob, size, etag, modified, document)"
            " VALUES (?, ?, ?, 1, 1, NULL, 0, '', ?, '{}')",
            (bucket.name, key, version, self._clock.now()),
        )
        return Deleted(version, True)

    def _delete_version(
        self, connection: sqlite3.Connection, bucket: Bucket, key: str, version: str, bypass: bool, dropped: list[str]
    ) -> Deleted:
        query = "SELECT * FROM objects WHERE bucket=? AND key=? AND version=?"
        row = connection.execute(query, (bucket.name, key, version)).fetchone()
        if row is None:
            return Deleted(version, False)
        found = StoredObject.of(row)
        if self._locked(found, bypass):
            raise S3Error("AccessDenied", "Access Denied because object protected by object lock.", Key=key)
        connection.execute("DELETE FROM objects WHERE id=?", (found.id,))
        if found.latest:
            connection.execute(
                "UPDATE objects SET latest=1 WHERE id = (SELECT max(id) FROM objects WHERE bucket=? AND key=?)",
                (bucket.name, key),
            )
        if found.blob:
            dropped.append(found.blob)
        return Deleted(version, found.marker)

    def _locked(self, found: StoredObject, bypass: bool) -> bool:
        headers = found.document.get("headers", {})
        if headers.get("x-amz-object-lock-legal-hold") == "ON":
            return True
        mode = headers.get("x-amz-object-lock-mode")
        until: str = headers.get("x-amz-object-lock-retain-until-date", "")
        return mode is not None and until > iso(self._clock.now()) and not (mode == "GOVERNANCE" and bypass)

    def rewrite(self, found: StoredObject, document: dict[str, Any]) -> None:
        """Change what is known of a version (tags, acl, lock); its bytes and time stay."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE objects SET document=? WHERE id=?", (json.dumps(document), found.id))

    def referenced(self, blobs: list[str]) -> set[str]:
        """Those of these blobs that a row names."""
        marks = ",".join("?" * len(blobs))
        query = f"SELECT blob FROM objects WHERE blob IN ({marks}) UNION SELECT blob FROM parts WHERE blob IN ({marks})"  # noqa: S608 - only question marks
        return {row["blob"] for row in self._database.rows(query, (*blobs, *blobs))}

    def release(self, blobs: list[str]) -> None:
        """Delete the blobs that no row names any more. Under the database's lock: a copy may just be naming one."""
        if blobs:
            with self._database.lock:
                self._blobs.remove(set(blobs) - self.referenced(blobs))
