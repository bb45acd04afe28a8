"""Tuning jobs: so many training jobs at a time, until there are enough of them or one is good enough.

A training job is known by the tuning job that it belongs to and its number; all else is read off the training jobs, so
that a server that starts again goes on where it stood.
"""

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

from sageyard.clock import Clock
from sageyard.errors import AwsError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Api, Context, Document, Hooks, Resource, ResourceSpec
from sageyard.store.resources import Row
from sageyard.tuning.ranges import Point, read_ranges
from sageyard.tuning.strategies import STRATEGIES

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


class Search:
    """One definition's part of a tuning job: its ranges, objective and strategy."""

    def __init__(self, request: Document, definition: Document, random: Random) -> None:
        config = request["HyperParameterTuningJobConfig"]
        self.definition = definition
        self.name: str = definition.get("DefinitionName", "")
        self.objective: Document = definition.get("TuningObjective") or config.get(OBJECTIVE) or {}
        ranges = read_ranges(definition.get("HyperParameterRanges") or config.get("ParameterRanges") or {})
        strategy = STRATEGIES.get(config["Strategy"])
        if strategy is None:
            raise ValidationError(
                f"Strategy {config['Strategy']} is not carried out by Sageyard: use {', '.join(sorted(STRATEGIES))}."
            )
        if not self.objective:
            raise ValidationError("A tuning job needs a HyperParameterTuningJobObjective or a TuningObjective.")
        if not ranges:
            raise ValidationError("A tuning job needs at least one range in ParameterRanges or HyperParameterRanges.")
        self.strategy = strategy(ranges, random)
        self.size = self.strategy.size

    @property
    def sign(self) -> float:
        return -1.0 if self.objective["Type"] == "Maximize" else 1.0

    def values(self, point: Point) -> dict[str, str]:
        """Hyperparameters at a point."""
        return {one.name: one.value(point[one.name]) for one in self.strategy.ranges}


def searches(request: Document, name: str) -> list[Search]:
    """Of all definitions; the same seed chooses the same points. Raises ValidationError."""
    single, several = request.get("TrainingJobDefinition"), request.get("TrainingJobDefinitions")
    if (single is None) == (several is None):
        raise ValidationError("Give either TrainingJobDefinition or TrainingJobDefinitions.")
    seed = request["HyperParameterTuningJobConfig"].get("RandomSeed", name)
    return [
        Search(request, definition, Random(f"{seed} {number}"))  # noqa: S311 - a draw, not a secret
        for number, definition in enumerate(several or [single])
    ]


class TuningJobHooks(Hooks):
    """Runs tuning jobs; `api` answers SageMaker's operations once they exist."""

    def __init__(self, engine: Engine, clock: Clock, api: Callable[[], Api]) -> None:
        self.engine = engine
        self.clock = clock
        self.api = api
        self._news: dict[str, asyncio.Event] = {}
        engine.watchers.append(self._changed)

    async def prepare(self, request: Document, context: Context) -> Document:
        if "WarmStartConfig" in request:
            raise ValidationError("WarmStartConfig is not carried out by Sageyard: start without the parents' results.")
        found = searches(request, request["HyperParameterTuningJobName"])
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
        news = self._news.setdefault(resource.arn, asyncio.Event())
        while True:
            news.clear()
            jobs = self.jobs(resource)
            if resource.status == "Stopping":
                await self._stop(resource, jobs)
            running = [job for job in jobs if job.status in {"InProgress", "Stopping"}]
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
        best = self.best(jobs)
        return document | {
            "TrainingJobStatusCounters": counts,
            "ObjectiveStatusCounters": objectives,
            "BestTrainingJob": best,
            "OverallBestTrainingJob": best,
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
            "TrainingJobName": job.name,
            "TunedHyperParameters": tuned["values"],
            "FinalHyperParameterTuningJobObjectiveMetric": None
            if value is None
            else tuned["objective"] | {"Value": value},
            "ObjectiveStatus": "Pending" if job.status == "InProgress" else "Failed" if value is None else "Succeeded",
        }
        return {key: one for key, one in (document | shown).items() if one is not None}

    def best(self, jobs: list[Row]) -> Document | None:
        """The completed job with the best objective."""
        done = [(job, value) for job in jobs if job.status == "Completed" and (value := _objective(job)) is not None]
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
        point = search.strategy.choose(number, known)
        tuned = search.values(point)
        letters = hashlib.sha256(f"{resource.arn} {number}".encode()).hexdigest()[:8]
        name = f"{resource.name}-{number + 1:03d}-{letters}"
        request: Document = {member: search.definition[member] for member in NAMED if member in search.definition}
        request["HyperParameters"] = search.definition.get("StaticHyperParameters", {}) | tuned
        request["TrainingJobName"] = name
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

    # -- the end --------------------------------------------------------------------------------------------------

    def _good_enough(self, resource: Resource, jobs: list[Row]) -> bool:
        """TuningJobCompletionCriteria and MaxRuntimeInSeconds."""
        config = resource.document["HyperParameterTuningJobConfig"]
        seconds = config["ResourceLimits"].get("MaxRuntimeInSeconds")
        if seconds is not None and self.clock.now() - resource.document["CreationTime"] >= seconds:
            return True
        criteria = config.get("TuningJobCompletionCriteria", {})
        ended = [(job, value) for job in jobs if (value := _objective(job)) is not None]
        if not ended:
            return False
        sign = -1.0 if ended[0][0].private["tuned"]["objective"]["Type"] == "Maximize" else 1.0
        values = [sign * value for _, value in ended]
        target = criteria.get("TargetObjectiveMetricValue")
        patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
        reached = target is not None and min(values) <= sign * target
        return reached or (patience is not None and len(values) - 1 - values.index(min(values)) >= patience)

    def _end(self, resource: Resource, jobs: list[Row]) -> None:
        members: dict[str, Any] = {"HyperParameterTuningEndTime": self.clock.now()}
        if resource.status == "Stopping":
            status = "Stopped"
        elif any(job.status == "Completed" for job in jobs):
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


def _objective(job: Row) -> float | None:
    """The final value of the objective's metric; None where the job has reported none."""
    if job.status == "InProgress":
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
