"""What the engines need of the rest of AWS: objects, logs, metrics and events.

Protocols only; `sageyard.aws` implements them on moto. All methods block and are safe to call from any
thread: from the event loop call them through `asyncio.to_thread`. What a method has returned for is durable: it
survives kill -9.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class ObjectNotFoundError(LookupError):
    """No such bucket or key; the message is the s3:// URI."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object of a listing. `size` in bytes, `modified` in epoch seconds."""

    key: str
    size: int
    etag: str
    modified: float


class Objects(Protocol):
    """S3, seen from inside the server."""

    def list(self, bucket: str, prefix: str = "") -> list[ObjectInfo]:
        """Current objects under a prefix, in key order; an unknown bucket raises ObjectNotFoundError."""

    def path(self, bucket: str, key: str) -> Path:
        """The file that holds the object's current bytes. Immutable: link or copy it, never write to it."""

    def read(self, bucket: str, key: str) -> bytes:
        """The object's bytes, whole; for small documents."""

    def put(self, bucket: str, key: str, body: bytes | Path, content_type: str = "binary/octet-stream") -> None:
        """Write an object. A `Path` is linked where the file system allows and copied elsewhere; the caller
        keeps its file but must not write to it afterwards. A missing bucket raises ObjectNotFoundError."""

    def delete(self, bucket: str, key: str) -> None:
        """Delete as DeleteObject does; a missing key is no error."""


class Logs(Protocol):
    """CloudWatch Logs."""

    def create_stream(self, region: str, group: str, stream: str) -> None:
        """Create the group and the stream where they are missing."""

    def append(self, region: str, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Append (epoch milliseconds, message) pairs; the stream is created where it is missing."""

    def tail(self, region: str, group: str, stream: str, lines: int = 20) -> list[str]:
        """The last messages of a stream, oldest first; empty where there is none."""


class Metrics(Protocol):
    """CloudWatch metrics."""

    def put(self, region: str, namespace: str, data: Sequence[dict[str, Any]]) -> None:
        """PutMetricData: each entry is a MetricDatum as the CloudWatch API has it (MetricName, Dimensions,
        Timestamp in epoch seconds, Value or StatisticValues, Unit)."""


class Events(Protocol):
    """EventBridge."""

    def put(self, region: str, detail_type: str, detail: dict[str, Any], resources: Sequence[str]) -> None:
        """PutEvents with source `aws.sagemaker`."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """The rest of AWS, in one hand."""

    objects: Objects
    logs: Logs
    metrics: Metrics
    events: Events
    endpoint_url: str


def split_s3_uri(uri: str) -> tuple[str, str]:
    """`s3://bucket/some/key` as (bucket, key); anything else raises ValueError."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ValueError(f"{uri!r} is not an S3 URI of the form s3://bucket/key")
    return bucket, key
