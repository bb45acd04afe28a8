"""Tuning jobs: so many training jobs at a time, until there are enough of them or one is good enough.

A training job is known by the tuning job that it belongs to and its number; all else is read off the training jobs, so
that a server that starts again goes on where it stood.
"""

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sageyard.clock import Clock
from sageyard.errors import AwsError
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Api, Context, Document, Hooks, Resource, ResourceSpec
from sageyard.store.resources import Row
from sageyard.tuning import warm_start
from sageyard.tuning.completion import CONVERGED, reached, stale
from sageyard.tuning.progress import Progress
from sageyard.tuning.search import Search, searches

TUNING = "HyperParameterTuningJob"
TRAINING = "TrainingJob"
OBJECTIVE = "HyperParameterTuningJobObjective"
TOLD = "_tuning_objective_metric"
DEFAULT_JOBS = 1000
NAMED = ("AlgorithmSpecification", "RoleArn", "InputDataConfig", "VpcConfig", "OutputDataConfig", "ResourceConfig",
         "StoppingCondition", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption",
         "EnableManagedSpotTraining", "CheckpointConfig", "RetryStrategy", "Environment")  # fmt: skip
"""Members that a training job takes over from its definition."""
STATUSES = {"Completed": "Completed", "InProgress": "InProgress", "Stopping": "InProgress", "Stopped": "Stopped",
            "Failed": "NonRetryableError"}  # fmt: skip
RUNNING = ("InProgress", "Stopping")
EPOCHS = "objectives"
"""Where a training job's private notes have its objective metric after each epoch."""


