"""Executions of monitoring schedules: each is one processing job, followed to its end.

The container's line in /opt/ml/output/message, which is the job's ExitMessage, decides the status of an execution
whose job completed: `Completed: …` or `CompletedWithViolations: …`. An execution without data has no processing job,
as on AWS.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sageyard.cloud import Cloud
from sageyard.errors import AwsError
from sageyard.monitoring.captures import captures_of, filled_folders
from sageyard.monitoring.definition import DATA_QUALITY, ExecutionError, endpoint_input, monitoring_type, resolve
from sageyard.monitoring.processing import baseline_uris, processing_job, report_uri
from sageyard.monitoring.timetable import daily
from sageyard.monitoring.window import Window, analysis_window
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Api, Document, Hooks, Resource, ResourceSpec
from sageyard.store.resources import Row, Selection

KIND = "MonitoringExecution"
JOB = "ProcessingJob"
MAX_REASON = 1024
PATIENCE = 3600.0  # seconds between two looks at a job that nothing is heard of

Flush = Callable[[str, str], Awaitable[None]]
"""Given a region and an endpoint, returns when all that it has captured so far is in S3."""


class MonitoringExecutionHooks(Hooks):
    """Runs executions; those of one schedule one after the other, in the order in which they were added.

    An execution and its processing job have the same name, which makes a restart safe: the job is there or it is not.
    """

    def __init__(self, engine: Engine, cloud: Cloud, api: Callable[[], Api], flush: Flush | None) -> None:
        self.engine = engine
        self.cloud = cloud
        self.api = api
        self.flush = flush
        self._turns: dict[tuple[str, str], asyncio.Lock] = {}

    def spec(self) -> ResourceSpec:
        """The resource type: no Create operation makes one, and only ListMonitoringExecutions shows it."""
        settled = frozenset({"Completed", "CompletedWithViolations", "Failed", "Stopped"})
        return ResourceSpec(
            kind=KIND,
            identity=("MonitoringExecutionName",),
            arn_member="MonitoringExecutionArn",
            arn_noun="monitoring-execution",
            noun="monitoring execution",
            status_member="MonitoringExecutionStatus",
            statuses=settled | {"Pending", "InProgress", "Stopping"},
            initial_status="Pending",
            settled=settled,
            success_status="Completed",
            failed_status="Failed",
            hooks=self,
            grade="runs",
        )

    def add(self, schedule: Row, name: str, scheduled: float, window: Window | None = None) -> None:
        """Store a Pending execution and start its work. `window` is that of a run on demand."""
        document = {
            "MonitoringScheduleName": schedule.name,
            "ScheduledTime": scheduled,
            "EndpointName": schedule.document.get("EndpointName"),
            "MonitoringJobDefinitionName": schedule.document.get("MonitoringJobDefinitionName"),
            "MonitoringType": schedule.document["MonitoringType"],
            "Window": [window.start, window.end] if window else None,
        }
        self.engine.add(
            KIND,
            schedule.region,
            name,
            parent=schedule.name,
            status="Pending",
            document={member: value for member, value in document.items() if value is not None},
        )

    def last(self, region: str, schedule: str) -> Document | None:
        """The newest execution of a schedule."""
        rows = self.engine.store.select(Selection(KIND, region, parent=schedule, limit=1))
        return self.engine.document(rows[0]) if rows else None

    async def forget(self, region: str, schedule: str) -> None:
        """Delete the executions of a schedule; jobs still running for them are stopped."""
        for row in self.engine.store.select(Selection(KIND, region, parent=schedule, limit=-1)):
            if (resource := self.engine.resource(KIND, region, row.name)) is not None:
                resource.remove()
            if row.status not in self.engine.specs[KIND].settled and "ProcessingJobArn" in row.document:
                with suppress(AwsError):  # it has ended in the meantime
                    await self.api().call("StopProcessingJob", {"ProcessingJobName": row.name}, region=region)
        self._turns.pop((region, schedule), None)

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        if not resource.exists:
            return
        schedule = resource.document["MonitoringScheduleName"]
        async with self._turns.setdefault((resource.region, schedule), asyncio.Lock()):
            if not resource.exists:
                return
            try:
                if self._job(resource) is None:
                    await self._start(resource, schedule)
                await self._follow(resource)
            except (ExecutionError, AwsError) as error:
                if resource.exists:
                    resource.save(status="Failed", FailureReason=str(error)[:MAX_REASON])

    async def _start(self, resource: Resource, schedule_name: str) -> None:
        """Create the processing job; what keeps it from being created raises ExecutionError or AwsError."""
        api, region, execution = self.api(), resource.region, resource.document
        schedule = self.engine.store.get("MonitoringSchedule", region, schedule_name)
        if schedule is None:
            raise ExecutionError(f"Monitoring schedule {schedule_name} is gone.")
        config = schedule.document["MonitoringScheduleConfig"]
        if (kind := monitoring_type(config)) != DATA_QUALITY:
            raise ExecutionError(f"MonitoringType {kind} is not analysed yet: Sageyard runs {DATA_QUALITY} only.")
        definition = await resolve(config, api, region)
        data = endpoint_input(definition)
        if "Window" in execution:
            window = Window(*execution["Window"])
        else:
            timing = config.get("ScheduleConfig", {})
            expression = timing.get("ScheduleExpression") or daily(schedule.created)
            window = analysis_window(timing, data, expression, execution["ScheduledTime"])
        captures = await captures_of(data["EndpointName"], api, region)
        if self.flush is not None:
            await self.flush(region, captures.endpoint)
        folders = await filled_folders(captures, self.cloud.objects, window)
        on_demand = resource.name if "Window" in execution else ""
        request = processing_job(
            resource.name,
            schedule_name,
            definition,
            captures,
            folders,
            await baseline_uris(definition, api, region),
            window,
            report_uri(definition, schedule_name, execution["ScheduledTime"], on_demand),
        )
        await api.call("CreateProcessingJob", request, region=region)
        if (job := self.engine.resource(JOB, region, resource.name)) is not None:
            job.save(MonitoringScheduleArn=schedule.arn)

    async def _follow(self, resource: Resource) -> None:
        """Wait for the end of the processing job and take over its outcome."""
        job = self._job(resource)
        if job is not None and resource.exists:
            resource.save(status="InProgress", ProcessingJobArn=job.arn)
        while job is not None and job.status not in self.engine.specs[JOB].settled:
            await self.engine.wait_for_change(job, PATIENCE)
            job = self._job(resource)
        if job is None:
            raise ExecutionError(f"Processing job {resource.name} was deleted before it ended.")
        request = {"ProcessingJobName": resource.name}
        ended = await self.api().call("DescribeProcessingJob", request, region=resource.region)
        if resource.exists:
            resource.save(status=outcome(ended), FailureReason=ended.get("FailureReason"))

    def _job(self, resource: Resource) -> Row | None:
        return self.engine.store.get(JOB, resource.region, resource.name)


def outcome(job: Document) -> str:
    """The MonitoringExecutionStatus of an ended processing job."""
    status: str = job["ProcessingJobStatus"]
    violations = status == "Completed" and job.get("ExitMessage", "").startswith("CompletedWithViolations")
    return "CompletedWithViolations" if violations else status
