"""Executions of pipelines: every step that is due runs, its outcome decides what is due next.

All that is known is in rows: the execution's, and one a step. A server that starts again reads them and goes on, each
step type finding again what it had begun.
"""

import asyncio
import contextlib
from typing import Any

from sageyard.clock import Clock, iso
from sageyard.cloud import Cloud
from sageyard.errors import AwsError
from sageyard.pipelines.caching import cache_key, seconds
from sageyard.pipelines.definition import Definition, Step
from sageyard.pipelines.expressions import ExpressionError, evaluate
from sageyard.pipelines.retries import delay
from sageyard.pipelines.scope import Scope
from sageyard.pipelines.steps import STEP_TYPES
from sageyard.pipelines.steps.base import (
    INTERNAL_ERROR,
    PATIENCE,
    Iteration,
    StepFailedError,
    StepRun,
    StepStoppedError,
    StepType,
    job_name,
)
from sageyard.pipelines.steps.job import JobStep
from sageyard.resources.engine import Engine
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Api, Document, Resource
from sageyard.store.resources import Selection

EXECUTION = "PipelineExecution"
STEP = "PipelineExecutionStep"
FAILED = "Step failure: One or multiple steps failed."
MOST_AT_ONCE = 50
OUTCOMES = {"Succeeded": "Completed", "Failed": "Failed", "Stopped": "Stopped"}
"""What a Trigger calls the status of an ended step."""
LONGEST_REASON = 1024
TICK = 0.05  # seconds between looks at the clock, which may be moved, while waiting for a retry


