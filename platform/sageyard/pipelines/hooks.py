"""Executions and their steps as resource types, and the work behind an execution."""

from collections.abc import Callable

from sageyard.clock import Clock
from sageyard.cloud import Cloud
from sageyard.pipelines.definition import read
from sageyard.pipelines.execution import EXECUTION, STEP, Executor
from sageyard.pipelines.steps import STEP_TYPES
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Api, Hooks, Resource, ResourceSpec

PIPELINE = "Pipeline"
TYPES = frozenset(STEP_TYPES)


class PipelineExecutionHooks(Hooks):
    """Runs executions; `api` answers SageMaker's operations once they exist."""

    def __init__(self, engine: Engine, cloud: Cloud, clock: Clock, api: Callable[[], Api]) -> None:
        self.engine = engine
        self.cloud = cloud
        self.clock = clock
        self.api = api
        self._executors: dict[str, Executor] = {}

    def specs(self) -> tuple[ResourceSpec, ...]:
        """The resource types: no Create operation makes one."""
        ended = frozenset({"Stopped", "Failed", "Succeeded"})
        execution = ResourceSpec(
            kind=EXECUTION,
            identity=("PipelineExecutionArn",),
            arn_member="PipelineExecutionArn",
            arn_noun="pipeline",
            noun="pipeline execution",
            status_member="PipelineExecutionStatus",
            statuses=ended | {"Executing", "Stopping", "CompletedWithFailures"},
            initial_status="Executing",
            settled=ended | {"CompletedWithFailures"},
            success_status="Succeeded",
            failed_status="Failed",
            stop_status="Stopping",
            not_found="Pipeline execution with ARN {arn} does not exist.",
            not_stoppable="Pipeline execution with ARN {arn} cannot be stopped: its status is {status}.",
            parent_member="PipelineName",
            parent_kind=PIPELINE,
            orphans="delete",
            hooks=self,
            grade="runs",
        )
        step = ResourceSpec(
            kind=STEP,
            identity=("StepName",),
            arn_member="StepArn",
            arn_noun="pipeline",
            noun="pipeline execution step",
            status_member="StepStatus",
            statuses=ended | {"Starting", "Executing", "Stopping"},
            settled=ended,
            parent_member="PipelineExecutionArn",
            parent_kind=EXECUTION,
            orphans="delete",
            grade="runs",
        )
        return execution, step

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        definition = read(resource.private["definition"], TYPES)
        executor = Executor(self.engine, self.cloud, self.clock, self.api(), resource, definition)
        self._executors[resource.arn] = executor
        try:
            status, reason = await executor.run()
        finally:
            self._executors.pop(resource.arn, None)
        if resource.exists:
            resource.save(status=status, FailureReason=reason)

    async def stop(self, resource: Resource) -> None:
        if (executor := self._executors.get(resource.arn)) is not None:
            executor.stopped.set()
