"""A server of schedules over a real database; processing jobs and endpoints are stand-ins that do as they are told."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sageyard.clock import ShiftedClock
from sageyard.cloud import Cloud, ObjectInfo, ObjectNotFoundError
from sageyard.monitoring.schedules import MonitoringScheduleHooks
from sageyard.resources.derive import derive
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family, install
from sageyard.resources.operations import Operations
from sageyard.resources.spec import Document, Hooks, Resource
from sageyard.sagemaker import job_definitions, monitoring_schedule
from sageyard.store.resources import Resources
from sageyard.wire import model

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/monitor"
IMAGE = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
CAPTURES = "s3://bucket/captures"
RESOURCES = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 20}}
NO_VIOLATIONS = "Completed: Job completed successfully with no violations."
VIOLATIONS = "CompletedWithViolations: Job completed successfully with 2 violations."


def at(text: str) -> float:
    """Epoch seconds of `2026-11-21 08:20`, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


async def until(condition: Callable[[], Any] | Callable[[], Awaitable[Any]], seconds: float = 5) -> Any:
    """The condition's first true answer; fails after some seconds."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < deadline, "nothing happened"
        await asyncio.sleep(0.002)


class Bucket:
    """Objects of one bucket called `bucket`."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}

    def list(self, bucket: str, prefix: str = "") -> list[ObjectInfo]:
        if bucket != "bucket":
            raise ObjectNotFoundError(f"s3://{bucket}")
        found = sorted(key for key in self.keys if key.startswith(prefix))
        return [ObjectInfo(key, len(self.keys[key]), "etag", 0.0) for key in found]

    def read(self, bucket: str, key: str) -> bytes:
        if key not in self.keys:
            raise ObjectNotFoundError(f"s3://{bucket}/{key}")
        return self.keys[key]

    def put(self, bucket: str, key: str, body: bytes, content_type: str) -> None:
        if bucket != "bucket":
            raise ObjectNotFoundError(f"s3://{bucket}")
        self.keys[key] = body


class Jobs(Hooks):
    """Processing jobs that end as `ends` says, at once or when released."""

    def __init__(self) -> None:
        self.ends: dict[str, Any] = {"status": "Completed", "ExitMessage": NO_VIOLATIONS}
        self.released = asyncio.Event()
        self.released.set()
        self.requests: list[Document] = []
        self.stopped: list[str] = []

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        if not recovered:
            self.requests.append(resource.document)
        await self.released.wait()
        resource.save(**{"ProcessingStartTime": 0.0, "ProcessingEndTime": 0.0} | self.ends)

    async def stop(self, resource: Resource) -> None:
        self.stopped.append(resource.name)
        self.ends = {"status": "Stopped"}
        self.released.set()


class Endpoints(Hooks):
    """Endpoints that say they capture to CAPTURES unless told otherwise."""

    def __init__(self) -> None:
        self.capture: Document | None = {
            "EnableCapture": True, "CaptureStatus": "Started", "CurrentSamplingPercentage": 100,
            "DestinationS3Uri": CAPTURES, "KmsKeyId": "",
        }  # fmt: skip
        self.variants = ["AllTraffic"]

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        resource.save(status="InService")

    def describe(self, resource: Resource, document: Document) -> Document:
        variants = [{"VariantName": name} for name in self.variants]
        return document | {"DataCaptureConfig": self.capture, "ProductionVariants": variants}