class Executor:
    """One execution, from where it stands to its end."""

    def __init__(
        self, engine: Engine, cloud: Cloud, clock: Clock, api: Api, execution: Resource, definition: Definition
    ) -> None:
        self.engine, self.cloud, self.clock, self.api = engine, cloud, clock, api
        self.execution = execution
        self.definition = definition
        self.document, self.private = execution.document, execution.private
        self.stopped = asyncio.Event()
        self.statuses: dict[str, str] = {}
        self.properties: dict[str, Document] = {}
        self._order = definition.order()
        self._runs: dict[str, tuple[StepType, StepRun]] = {}
        self._told_to_stop: set[str] = set()
        self._experiment: Document | None = None

    # -- the loop -------------------------------------------------------------------------------------------------

    async def run(self) -> tuple[str, str | None]:
        """The status that the execution ends with, and why it failed."""
        self._take_over()
        if self.execution.status == "Stopping":
            self.stopped.set()
        running: dict[str, asyncio.Task[None]] = {}
        stop = asyncio.create_task(self.stopped.wait())
        try:
            while True:
                for step in self._due(set(running)):
                    if len(running) < self._most_at_once():
                        running[step.name] = asyncio.create_task(self._perform(step, step.name, self._scope()))
                if not running:
                    break
                done, _ = await asyncio.wait([*running.values(), stop], return_when=asyncio.FIRST_COMPLETED)
                if stop in done:
                    for name in list(self._runs):
                        await self._stop_step(name)
                    await asyncio.wait(running.values())
                for name in [name for name, task in running.items() if task.done()]:
                    running.pop(name).result()
        finally:
            stop.cancel()
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)
        return self._outcome()

    def _take_over(self) -> None:
        """What steps have become already."""
        for name in self.definition.steps:
            if (row := self._row(name)) is not None:
                self.statuses[name] = row.status
                if row.status == "Succeeded":
                    self.properties[name] = row.private.get("properties", {})

    def _most_at_once(self) -> int:
        """Read again each time: UpdatePipelineExecution may change it."""
        limits = self.execution.document.get("ParallelismConfiguration", {})
        most: int = limits.get("MaxParallelExecutionSteps", MOST_AT_ONCE)
        return most

    def _due(self, running: set[str]) -> list[Step]:
        """Steps to take up now: those that a server before this one had begun, and those whose turn it is. After a
        failure that no step was to follow, and after a stop, it is nobody's turn."""
        if self.stopped.is_set() or self._unhandled():
            return [
                self.definition.steps[name]
                for name, status in self.statuses.items()
                if status not in OUTCOMES and name not in running
            ]
        states: dict[str, str] = {}
        for name in self._order:
            states[name] = self._state(self.definition.steps[name], states)
        return [step for name, step in self.definition.steps.items() if name not in running and states[name] == "due"]

    def _state(self, step: Step, states: dict[str, str]) -> str:
        """`due`, `waits`, `skipped`, or the status of a step that has ended; `states` are those of the steps before."""
        if (status := self.statuses.get(step.name)) is not None:
            return status if status in OUTCOMES else "due"
        chosen = self.document.get("SelectiveExecutionConfig", {}).get("SelectedSteps")
        if chosen is not None and all(one["StepName"] != step.name for one in chosen):
            return "skipped"
        for needed, trigger in step.needs.items():
            if states[needed] in {"due", "waits"}:
                return "waits"
            if states[needed] == "skipped" or trigger not in {"Any", OUTCOMES[states[needed]]}:
                return "skipped"
        if step.branch is not None and self.properties[step.branch[0]]["Outcome"] != str(step.branch[1]):
            return "skipped"
        return "due"

    def _unhandled(self) -> bool:
        """Whether a step failed, or was stopped by somebody, that no other step was to follow."""
        return any(
            not any(step.needs.get(name) in {OUTCOMES[status], "Any"} for step in self.definition.steps.values())
            for name, status in self.statuses.items()
            if status in {"Failed", "Stopped"}
        )

    def _outcome(self) -> tuple[str, str | None]:
        failed = "Failed" in self.statuses.values()
        if self.stopped.is_set():
            return "Stopped", None
        if self._unhandled():
            return ("Failed", FAILED) if failed else ("Stopped", None)
        return ("CompletedWithFailures" if failed else "Succeeded"), None

    # -- one step -------------------------------------------------------------------------------------------------

    async def _perform(self, step: Step, name: str, scope: Scope, iteration: Document | None = None) -> None:
        """Run a step to its end, which its row then shows; `name` is a child's own in a ForEach."""
        row, interrupted = self._row(name), True
        if row is None:
            row, interrupted = self._begin(step, name, iteration), False
        if row.status in OUTCOMES:
            return
        try:
            properties = await self._attempts(step, name, row, scope, interrupted=interrupted)
            row.save(status="Succeeded", private={"properties": properties}, EndTime=self.clock.now())
            if iteration is None:
                self.properties[name] = properties
        except StepFailedError as error:
            row.save(status="Failed", FailureReason=error.reason[:LONGEST_REASON], EndTime=self.clock.now())
        except StepStoppedError:
            row.save(status="Stopped", EndTime=self.clock.now())
        finally:
            self._runs.pop(name, None)
        if iteration is None:
            self.statuses[name] = row.status

    def _begin(self, step: Step, name: str, iteration: Document | None) -> StoredResource:
        document = {
            "StepName": name,
            "StepDisplayName": step.document.get("DisplayName"),
            "StepDescription": step.document.get("Description"),
            "StartTime": self.clock.now(),
            "AttemptCount": 1,
            "IterationContext": iteration,
        }
        return self.engine.add(
            STEP,
            self.execution.region,
            f"{self.execution.name}/{name}",
            parent=self.execution.name,
            status="Starting",
            document={key: value for key, value in document.items() if value is not None},
        )

    async def _attempts(
        self, step: Step, name: str, row: StoredResource, scope: Scope, *, interrupted: bool
    ) -> Document:
        """`interrupted`: a server before this one had begun the step. If its job ended with that server, the step
        begins again at once: that was no failure of the pipeline's."""
        while True:
            attempt = row.document["AttemptCount"]
            try:
                return await self._attempt(step, name, row, scope, attempt)
            except StepFailedError as error:
                elapsed = self.clock.now() - row.document["StartTime"]
                wait = delay(step.document.get("RetryPolicies") or [], error.types, attempt, elapsed)
                if interrupted and INTERNAL_ERROR in error.types:
                    wait, interrupted = 0.0, False
                if wait is None:
                    raise
                if not await self._pause(wait):
                    raise StepStoppedError from None
                row.save(private={"notes": {}, "begun": False}, AttemptCount=attempt + 1, Metadata=None)

    async def _pause(self, wait: float) -> bool:
        """Wait on the server's clock; False: the execution was stopped meanwhile."""
        due = self.clock.now() + wait
        while self.clock.now() < due and not self.stopped.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self.stopped.wait()
        return not self.stopped.is_set()

    async def _attempt(self, step: Step, name: str, row: StoredResource, scope: Scope, attempt: int) -> Document:
        try:
            scope = await asyncio.to_thread(self._launching, step, name, row, scope, attempt)
            arguments = await asyncio.to_thread(evaluate, step.arguments, scope.get, scope.read_file)
            own = {key: value for key, value in step.document.items() if key not in {"Arguments", "DependsOn"}}
            document = await asyncio.to_thread(evaluate, own, scope.get, scope.read_file)
        except ExpressionError as error:
            raise StepFailedError(f"{error}.") from None
        key = cache_key(step.type, arguments, document) if isinstance(arguments, dict) else ""
        if (known := self._cached(step, key)) is not None:
            row.save(**known)
            return self._hit(known["CacheHitResult"]["SourcePipelineExecutionArn"], step.name)
        row.save(private={"cache_key": key})
        run = await self._step_run(step, name, row, scope, attempt, arguments, document)
        kind = STEP_TYPES[step.type]
        self._runs[name] = (kind, run)
        if not row.private.get("begun"):
            if self.stopped.is_set():
                raise StepStoppedError
            await kind.start(run)
            row.save(status="Executing" if row.status == "Starting" else None, private={"begun": True})
        if self.stopped.is_set():  # while it began, or before a server that is no more could tell it
            await self._stop_step(name)
        return await kind.finish(run)

    def _launching(self, step: Step, name: str, row: StoredResource, scope: Scope, attempt: int) -> Scope:
        """The scope of a step that launches a job: its name is known."""
        kind = STEP_TYPES[step.type]
        if not isinstance(kind, JobStep):
            return scope
        member = f"{kind.kind}Name"
        base = evaluate((step.arguments or {}).get(member), scope.get, scope.read_file)
        started = row.document["StartTime"]
        return scope.of_job(member, job_name(self.execution.arn, name, started, attempt, base, kind.longest_name))

    async def _step_run(
        self, step: Step, name: str, row: StoredResource, scope: Scope, attempt: int, arguments: Any, document: Document
    ) -> StepRun:
        def remember(notes: Document) -> None:
            run.notes |= notes
            row.save(private={"notes": run.notes})

        async def answered() -> Document:
            while "answer" not in (private := row.private):
                await self.engine.wait_for_change(row, PATIENCE)
            answer: Document = private["answer"]
            return answer

        async def iterate(items: list[Any], at_once: int) -> list[Iteration]:
            return await self._iterate(step, items, at_once, scope)

        run = StepRun(
            region=self.execution.region,
            execution_arn=self.execution.arn,
            role_arn=self.document["RoleArn"],
            name=name,
            document=document | {"Arguments": step.document.get("Arguments")},
            arguments=arguments,
            attempt=attempt,
            started=row.document["StartTime"],
            api=self.api,
            engine=self.engine,
            cloud=self.cloud,
            experiment=await self._in_experiment(scope),
            notes=row.private.get("notes", {}),
            remember=remember,
            save_metadata=lambda metadata: row.save(Metadata=metadata),
            answered=answered,
            iterate=iterate,
            properties=lambda before: self.properties.get(before, {}),
        )
        return run

    async def _iterate(self, step: Step, items: list[Any], at_once: int, scope: Scope) -> list[Iteration]:
        """A ForEach step's body, once an item: the steps of one item in their order, `at_once` steps at a time."""
        free = asyncio.Semaphore(at_once)

        async def one(index: int, item: Any) -> Iteration:
            statuses: dict[str, str] = {}
            properties: dict[str, Document] = {}
            for child in step.body:
                name = f"{child.name}-{index}"
                context = {"ParentStepName": step.name, "Index": index, "Item": str(item)}
                async with free:
                    if not self.stopped.is_set() or self._row(name) is not None:
                        await self._perform(child, name, scope.inside(item, properties), context)
                row = self._row(name)
                statuses[child.name] = row.status if row else "Stopped"
                if row is None or row.status != "Succeeded":
                    break
                properties[child.name] = row.private.get("properties", {})
            return Iteration(statuses, properties)

        return list(await asyncio.gather(*(one(index, item) for index, item in enumerate(items))))

    # -- what steps see -------------------------------------------------------------------------------------------

    def _scope(self) -> Scope:
        name = self.execution.name
        variables = {
            "StartDateTime": iso(self.document["CreationTime"]),
            "CurrentDateTime": iso(self.clock.now()),
            "PipelineName": name.partition("/")[0],
            "PipelineArn": self.document["PipelineArn"],
            "PipelineExecutionId": name.rpartition("/")[2],
            "PipelineExecutionArn": self.execution.arn,
        }
        files = {
            step.name: {one["PropertyFileName"]: one for one in step.document.get("PropertyFiles") or []}
            for step in self.definition.steps.values()
        }
        return Scope(self.private["parameters"], variables, dict(self.properties), files, self.cloud.objects)

    async def _in_experiment(self, scope: Scope) -> Document | None:
        """The ExperimentConfig of this execution's jobs; experiment and trial are made where they are missing."""
        if self.definition.experiment and self._experiment is None:
            config: Document = evaluate(self.definition.experiment, scope.get, scope.read_file)
            for kind, request in (("Experiment", {"ExperimentName": config["ExperimentName"]}), ("Trial", config)):
                with contextlib.suppress(AwsError):  # it exists
                    await self.api.call(f"Create{kind}", request, region=self.execution.region)
            self._experiment = config
        return self._experiment

    def _cached(self, step: Step, key: str) -> Document | None:
        """Members of a step whose work an earlier execution of the pipeline has done."""
        config = step.document.get("CacheConfig") or {}
        if not config.get("Enabled") or not key:
            return None
        oldest = self.clock.now() - seconds(config["ExpireAfter"]) if "ExpireAfter" in config else 0.0
        pipeline = self.execution.name.partition("/")[0]
        for execution in self.engine.store.select(
            Selection(EXECUTION, self.execution.region, parent=pipeline, limit=-1)
        ):
            row = self.engine.store.get(STEP, self.execution.region, f"{execution.name}/{step.name}")
            if row is None or row.status != "Succeeded" or row.private.get("cache_key") != key:
                continue
            if "CacheHitResult" not in row.document and row.document["EndTime"] >= oldest:
                hit = {"SourcePipelineExecutionArn": execution.arn}
                return {"CacheHitResult": hit, "Metadata": row.document.get("Metadata"), "private": {"cache_key": key}}
        return None

    def _hit(self, arn: str, name: str) -> Document:
        source = self.engine.store.by_arn(arn, EXECUTION)
        assert source is not None
        row = self.engine.store.get(STEP, source.region, f"{source.name}/{name}")
        assert row is not None
        properties: Document = row.private.get("properties", {})
        return properties

    async def _stop_step(self, name: str) -> None:
        """Tell a running step once; one that is only about to begin sees for itself."""
        row = self._row(name)
        if row is None or row.status in OUTCOMES or not row.private.get("begun") or name in self._told_to_stop:
            return
        self._told_to_stop.add(name)
        row.save(status="Stopping")
        kind, run = self._runs[name]
        await kind.stop(run)

    def _row(self, name: str) -> StoredResource | None:
        return self.engine.resource(STEP, self.execution.region, f"{self.execution.name}/{name}")
