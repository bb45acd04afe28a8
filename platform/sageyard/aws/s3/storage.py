"""Everything S3 keeps, in one hand: blob files, the index, and what belongs to opening and closing them."""

import os
import threading
from pathlib import Path

from sageyard.aws.s3.blobs import Blobs, md5_of
from sageyard.aws.s3.buckets import Buckets
from sageyard.aws.s3.checksums import Digests
from sageyard.aws.s3.errors import S3Error
from sageyard.aws.s3.listing import Listing
from sageyard.aws.s3.objects import NewObject, ObjectIndex, StoredObject
from sageyard.aws.s3.request import Payload
from sageyard.aws.s3.uploads import Uploads
from sageyard.clock import Clock
from sageyard.store.database import Database

MIGRATIONS = Path(__file__).parents[1] / "migrations" / "objects"


class Storage:
    """S3's state below one folder: `objects.db` and `objects/`."""

    def __init__(self, state_dir: Path, objects_dir: Path, clock: Clock, account_id: str) -> None:
        self.account_id = account_id
        self.clock = clock
        self.database = Database(state_dir / "objects.db", MIGRATIONS)
        self.blobs = Blobs(objects_dir)
        self.listing = Listing(self.database)
        self._open()
        self._collector = threading.Thread(target=self._collect, name="s3-collect", daemon=True)
        self._collector.start()

    def _open(self) -> None:
        self.buckets = Buckets(self.database, self.clock)
        self.objects = ObjectIndex(self.database, self.blobs, self.buckets, self.clock)
        self.uploads = Uploads(self.database, self.blobs, self.buckets, self.objects, self.clock)
        self._closing = threading.Event()

    def _collect(self) -> None:
        """Delete what a crash left behind, folder by folder, while requests are being served."""

        def referenced(blobs: list[str]) -> set[str]:
            return set(blobs) if self._closing.is_set() else self.objects.referenced(blobs)

        self.blobs.collect(referenced)

    def receive(self, body: bytes, headers: dict[str, str]) -> Payload:
        """A small body as a blob."""
        digests = Digests(headers)
        digests.update(body)
        checksums = digests.finish({})
        return Payload(self.blobs.write(body), len(body), digests.etag, checksums)

    def adopt(self, file: Path) -> Payload:
        """A file of this machine as a blob, linked where possible."""
        return self.adopt_blob(self.blobs.link(file))

    def adopt_blob(self, blob: str) -> Payload:
        """A blob that exists, measured and hashed."""
        path = self.blobs.path(blob)
        return Payload(blob, path.stat().st_size, md5_of(path), {})

    def put(self, bucket: str, key: str, payload: Payload, content_type: str) -> StoredObject:
        """PutObject from inside the server."""
        headers = {"content-type": content_type, **self.buckets.get(bucket).encryption()}
        new = NewObject(payload.blob, payload.size, payload.etag, {"headers": headers})
        return self.objects.put(bucket, key, new)

    def open(self, bucket: str, key: str, version: str | None = None) -> tuple[StoredObject, int]:
        """An object and a descriptor of its blob, which the caller closes."""
        while True:
            found = self.objects.find(bucket, key, version)
            try:
                return found, os.open(self.blobs.path(found.blob), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                # Overwritten between the two steps: look again. A blob that is gone for good is another matter.
                if self.objects.find(bucket, key, version).blob == found.blob:
                    message = f"the bytes of s3://{bucket}/{key} ({found.blob}) are missing below {self.blobs.root}"
                    raise S3Error("InvalidObjectState", message) from None

    def reset(self) -> None:
        """Forget every bucket and object."""
        with self.database.transaction() as connection:
            blobs = [row["blob"] for row in connection.execute("SELECT blob FROM objects UNION SELECT blob FROM parts")]
            for table in ("parts", "uploads", "objects", "bucket_documents", "buckets"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the line above
        self.blobs.remove(blob for blob in blobs if blob)
        self._open()

    def close(self) -> None:
        """Close the files; no request may be under way."""
        self._closing.set()
        self._collector.join()
        self.database.close()
