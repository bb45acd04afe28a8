"""The rest of AWS, as the engines use it (the protocols of `sageyard.cloud`), and their opening."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sageyard.aws.exchange import ServiceRequest
from sageyard.aws.log_store import LogStore
from sageyard.aws.moto_services import MotoServices
from sageyard.aws.mount import AwsMount
from sageyard.aws.s3.errors import S3Error
from sageyard.aws.s3.storage import Storage
from sageyard.clock import Clock, ShiftedClock
from sageyard.cloud import Cloud, ObjectInfo, ObjectNotFoundError
from sageyard.errors import AwsError
from sageyard.settings import Settings


class StoredObjects:
    """S3 from inside the server: `sageyard.cloud.Objects`."""

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


class StoredLogs:
    """CloudWatch Logs from inside the server: `sageyard.cloud.Logs`."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    def create_stream(self, region: str, group: str, stream: str) -> None:
        """Create the group and the stream where they are missing."""
        self._store.ensure_stream(region, group, stream)

    def append(self, region: str, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Append (epoch milliseconds, message) pairs; the stream is created where it is missing."""
        try:
            self._store.append(region, group, stream, events)
        except AwsError:
            self._store.ensure_stream(region, group, stream)
            self._store.append(region, group, stream, events)

    def tail(self, region: str, group: str, stream: str, lines: int = 20) -> list[str]:
        """The last messages of a stream, oldest first."""
        return self._store.tail(region, group, stream, lines)


class EventBus:
    """EventBridge from inside the server: `sageyard.cloud.Events`."""

    def __init__(self, services: MotoServices) -> None:
        self._services = services

    def put(self, region: str, detail_type: str, detail: dict[str, Any], resources: Sequence[str]) -> None:
        """PutEvents with source `aws.sagemaker`; without a rule that has a target, nothing happens and moto sleeps."""
        if not self._services.has_event_targets():
            return
        entry = {
            "Source": "aws.sagemaker",
            "DetailType": detail_type,
            "Detail": json.dumps(detail, default=str),
            "Resources": list(resources),
        }
        headers = {
            "authorization": f"AWS4-HMAC-SHA256 Credential=sageyard/20000101/{region}/events/aws4_request",
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": "AWSEvents.PutEvents",
        }
        body = json.dumps({"Entries": [entry]}).encode()
        self._services.answer_blocking(ServiceRequest("events", region, "POST", "/", headers, body))


def open_cloud(settings: Settings, clock: Clock | None = None) -> tuple[AwsMount, Cloud]:
    """Open the state below `settings.state_dir`: the mount for the app, the protocols for the engines.

    `clock` gives the times of objects, logs and records; real time where there is none. `AwsMount.close` ends it all.
    """
    mount = AwsMount(settings, clock or ShiftedClock())
    cloud = Cloud(
        objects=StoredObjects(mount.storage),
        logs=StoredLogs(mount.logs),
        metrics=mount.metrics,
        events=EventBus(mount.services),
        endpoint_url=settings.endpoint_url,
    )
    return mount, cloud