class TuningJobHooks(Hooks):
    """Runs tuning jobs; `api` answers SageMaker's operations once they exist."""

    def __init__(self, engine: Engine, clock: Clock, api: Callable[[], Api]) -> None:
        self.engine = engine
        self.clock = clock
        self.api = api
        self._news: dict[str, asyncio.Event] = {}
        engine.watchers.append(self._changed)

    async def prepare(self, request: Document, context: Context) -> Document:
        found = searches(request, request["HyperParameterTuningJobName"])
        for parent in warm_start.parents(request):
            row = self.engine.find(self.engine.specs[TUNING], {f"{TUNING}Name": parent}, context.region)
            warm_start.check(request, self.engine.document(row))
        limits = request["HyperParameterTuningJobConfig"]["ResourceLimits"]
        if (size := found[0].size) is not None and "MaxNumberOfTrainingJobs" not in limits:
            limits = limits | {"MaxNumberOfTrainingJobs": size}
            config = request["HyperParameterTuningJobConfig"] | {"ResourceLimits": limits}
            request = request | {"HyperParameterTuningJobConfig": config}
        return _completed(request)

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        request = resource.document
        found = searches(request, resource.name)
        limits = request["HyperParameterTuningJobConfig"]["ResourceLimits"]
        most = min(limits.get("MaxNumberOfTrainingJobs", DEFAULT_JOBS), found[0].size or DEFAULT_JOBS)
        self._start_warm(resource, found)
        judged: dict[str, int] = {}
        news = self._news.setdefault(resource.arn, asyncio.Event())
        while True:
            news.clear()
            jobs = self.jobs(resource)
            await self._stop_behind(resource, found, jobs, judged)
            if resource.status == "Stopping":
                await self._stop(resource, jobs)
            running = [job for job in jobs if job.status in RUNNING]
            enough = len(jobs) >= most or resource.status == "Stopping" or self._good_enough(resource, jobs)
            if enough and not running:
                break
            if not enough and len(running) < limits["MaxParallelTrainingJobs"]:
                if not await self._start(resource, found[len(jobs) % len(found)], len(jobs), jobs):
                    return
                continue
            await news.wait()
        self._news.pop(resource.arn, None)
        self._end(resource, self.jobs(resource))

    def describe(self, resource: Resource, document: Document) -> Document:
        jobs = self.jobs(resource)
        counts = dict.fromkeys(("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0)
        objectives = dict.fromkeys(("Succeeded", "Pending", "Failed"), 0)
        for job in jobs:
            counts[STATUSES[job.status]] += 1
            objectives[self.summary(job)["ObjectiveStatus"]] += 1
        since = dict(zip(values := _ended(jobs)[0], stale(list(values.values())), strict=True))
        converged = next((name for name, count in since.items() if count >= CONVERGED), None)
        ended = {job.name: job.document.get("TrainingEndTime") for job in jobs}
        completion = {
            "NumberOfTrainingJobsObjectiveNotImproving": next(reversed(since.values()), 0),
            "ConvergenceDetectedTime": ended.get(converged or ""),
        }
        runtime = document.get("HyperParameterTuningEndTime", self.clock.now()) - document["CreationTime"]
        others = self._parents(resource) if warm_start.is_identical(document) else []
        return document | {
            "TrainingJobStatusCounters": counts,
            "ObjectiveStatusCounters": objectives,
            "TuningJobCompletionDetails": {name: one for name, one in completion.items() if one is not None},
            "ConsumedResources": {"RuntimeInSeconds": int(runtime)},
            "BestTrainingJob": self.best(jobs),
            "OverallBestTrainingJob": self.best([*jobs, *(job for parent in others for job in self.jobs(parent))]),
        }

    def summarize(self, resource: Resource, document: Document) -> Document:
        config = document["HyperParameterTuningJobConfig"]
        described = self.describe(resource, document)
        return described | {"Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}

    def _changed(self, spec: ResourceSpec, before: Row | None, after: Row | None) -> None:
        """A tuning job, or a training job of one, was written to."""
        if after is not None and spec.kind in {TUNING, TRAINING}:
            arn = after.arn if spec.kind == TUNING else after.document.get("TuningJobArn")
            if (news := self._news.get(arn or "")) is not None:
                news.set()

    # -- training jobs --------------------------------------------------------------------------------------------

    def jobs(self, resource: Resource) -> list[Row]:
        """The training jobs so far, in the order of their numbers."""
        names: list[str] = resource.private.get("jobs", [])
        rows = [self.engine.store.get(TRAINING, resource.region, name) for name in names]
        return [row for row in rows if row is not None]

    def summary(self, job: Row) -> Document:
        """A training job as ListTrainingJobsForHyperParameterTuningJob shows it."""
        document = self.engine.document(job)
        tuned: Document = job.private["tuned"]
        value = _objective(job)
        shown = {
            "TrainingJobDefinitionName": tuned["definition"] or None,
            "TuningJobName": job.document["TuningJobArn"].rpartition("/")[2],
            "TrainingJobName": job.name,
            "TunedHyperParameters": tuned["values"],
            "FinalHyperParameterTuningJobObjectiveMetric": None
            if value is None
            else tuned["objective"] | {"Value": value},
            "ObjectiveStatus": "Pending" if job.status in RUNNING else "Failed" if value is None else "Succeeded",
        }
        return {key: one for key, one in (document | shown).items() if one is not None}

    def best(self, jobs: list[Row]) -> Document | None:
        """The completed job with the best objective."""
        done = [(job, value) for job in jobs if _completed_all(job) and (value := _objective(job)) is not None]
        if not done:
            return None
        sign = -1.0 if done[0][0].private["tuned"]["objective"]["Type"] == "Maximize" else 1.0
        return self.summary(min(done, key=lambda entry: sign * entry[1])[0])

    async def _start(self, resource: Resource, search: Search, number: int, jobs: list[Row]) -> bool:
        """Create the training job with this number; False: the tuning job has failed by it."""
        own = [job for job in jobs if job.private["tuned"]["definition"] == search.name]
        known = [
            (job.private["tuned"]["point"], search.sign * value)
            for job in own
            if (value := _objective(job)) is not None
        ]
        point = search.choose(number, known)
        tuned = search.values(point)
        letters = hashlib.sha256(f"{resource.arn} {number}".encode()).hexdigest()[:8]
        name = f"{resource.name}-{number + 1:03d}-{letters}"
        request: Document = {member: search.definition[member] for member in NAMED if member in search.definition}
        request["HyperParameters"] = search.definition.get("StaticHyperParameters", {}) | tuned
        request["TrainingJobName"] = name
        if tags := resource.tags:  # its training jobs have them, too (API reference: CreateHyperParameterTuningJob)
            request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        if self.engine.resource(TRAINING, resource.region, name) is None:  # else the server died right after this call
            try:
                await self.api().call(f"Create{TRAINING}", request, region=resource.region)
            except AwsError as error:
                reason = f"ClientError: {error.message}"[:1024]
                resource.save(status="Failed", FailureReason=reason, HyperParameterTuningEndTime=self.clock.now())
                return False
        job = self.engine.resource(TRAINING, resource.region, name)
        assert job is not None
        notes = {"definition": search.name, "objective": search.objective, "values": tuned, "point": point}
        job.save(TuningJobArn=resource.arn, private={"tuned": notes})
        resource.save(private={"jobs": [*resource.private.get("jobs", []), name]})
        return True

    async def _stop(self, resource: Resource, jobs: list[Row]) -> None:
        for job in jobs:
            if job.status == "InProgress":
                with suppress(AwsError):  # it has ended in the meantime
                    await self.api().call("StopTrainingJob", {"TrainingJobName": job.name}, region=resource.region)

    async def _stop_behind(
        self, resource: Resource, found: list[Search], jobs: list[Row], judged: dict[str, int]
    ) -> None:
        """Stop running jobs that the strategy or early stopping gives up; `judged` are epochs asked about before."""
        for search in found:
            own = [
                (job, _progress(number, search, job))
                for number, job in enumerate(jobs)
                if job.private["tuned"]["definition"] == search.name
            ]
            for job, progress in own:
                others = [other for _, other in own if other is not progress]
                for epochs in range(judged.get(job.name, 0) + 1, len(progress.values) + 1):
                    so_far = Progress(progress.number, progress.values[:epochs])
                    if job.status == "InProgress" and search.stops(so_far, others):
                        if search.strategy.enough(so_far) and (row := self._training_job(resource, job.name)):
                            row.save(private={"enough": True})
                        await self._stop(resource, [job])
                        break
                judged[job.name] = len(progress.values)

    def _training_job(self, resource: Resource, name: str) -> Resource | None:
        return self.engine.resource(TRAINING, resource.region, name)

    # -- warm start -----------------------------------------------------------------------------------------------

    def _parents(self, resource: Resource) -> list[Resource]:
        """A warm start's parents, as far as they are there still."""
        names = warm_start.parents(resource.document)
        found = (self.engine.resource(TUNING, resource.region, name) for name in names)
        return [parent for parent in found if parent is not None]

    def _start_warm(self, resource: Resource, found: list[Search]) -> None:
        """Tell each search what the parents' jobs of its definition have found."""
        families = [self.jobs(parent) for parent in self._parents(resource)]
        for search in found:
            tried = [
                [
                    (job.document["HyperParameters"], search.sign * value)
                    for job in jobs
                    if job.private["tuned"]["definition"] == search.name and (value := _objective(job)) is not None
                ]
                for jobs in families
            ]
            ranges = search.strategy.ranges
            search.earlier = list(warm_start.observations(ranges, tried, comparable=search.comparable))

    # -- the end --------------------------------------------------------------------------------------------------

    def _good_enough(self, resource: Resource, jobs: list[Row]) -> bool:
        """TuningJobCompletionCriteria and MaxRuntimeInSeconds."""
        config = resource.document["HyperParameterTuningJobConfig"]
        seconds = config["ResourceLimits"].get("MaxRuntimeInSeconds")
        if seconds is not None and self.clock.now() - resource.document["CreationTime"] >= seconds:
            return True
        values, sign = _ended(jobs)
        return reached(config.get("TuningJobCompletionCriteria", {}), list(values.values()), sign)

    def _end(self, resource: Resource, jobs: list[Row]) -> None:
        members: dict[str, Any] = {"HyperParameterTuningEndTime": self.clock.now()}
        if resource.status == "Stopping":
            status = "Stopped"
        elif any(_completed_all(job) for job in jobs):
            status = "Completed"
        else:
            status = "Failed"
            first = next((job.document.get("FailureReason") for job in jobs if job.status == "Failed"), None)
            members["FailureReason"] = f"All training jobs failed. The first: {first}"[:1024]
        resource.save(status=status, **members)


def _completed(request: Document) -> Document:
    """With what training jobs are told, and what SDK v2's `attach` reads back: metrics, and a ResourceConfig."""

    def told(definition: Document) -> Document:
        objective = definition.get("TuningObjective") or request["HyperParameterTuningJobConfig"].get(OBJECTIVE, {})
        given = {TOLD: objective["MetricName"]} | definition.get("StaticHyperParameters", {})
        tuning_resources = definition.get("HyperParameterTuningResourceConfig")
        resources = {"ResourceConfig": _resources(tuning_resources)} if tuning_resources else {}
        algorithm = {"MetricDefinitions": []} | definition["AlgorithmSpecification"]
        return definition | {"StaticHyperParameters": given, "AlgorithmSpecification": algorithm} | resources

    if "TrainingJobDefinition" in request:
        return request | {"TrainingJobDefinition": told(request["TrainingJobDefinition"])}
    return request | {"TrainingJobDefinitions": [told(one) for one in request["TrainingJobDefinitions"]]}


def _completed_all(job: Row) -> bool:
    """Whether it ended by itself, or was stopped when it had all the resources that it was to have."""
    return job.status == "Completed" or (job.status == "Stopped" and bool(job.private.get("enough")))


def _ended(jobs: list[Row]) -> tuple[dict[str, float], float]:
    """Objectives of the ended jobs by name, in their order, better the smaller, and the sign that made them so."""
    found = [(job, value) for job in jobs if (value := _objective(job)) is not None]
    maximized = bool(found) and found[0][0].private["tuned"]["objective"]["Type"] == "Maximize"
    sign = -1.0 if maximized else 1.0
    return {job.name: sign * value for job, value in found}, sign


def _progress(number: int, search: Search, job: Row) -> Progress:
    values = [search.sign * value for value in job.private.get(EPOCHS, [])]
    return Progress(number, values, completed=_completed_all(job))


def _objective(job: Row) -> float | None:
    """The final value of the objective's metric; None where the job has reported none."""
    if job.status in RUNNING:
        return None
    name = job.private["tuned"]["objective"]["MetricName"]
    for metric in job.document.get("FinalMetricDataList") or []:
        if metric["MetricName"] == name:
            return float(metric["Value"])
    return None


def _resources(config: Document) -> Document:
    """HyperParameterTuningResourceConfig as a ResourceConfig: the first of several instance types."""
    first = next(iter(config.get("InstanceConfigs", [])), config)
    kept = {name: config[name] for name in ("VolumeKmsKeyId",) if name in config}
    return kept | {name: first[name] for name in ("InstanceType", "InstanceCount", "VolumeSizeInGB") if name in first}
