"""Monitoring schedules: checked when they are made, fired by the ticker, run on demand."""

import uuid
from collections.abc import Callable

from sageyard.clock import Clock, utc
from sageyard.cloud import Cloud
from sageyard.errors import AwsError, ValidationError
from sageyard.monitoring.definition import (
    DATA_QUALITY,
    check_input,
    data_input,
    job_prefix,
    monitoring_type,
    resolve,
)
from sageyard.monitoring.execution import Flush, MonitoringExecutionHooks
from sageyard.monitoring.ticker import SCHEDULE, Ticker
from sageyard.monitoring.timetable import NOW, crontab, daily, next_time
from sageyard.monitoring.window import Window, analysis_window, last_hour
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Api, Context, Document, Hooks, Resource


class MonitoringScheduleHooks(Hooks):
    """Schedules with their executions and the ticker.

    `api` answers SageMaker's operations once they exist; `flush` brings an endpoint's captures to S3 before a window
    that ends now is read.
    """

    def __init__(
        self, engine: Engine, cloud: Cloud, clock: Clock, api: Callable[[], Api], flush: Flush | None = None
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.executions = MonitoringExecutionHooks(engine, cloud, api, flush)
        self.ticker = Ticker(engine, clock, self.executions)

    # -- the resource ---------------------------------------------------------------------------------------------

    async def prepare(self, request: Document, context: Context) -> Document:
        return request | await self._checked(request["MonitoringScheduleConfig"], context)

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        self.ticker.arm(resource, "Scheduled")

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        return request | await self._checked(request["MonitoringScheduleConfig"], context)

    async def updated(self, resource: Resource) -> None:
        if resource.status == "Scheduled":
            self.ticker.arm(resource, "Scheduled")

    async def deleted(self, resource: Resource) -> None:
        await self.executions.forget(resource.region, resource.name)

    def describe(self, resource: Resource, document: Document) -> Document:
        return document | {"LastMonitoringExecutionSummary": self.executions.last(resource.region, resource.name)}

    def start_firing(self, resource: Resource) -> None:
        """Fire again from the next time on; what was missed while stopped stays missed."""
        if resource.status != "Scheduled":
            self.ticker.arm(resource, "Scheduled")

    def stop_firing(self, resource: Resource) -> None:
        """Fire no more; an execution under way goes on to its end."""
        resource.save(status="Stopped")

    # -- what only this server has --------------------------------------------------------------------------------

    async def run_ticker(self) -> None:
        """Fire schedules for ever: one task of the server."""
        await self.ticker.run()

    def wake(self) -> None:
        """The clock was moved."""
        self.ticker.wake()

    async def run_now(self, name: str, region: str, start: float | None = None, end: float | None = None) -> str:
        """Add an execution of a schedule now, whatever its timetable and status; answers the execution's name, which
        is its analysis job's.

        It analyses what was captured from `start` to before `end`, epoch seconds; by default the last 60 minutes,
        this second included. The job gets the folders of the hours that the window touches, the current one among
        them; the analyser keeps the records whose inferenceTime lies in the window.
        """
        row = self.engine.find(self.engine.specs[SCHEDULE], {"MonitoringScheduleName": name}, region)
        now = self.clock.now()
        default = last_hour(now)
        window = Window(
            default.start if start is None else int(start),
            default.end if end is None else int(end),
        )
        if window.start >= window.end:
            raise ValidationError(f"The window {window} is empty: the start must lie before the end.")
        prefix = job_prefix(row.document["MonitoringType"])
        execution = f"{prefix}-{utc(now):%Y%m%d%H%M}-{uuid.uuid4().hex[:24]}"
        self.executions.add(row, execution, now, window)
        return execution

    # -- refusals -------------------------------------------------------------------------------------------------

    async def _checked(self, config: Document, context: Context) -> Document:
        """The members to store besides the configuration; what AWS refuses raises ValidationError."""
        name = config.get("MonitoringJobDefinitionName")
        if (name is None) == ("MonitoringJobDefinition" not in config):
            raise ValidationError(
                "MonitoringScheduleConfig must have either MonitoringJobDefinitionName, with MonitoringType, or "
                "MonitoringJobDefinition, and not both."
            )
        if name is not None and "MonitoringType" not in config:
            raise ValidationError(
                f"MonitoringType is missing: set it to the type of job definition {name!r}, such as {DATA_QUALITY}."
            )
        kind = monitoring_type(config)
        try:
            definition = await resolve(config, context.api, context.region)
        except AwsError:
            raise ValidationError(
                f"{kind} job definition {name!r} does not exist in {context.region}: create it with "
                f"Create{kind}JobDefinition first."
            ) from None
        given = definition["MonitoringInputs"][0]
        endpoint = await check_input(given, "MonitoringInputs", context.api, context.region)
        self._check_timing(config.get("ScheduleConfig", {}), data_input(definition), context.now)
        return {
            "EndpointName": endpoint,
            "MonitoringJobDefinitionName": name,
            "MonitoringType": kind,
        }

    def _check_timing(self, timing: Document, data: Document, now: float) -> None:
        expression = timing.get("ScheduleExpression", daily(now))
        try:
            if expression != NOW:
                crontab(expression)
            analysis_window(timing, data, expression, now if expression == NOW else next_time(expression, now))
        except ValueError as error:
            raise ValidationError(f"{error}.") from None
