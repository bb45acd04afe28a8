"""S3 from inside the server."""

import os
from pathlib import Path

from sageyard.aws.s3.errors import S3Error
from sageyard.aws.s3.storage import Storage
from sageyard.cloud import ObjectInfo, ObjectNotFoundError


class StoredObjects:
    """`sageyard.cloud.Objects` over our own storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def list(self, bucket: str, prefix: str = "") -> list[ObjectInfo]:
        """Current objects under a prefix, in key order; an unknown bucket raises ObjectNotFoundError."""
        self._check(bucket)
        found: list[ObjectInfo] = []
        after = ""
        while True:
            page = self._storage.listing.current(bucket, prefix, "", after, 1000)
            found += [ObjectInfo(each.key, each.size, each.etag, each.modified) for each in page.objects]
            if not page.truncated:
                return found
            after = page.last

    def _check(self, bucket: str) -> None:
        try:
            self._storage.buckets.get(bucket)
        except S3Error:
            raise ObjectNotFoundError(f"s3://{bucket}") from None

    def path(self, bucket: str, key: str) -> Path:
        """The file that holds the object's current bytes; it goes when the object is overwritten or deleted."""
        try:
            return self._storage.blobs.path(self._storage.objects.find(bucket, key).blob)
        except S3Error:
            raise ObjectNotFoundError(f"s3://{bucket}/{key}") from None

    def read(self, bucket: str, key: str) -> bytes:
        """The object's bytes, whole."""
        try:
            _, descriptor = self._storage.open(bucket, key)
        except S3Error:
            raise ObjectNotFoundError(f"s3://{bucket}/{key}") from None
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

    def put(self, bucket: str, key: str, body: bytes | Path, content_type: str = "binary/octet-stream") -> None:
        """Write an object; a `Path` is linked where the file system allows and copied elsewhere."""
        self._check(bucket)
        payload = self._storage.adopt(body) if isinstance(body, Path) else self._storage.receive(body, {})
        try:
            self._storage.put(bucket, key, payload, content_type)
        except S3Error:
            self._storage.objects.release([payload.blob])
            raise ObjectNotFoundError(f"s3://{bucket}") from None

    def delete(self, bucket: str, key: str) -> None:
        """Delete as DeleteObject does."""
        self._check(bucket)
        self._storage.objects.delete(bucket, [(key, None)])