class Server:
    """Engine, operations, schedules and their ticker over one database file."""

    def __init__(self, path: Path, now: float) -> None:
        service = model.load("sagemaker")
        self.clock = ShiftedClock(now - time.time())
        self.bucket, self.jobs, self.endpoints = Bucket(), Jobs(), Endpoints()
        unused = cast("Any", None)
        cloud = Cloud(cast("Any", self.bucket), unused, unused, unused, "", unused, unused, unused)
        self.store = Resources(path / "sageyard.db")
        self.engine = Engine(self.store, self.clock, derive(service), "123456789012")
        self.flushed: list[tuple[str, str]] = []
        self.schedules = MonitoringScheduleHooks(self.engine, cloud, self.clock, lambda: self.operations, self._flush)
        work = Family(
            overrides={
                "ProcessingJob": {"hooks": self.jobs, "grade": "runs"},
                "Endpoint": {"hooks": self.endpoints, "grade": "runs", "references": ()},
            }
        )
        families = [work, job_definitions.family(), monitoring_schedule.family(self.schedules, self.engine)]
        installed = install(self.engine, families)
        self.operations = Operations(service, self.engine, installed.functions, installed.refused)

    async def __aenter__(self) -> "Server":
        self.engine.recover()
        self.ticker = asyncio.create_task(self.schedules.run_ticker())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ticker.cancel()
        await asyncio.gather(self.ticker, return_exceptions=True)
        await self.engine.close()
        self.store.database.close()

    async def _flush(self, region: str, endpoint: str) -> None:
        self.flushed.append((region, endpoint))

    async def call(self, operation: str, **request: Any) -> Document:
        return await self.operations.call(operation, request, region=REGION)

    def capture(self, hour: str, endpoint: str = "churn", variant: str = "AllTraffic") -> None:
        """An object of captured data in an hour such as `2026/11/21/08`."""
        self.bucket.keys[f"captures/{endpoint}/{variant}/{hour}/20-48-871-x.jsonl"] = b"{}"

    def move_to(self, text: str) -> None:
        """Move the clock as the clock endpoint does."""
        self.clock.advance(at(text) - self.clock.now())
        self.schedules.wake()

    async def endpoint(self, name: str = "churn") -> None:
        await self.call("CreateEndpoint", EndpointName=name, EndpointConfigName="config")

    async def definition(self, name: str = "quality", **members: Any) -> None:
        await self.call("CreateDataQualityJobDefinition", **(definition(name) | members))

    async def schedule(self, name: str = "hourly", expression: str | None = "cron(0 * ? * * *)", **more: Any) -> None:
        """A schedule of the definition `quality`, Scheduled when this returns."""
        await self.call("CreateMonitoringSchedule", **schedule(name, expression, **more))
        await until(lambda: self.status(name), 5)

    async def status(self, name: str) -> bool:
        described = await self.call("DescribeMonitoringSchedule", MonitoringScheduleName=name)
        return described["MonitoringScheduleStatus"] == "Scheduled"

    async def executions(self, **request: Any) -> list[Document]:
        listed = await self.call("ListMonitoringExecutions", **request)
        return cast("list[Document]", listed["MonitoringExecutionSummaries"])

    async def ended(self, count: int = 1, **request: Any) -> list[Document]:
        """The executions, oldest first, once so many have ended."""

        async def answer() -> list[Document] | None:
            found = await self.executions(SortBy="ScheduledTime", SortOrder="Ascending", **request)
            over = [entry for entry in found if entry["MonitoringExecutionStatus"] not in {"Pending", "InProgress"}]
            return found if len(over) >= count else None

        return cast("list[Document]", await until(answer))


def definition(name: str = "quality", **data: Any) -> Document:
    """A CreateDataQualityJobDefinition request as SDK v2 makes it."""
    return {
        "JobDefinitionName": name,
        "DataQualityAppSpecification": {
            "ImageUri": IMAGE, "Environment": {"publish_cloudwatch_metrics": "Enabled", "own": "value"},
        },
        "DataQualityBaselineConfig": {
            "ConstraintsResource": {"S3Uri": "s3://bucket/baseline/constraints.json"},
            "StatisticsResource": {"S3Uri": "s3://bucket/baseline/statistics.json"},
        },
        "DataQualityJobInput": {
            "EndpointInput": {"EndpointName": "churn", "LocalPath": "/opt/ml/processing/input/endpoint"} | data
        },
        "DataQualityJobOutputConfig": {
            "MonitoringOutputs": [
                {"S3Output": {"S3Uri": "s3://bucket/reports", "LocalPath": "/opt/ml/processing/output"}}
            ]
        },
        "JobResources": RESOURCES,
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "RoleArn": ROLE,
    }  # fmt: skip


def schedule(name: str = "hourly", expression: str | None = "cron(0 * ? * * *)", **more: Any) -> Document:
    """A CreateMonitoringSchedule request; `more` are members of ScheduleConfig."""
    config: Document = {"MonitoringJobDefinitionName": "quality", "MonitoringType": "DataQuality"}
    if expression is not None:
        config["ScheduleConfig"] = {"ScheduleExpression": expression} | more
    return {"MonitoringScheduleName": name, "MonitoringScheduleConfig": config}
