"""What the engines need of the rest of AWS: objects, logs, metrics, events and functions.

Protocols only; `sageyard.aws` implements them on moto. All methods that are no coroutines block and are safe to call
from any thread: from the event loop call them through `asyncio.to_thread`. What a method has returned for is durable:
it survives kill -9.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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

    def samples(
        self, region: str, namespace: str, name: str, dimensions: Sequence[dict[str, str]]
    ) -> list[tuple[float, float]]:
        """All samples of one metric that were put one by one, as (epoch seconds, value), oldest first."""


class Alarms(Protocol):
    """CloudWatch alarms."""

    def missing(self, region: str, names: Sequence[str]) -> list[str]:
        """Those of the names that no alarm has."""

    def ringing(self, region: str, names: Sequence[str], since: float | None, until: float) -> list[str]:
        """Those in state ALARM, now or at any time after `since` and not after `until`; without `since` only now."""


class Events(Protocol):
    """EventBridge."""

    def put(self, region: str, detail_type: str, detail: dict[str, Any], resources: Sequence[str]) -> None:
        """PutEvents with source `aws.sagemaker`."""

    def wanted(self) -> bool:
        """Whether anybody could be told: there is a target of a rule, or an archive."""

    def timers(self) -> list["EventTimer"]:
        """Every enabled rule and schedule of EventBridge that fires by the clock."""

    def complete(self, timer: "EventTimer") -> None:
        """A schedule that was to be deleted after its last run has run."""


@dataclass(frozen=True, slots=True)
class EventTimer:
    """A scheduled rule, or a schedule of EventBridge Scheduler."""

    arn: str
    region: str
    expression: str
    """`rate(5 minutes)`, `cron(0 12 * * ? *)` or, of a schedule, `at(2026-11-21T08:00:00)`."""
    targets: tuple[dict[str, Any], ...]
    """As PutTargets and CreateSchedule have them."""
    timezone: str = "UTC"
    begins: float | None = None
    ends: float | None = None
    created: float | None = None
    """Of a schedule, which unlike a rule fires at once where its rate has no start."""
    deletes: bool = False
    """Whether the schedule is deleted after its last run."""


@dataclass(frozen=True, slots=True)
class Function:
    """One version of a Lambda function, as it is configured now."""

    name: str
    arn: str
    version: str
    region: str
    runtime: str
    package: str
    """`Zip` or `Image`."""
    handler: str
    timeout: float
    """Seconds."""
    memory: int
    """MiB."""
    reserved: int | None
    """How many invocations may run at once, where the user has said so."""
    modified: str
    environment: Mapping[str, str] = field(default_factory=dict)
    code: bytes = b""
    layers: tuple[bytes, ...] = ()
    retries: int = 2
    """How often an asynchronous invocation is repeated after it has failed."""
    on_success: str = ""
    on_failure: str = ""
    """ARNs of queues, topics or functions that are told how an asynchronous invocation has ended."""


@dataclass(frozen=True, slots=True)
class FunctionAnswer:
    """What came of an invocation: the function's answer as JSON, or AWS's error document."""

    payload: bytes
    version: str
    failed: bool = False
    log: bytes = b""
    """The end of what the invocation has logged."""


class Functions(Protocol):
    """Lambda."""

    async def invoke(
        self, region: str, function: str, payload: bytes, *, qualifier: str = "", client_context: str = ""
    ) -> FunctionAnswer:
        """Invoke by name or ARN and wait for the answer; AwsError where nothing could be run. `payload` is JSON."""

    def enqueue(self, region: str, function: str, payload: bytes) -> None:
        """Invoke later, behind the caller; repeated twice where the function fails, as AWS does."""


class Services(Protocol):
    """Every other service of AWS that speaks JSON: Glue and the like."""

    def call(self, region: str, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """One operation by its name, with its members as the API has them; AwsError with the service's own code."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """The rest of AWS, in one hand."""

    objects: Objects
    logs: Logs
    metrics: Metrics
    events: Events
    endpoint_url: str
    services: Services
    functions: Functions
    alarms: Alarms


def split_s3_uri(uri: str) -> tuple[str, str]:
    """`s3://bucket/some/key` as (bucket, key); anything else raises ValueError."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ValueError(f"{uri!r} is not an S3 URI of the form s3://bucket/key")
    return bucket, key
