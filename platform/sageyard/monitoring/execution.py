"""Executions of monitoring schedules: each is one processing job, followed to its end; one of model quality or bias has
another before it, which merges captured data with ground truth.

The container's line in /opt/ml/output/message, which is the job's ExitMessage, decides the status of an execution
whose job completed: `Completed: …` or `CompletedWithViolations: …`. An execution without data has no processing job,
as on AWS.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sageyard.cloud import Cloud
from sageyard.errors import AwsError
from sageyard.monitoring.batches import batch_captures
from sageyard.monitoring.captures import captures_of, ground_truth
from sageyard.monitoring.dataset import Source, input_modes
from sageyard.monitoring.definition import (
    BY_CLARIFY,
    LABELLED,
    ExecutionError,
    data_input,
    monitoring_type,
    resolve,
)
from sageyard.monitoring.merge import ground_truth_uri, merge_job, merge_name, merged_uri, seconds_left
from sageyard.monitoring.processing import baseline_uris, output_uri, processing_job, report_uri
from sageyard.monitoring.report.reports import Reports
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

    An execution and its processing job have the same name, and its merge job one that follows from it, which makes a
    restart safe: the job is there or it is not. ProcessingJobArn is the analysis job's, the merge job's only where that
    was the end of it: SageMaker's SDK takes it for the report.
    """

    def __init__(self, engine: Engine, cloud: Cloud, api: Callable[[], Api], flush: Flush | None) -> None:
        self.engine = engine
        self.cloud = cloud
        self.api = api
        self.flush = flush
        self.reports = Reports(engine, cloud)
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
            for job in (row.name, merge_name(row.name, row.document["MonitoringType"])):
                if row.status not in self.engine.specs[KIND].settled and self._job(row, job) is not None:
                    with suppress(AwsError):  # it has ended in the meantime
                        await self.api().call("StopProcessingJob", {"ProcessingJobName": job}, region=region)
        self._turns.pop((region, schedule), None)

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        if not resource.exists:
            return
        schedule = resource.document["MonitoringScheduleName"]
        async with self._turns.setdefault((resource.region, schedule), asyncio.Lock()):
            if not resource.exists:
                return
            try:
                if self._job(resource, resource.name) is None:
                    await self._start(resource, schedule)
                ended = await self._follow(resource)
                status = outcome(ended)
                await self.reports.publish(resource.region, resource.name, status)
                if resource.exists:
                    resource.save(status=status, FailureReason=ended.get("FailureReason"))
            except (ExecutionError, AwsError) as error:
                status = error.status if isinstance(error, ExecutionError) else "Failed"
                if resource.exists:
                    resource.save(status=status, FailureReason=str(error)[:MAX_REASON])

    async def _start(self, resource: Resource, schedule_name: str) -> None:
        """Create the processing job; what keeps it from being created raises ExecutionError or AwsError."""
        api, region, execution = self.api(), resource.region, resource.document
        schedule = self.engine.store.get("MonitoringSchedule", region, schedule_name)
        if schedule is None:
            raise ExecutionError(f"Monitoring schedule {schedule_name} is gone.")
        config = schedule.document["MonitoringScheduleConfig"]
        kind, definition = monitoring_type(config), await resolve(config, api, region)
        if kind in BY_CLARIFY and "ConfigUri" not in definition["MonitoringAppSpecification"]:
            raise ExecutionError(
                f"The job definition names no analysis configuration: make one with Create{kind}JobDefinition, whose "
                f"{kind}AppSpecification has a ConfigUri."
            )
        data = data_input(definition)
        if "Window" in execution:
            window = Window(*execution["Window"])
        else:
            timing = config.get("ScheduleConfig", {})
            expression = timing.get("ScheduleExpression") or daily(schedule.created)
            window = analysis_window(timing, data, expression, execution["ScheduledTime"])
        source = await self._source(data, region)
        baseline = await baseline_uris(definition, kind, api, region)
        objects = self.cloud.objects
        if kind in LABELLED:
            merged = merged_uri(definition, schedule_name)
            definition = definition | await self._merge(resource, kind, definition, source, merged, window)
            dataset, baseline = await asyncio.to_thread(source.merged, objects, window, merged), (baseline[0], None)
        else:
            staging = staging_uri(definition, resource.name)
            dataset = await asyncio.to_thread(source.captured, objects, window, staging)
        if not resource.exists:
            return
        on_demand = resource.name if "Window" in execution else ""
        request = processing_job(
            resource.name,
            schedule_name,
            definition,
            source,
            dataset,
            baseline,
            window,
            report_uri(definition, source, schedule_name, execution["ScheduledTime"], on_demand),
            kind,
        )
        await self._create(resource, request)

    async def _source(self, data: Document, region: str) -> Source:
        """The captured data that an EndpointInput or a BatchTransformInput names, all of it in S3."""
        if "EndpointName" not in data:
            return batch_captures(data)
        captures = await captures_of(data["EndpointName"], input_modes(data), self.api(), region)
        if self.flush is not None:
            await self.flush(region, captures.endpoint)
        return captures

    async def _merge(
        self, resource: Resource, kind: str, definition: Document, source: Source, merged: str, window: Window
    ) -> Document:
        """Run the merge job to its end; answers the StoppingCondition that it leaves to the analysis.

        The labels are those collected from the window's start to now: none is older than its prediction.
        """
        name = merge_name(resource.name, kind)
        if self._job(resource, name) is None:
            if (uri := ground_truth_uri(definition)) is None:
                raise ExecutionError(
                    f"The job definition names no ground truth: make one with Create{kind}JobDefinition, whose "
                    f"{kind}JobInput has a GroundTruthS3Input."
                )
            collected = Window(window.start, max(window.end, math.ceil(self.engine.clock.now())))
            objects, staging = self.cloud.objects, staging_uri(definition, name)
            dataset = await asyncio.to_thread(source.predicted, objects, window, staging)
            hours = await asyncio.to_thread(ground_truth, objects, uri, collected)
            await self._create(resource, merge_job(name, definition, dataset, (uri, hours), merged, window))
        if resource.exists:
            resource.save(status="InProgress")
        ended = await self._ended(resource, name)
        if ended["ProcessingJobStatus"] != "Completed":
            if resource.exists:
                resource.save(ProcessingJobArn=ended["ProcessingJobArn"])
            reason = ended.get("FailureReason") or f"The ground truth merge, processing job {name}, was stopped."
            raise ExecutionError(reason, ended["ProcessingJobStatus"])
        return {"StoppingCondition": {"MaxRuntimeInSeconds": seconds_left(definition, ended)}}

    async def _create(self, resource: Resource, request: Document) -> None:
        await self.api().call("CreateProcessingJob", request, region=resource.region)
        schedule = self.engine.store.get(
            "MonitoringSchedule", resource.region, resource.document["MonitoringScheduleName"]
        )
        job = self.engine.resource(JOB, resource.region, request["ProcessingJobName"])
        if schedule is not None and job is not None:
            job.save(MonitoringScheduleArn=schedule.arn)

    async def _follow(self, resource: Resource) -> Document:
        """Wait for the end of the analysis job; answers its description."""
        job = self._job(resource, resource.name)
        if job is not None and resource.exists:
            resource.save(status="InProgress", ProcessingJobArn=job.arn)
        return await self._ended(resource, resource.name)

    async def _ended(self, resource: Resource, name: str) -> Document:
        job = self._job(resource, name)
        while job is not None and job.status not in self.engine.specs[JOB].settled:
            await self.engine.wait_for_change(job, PATIENCE)
            job = self._job(resource, name)
        if job is None:
            raise ExecutionError(f"Processing job {name} was deleted before it ended.")
        return await self.api().call("DescribeProcessingJob", {"ProcessingJobName": name}, region=resource.region)

    def _job(self, resource: Resource | Row, name: str) -> Row | None:
        return self.engine.store.get(JOB, resource.region, name)


def staging_uri(definition: Document, job: str) -> str:
    """How the S3 URIs of files begin that are made for a job to read."""
    return f"{output_uri(definition)}/manifests/{job}"


def outcome(job: Document) -> str:
    """The MonitoringExecutionStatus of an ended processing job."""
    status: str = job["ProcessingJobStatus"]
    violations = status == "Completed" and job.get("ExitMessage", "").startswith("CompletedWithViolations")
    return "CompletedWithViolations" if violations else status
