"""Buckets and their configuration: few, read by every request, so held in memory and written through to SQLite."""

import re
from dataclasses import dataclass, field, replace

from sageyard.aws.s3.documents import parse
from sageyard.aws.s3.errors import S3Error, no_such_bucket
from sageyard.clock import Clock
from sageyard.store.database import Database

NAME = re.compile(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket. `versioning` is None, Enabled or Suspended; `documents` holds its configuration, as written."""

    name: str
    region: str
    created: float
    versioning: str | None = None
    object_lock: bool = False
    documents: dict[str, bytes] = field(default_factory=dict)

    def encryption(self) -> dict[str, str]:
        """The headers of default encryption: AES256 where nothing else was configured, as on AWS since 2023."""
        algorithm, key = "AES256", None
        if body := self.documents.get("encryption"):
            root = parse(body)
            algorithm = next(root.iter("SSEAlgorithm")).text or algorithm
            key = next((element.text for element in root.iter("KMSMasterKeyID")), None)
        headers = {"x-amz-server-side-encryption": algorithm}
        if key:
            headers["x-amz-server-side-encryption-aws-kms-key-id"] = key
        return headers


class Buckets:
    """All buckets of the account, any region: names are global, as on AWS."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}
        for row in database.rows("SELECT * FROM buckets"):
            documents = database.rows("SELECT name, body FROM bucket_documents WHERE bucket = ?", (row["name"],))
            self._buckets[row["name"]] = Bucket(
                row["name"],
                row["region"],
                row["created"],
                row["versioning"],
                bool(row["object_lock"]),
                {document["name"]: document["body"] for document in documents},
            )

    def all(self) -> list[Bucket]:
        """Every bucket, by name."""
        return [self._buckets[name] for name in sorted(self._buckets)]

    def get(self, name: str) -> Bucket:
        """One bucket; NoSuchBucket."""
        try:
            return self._buckets[name]
        except KeyError:
            raise no_such_bucket(name) from None

    def create(self, name: str, region: str, object_lock: bool = False) -> None:
        """Create a bucket. Again by its owner it is no error in us-east-1 and one everywhere else, as on AWS."""
        if not NAME.fullmatch(name):
            raise S3Error("InvalidBucketName", "The specified bucket is not valid.", BucketName=name)
        with self._database.transaction() as connection:
            if name in self._buckets:
                if region == "us-east-1":
                    return
                raise S3Error(
                    "BucketAlreadyOwnedByYou",
                    "Your previous request to create the named bucket succeeded and you already own it.",
                    BucketName=name,
                )
            bucket = Bucket(name, region, self._clock.now(), "Enabled" if object_lock else None, object_lock)
            connection.execute(
                "INSERT INTO buckets (name, region, created, versioning, object_lock) VALUES (?, ?, ?, ?, ?)",
                (name, region, bucket.created, bucket.versioning, bucket.object_lock),
            )
        self._buckets[name] = bucket

    def delete(self, name: str) -> None:
        """Delete an empty bucket; uploads that were in progress go with it (their blobs: at the next collection)."""
        with self._database.transaction() as connection:
            self.get(name)
            if connection.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", (name,)).fetchone():
                raise S3Error("BucketNotEmpty", "The bucket you tried to delete is not empty", BucketName=name)
            connection.execute("DELETE FROM uploads WHERE bucket = ?", (name,))
            connection.execute("DELETE FROM buckets WHERE name = ?", (name,))
            self._buckets.pop(name, None)

    def set_versioning(self, name: str, status: str) -> None:
        """Enable or suspend versioning."""
        bucket = self.get(name)
        if status not in {"Enabled", "Suspended"}:
            raise S3Error("MalformedXML", f"The versioning status {status!r} is neither Enabled nor Suspended")
        if bucket.object_lock and status == "Suspended":
            raise S3Error(
                "InvalidBucketState",
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
            )
        with self._database.transaction() as connection:
            connection.execute("UPDATE buckets SET versioning = ? WHERE name = ?", (status, name))
        self._buckets[name] = replace(bucket, versioning=status)

    def put_document(self, name: str, document: str, body: bytes) -> None:
        """Write one piece of configuration."""
        with self._database.transaction() as connection:
            bucket = self.get(name)
            connection.execute(
                "INSERT OR REPLACE INTO bucket_documents (bucket, name, body) VALUES (?, ?, ?)", (name, document, body)
            )
            self._buckets[name] = replace(bucket, documents={**bucket.documents, document: body})

    def delete_document(self, name: str, document: str) -> None:
        """Delete one piece of configuration; a missing one is no error."""
        with self._database.transaction() as connection:
            bucket = self.get(name)
            connection.execute("DELETE FROM bucket_documents WHERE bucket = ? AND name = ?", (name, document))
            documents = {key: body for key, body in bucket.documents.items() if key != document}
            self._buckets[name] = replace(bucket, documents=documents)
