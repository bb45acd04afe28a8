"""Multipart uploads in progress: their parts are blobs, kept over restarts until completed or aborted."""

import hashlib
import json
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

from sageyard.aws.s3.blobs import Blobs
from sageyard.aws.s3.buckets import Buckets
from sageyard.aws.s3.checksums import composite
from sageyard.aws.s3.errors import S3Error
from sageyard.aws.s3.objects import NewObject, ObjectIndex
from sageyard.clock import Clock
from sageyard.store.database import Database

PART_MIN = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload: `document` becomes the object's."""

    id: str
    bucket: str
    key: str
    initiated: float
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One part, `checksums` by algorithm."""

    number: int
    blob: str
    size: int
    etag: str
    modified: float
    checksums: dict[str, str]

    @classmethod
    def of(cls, row: sqlite3.Row) -> "Part":
        """From a row of `parts`."""
        checksums = json.loads(row["checksums"])
        return cls(row["number"], row["blob"], row["size"], row["etag"], row["modified"], checksums)


class Uploads:
    """Rows of `uploads` and `parts`."""

    def __init__(self, database: Database, blobs: Blobs, buckets: Buckets, objects: ObjectIndex, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._buckets = buckets
        self._objects = objects
        self._clock = clock

    def create(self, bucket: str, key: str, document: dict[str, Any]) -> str:
        """Begin an upload; returns its id."""
        upload = secrets.token_urlsafe(48)
        with self._database.transaction() as connection:
            self._buckets.get(bucket)
            connection.execute(
                "INSERT INTO uploads (id, bucket, key, initiated, document) VALUES (?, ?, ?, ?, ?)",
                (upload, bucket, key, self._clock.now(), json.dumps(document)),
            )
        return upload

    def get(self, bucket: str, key: str, upload: str) -> Upload:
        """One upload; NoSuchBucket, NoSuchUpload."""
        self._buckets.get(bucket)
        row = self._database.row("SELECT * FROM uploads WHERE id=? AND bucket=? AND key=?", (upload, bucket, key))
        if row is None:
            message = (
                "The specified upload does not exist. The upload ID may be invalid, "
                "or the upload may have been aborted or completed."
            )
            raise S3Error("NoSuchUpload", message, UploadId=upload)
        return Upload(row["id"], row["bucket"], row["key"], row["initiated"], json.loads(row["document"]))

    def put_part(self, upload: Upload, number: int, blob: str, size: int, etag: str, checksums: dict[str, str]) -> Part:
        """Write one part; one of the same number is replaced."""
        if not 1 <= number <= 10_000:
            raise S3Error("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
        part = Part(number, blob, size, etag, self._clock.now(), checksums)
        with self._database.transaction() as connection:
            self.get(upload.bucket, upload.key, upload.id)
            query = "DELETE FROM parts WHERE upload=? AND number=? RETURNING blob"
            dropped = [row["blob"] for row in connection.execute(query, (upload.id, number)).fetchall()]
            connection.execute(
                "INSERT INTO parts (upload, number, blob, size, etag, modified, checksums)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (upload.id, number, blob, size, etag, part.modified, json.dumps(checksums)),
            )
        self._objects.release(dropped)
        return part

    def parts(self, upload: str, after: int = 0, limit: int = 10_000) -> list[Part]:
        """Parts by number, from the one after `after` on."""
        query = "SELECT * FROM parts WHERE upload=? AND number>? ORDER BY number LIMIT ?"
        return [Part.of(row) for row in self._database.rows(query, (upload, after, limit))]

    def abort(self, upload: Upload) -> None:
        """End an upload and forget its parts."""
        with self._database.transaction() as connection:
            dropped = [row["blob"] for row in connection.execute("SELECT blob FROM parts WHERE upload=?", (upload.id,))]
            connection.execute("DELETE FROM uploads WHERE id=?", (upload.id,))
        self._objects.release(dropped)

    def assemble(self, upload: Upload, wanted: list[tuple[int, str]]) -> NewObject:
        """Join the parts named by (number, etag) into one new blob; InvalidPart, InvalidPartOrder, EntityTooSmall."""
        if not wanted:
            raise S3Error("MalformedXML", "You must specify at least one part")
        if [number for number, _ in wanted] != sorted({number for number, _ in wanted}):
            raise S3Error("InvalidPartOrder", "The list of parts was not in ascending order.")
        present = {part.number: part for part in self.parts(upload.id)}
        parts: list[Part] = []
        for number, etag in wanted:
            part = present.get(number)
            if part is None or part.etag != etag.strip('"'):
                message = "One or more of the specified parts could not be found, or its entity tag did not match."
                raise S3Error("InvalidPart", message, UploadId=upload.id, PartNumber=number, ETag=etag)
            parts.append(part)
        for part in parts[:-1]:
            if part.size < PART_MIN:
                message = "Your proposed upload is smaller than the minimum allowed size"
                raise S3Error(
                    "EntityTooSmall", message, ProposedSize=part.size, MinSizeAllowed=PART_MIN, PartNumber=part.number
                )
        etags = b"".join(bytes.fromhex(part.etag) for part in parts)
        etag = f"{hashlib.md5(etags, usedforsecurity=False).hexdigest()}-{len(parts)}"
        document = {**upload.document, "parts": [part.size for part in parts]}
        self._add_checksum(document, parts)
        blob = self._blobs.concatenate((part.blob, 0, part.size) for part in parts)
        return NewObject(blob, sum(part.size for part in parts), etag, document)

    @staticmethod
    def _add_checksum(document: dict[str, Any], parts: list[Part]) -> None:
        algorithm = document.pop("checksum_algorithm", None)
        if algorithm is None or document.get("checksum_type") == "FULL_OBJECT":
            return
        value = composite(algorithm, [part.checksums.get(algorithm, "") for part in parts])
        if value is not None:
            document["checksums"] = {algorithm: value}
            document["checksum_type"] = "COMPOSITE"
