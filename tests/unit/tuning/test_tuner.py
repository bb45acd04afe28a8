"""Tuning jobs over a real database; training jobs are stand-ins whose metric follows from their hyperparameters."""

import asyncio
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sageyard.clock import ShiftedClock
from sageyard.errors import AwsError, ValidationError
from sageyard.resources.derive import derive
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family, install
from sageyard.resources.operations import Operations
from sageyard.resources.spec import Document, Hooks, Resource
from sageyard.sagemaker import hyper_parameter_tuning_job
from sageyard.store.resources import Resources
from sageyard.tuning.ranges import Range, read_ranges
from sageyard.tuning.strategies import STRATEGIES
from sageyard.tuning.tuner import TuningJobHooks
from sageyard.wire import model

ROLE = "arn:aws:iam::123456789012:role/r"
RANGES = {
    "ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}],
    "IntegerParameterRanges": [{"Name": "n", "MinValue": "1", "MaxValue": "9"}],
    "CategoricalParameterRanges": [{"Name": "kind", "Values": ["good", "bad"]}],
}


def loss(values: dict[str, str]) -> float:
    """Least at x = 0.3, n = 4 and the good kind."""
    return (float(values["x"]) - 0.3) ** 2 + abs(int(values["n"]) - 4) / 10 + (values["kind"] == "bad")


class Jobs(Hooks):
    """Training jobs that report a loss, fail, or wait until they are stopped."""

    def __init__(self) -> None:
        self.running = self.most = 0
        self.hold = asyncio.Event()
        self.hold.set()
        self.metric: Callable[[dict[str, str]], float | None] = loss

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.001)
        await self.hold.wait()
        self.running -= 1
        if resource.status == "Stopping":
            resource.save(status="Stopped")
        elif (value := self.metric(resource.document["HyperParameters"])) is None:
            resource.save(status="Failed", FailureReason="AlgorithmError: it broke")
        else:
            resource.save(
                status="Completed", FinalMetricDataList=[{"MetricName": "loss", "Value": value, "Timestamp": 1}]
            )

    async def stop(self, resource: Resource) -> None:
        self.hold.set()


class Server:
    def __init__(self, path: Path) -> None:
        service = model.load("sagemaker")
        self.jobs = Jobs()
        self.store = Resources(path / "sageyard.db")
        self.engine = Engine(self.store, ShiftedClock(), derive(service), "123456789012")
        hooks = TuningJobHooks(self.engine, self.engine.clock, lambda: self.operations)
        work = Family(overrides={"TrainingJob": {"hooks": self.jobs, "grade": "runs"}})
        installed = install(self.engine, [work, hyper_parameter_tuning_job.family(hooks, self.engine)])
        self.operations = Operations(service, self.engine, installed.functions, installed.refused)

    async def call(self, operation: str, **request: Any) -> Document:
        return await self.operations.call(operation, request, region="us-east-1")

    async def create(self, strategy: str = "Random", jobs: int | None = 6, at_once: int = 2, **config: Any) -> None:
        limits: dict[str, Any] = {"MaxParallelTrainingJobs": at_once}
        if jobs is not None:
            limits["MaxNumberOfTrainingJobs"] = jobs
        await self.call(
            "CreateHyperParameterTuningJob",
            HyperParameterTuningJobName="tune",
            HyperParameterTuningJobConfig={
                "Strategy": strategy,
                "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
                "ResourceLimits": limits,
                "ParameterRanges": RANGES,
                **config,
            },
            TrainingJobDefinition={
                "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
                "RoleArn": ROLE,
                "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
                "StaticHyperParameters": {"fixed": "yes"},
            },
        )

    async def describe(self) -> Document:
        return await self.call("DescribeHyperParameterTuningJob", HyperParameterTuningJobName="tune")

    async def ended(self, status: str = "Completed") -> Document:
        deadline = time.monotonic() + 10
        while (described := await self.describe())["HyperParameterTuningJobStatus"] in {"InProgress", "Stopping"}:
            assert time.monotonic() < deadline, described
            await asyncio.sleep(0.005)
        assert described["HyperParameterTuningJobStatus"] == status, described
        return described

    async def list(self, **request: Any) -> list[Document]:
        answer = await self.call(
            "ListTrainingJobsForHyperParameterTuningJob", HyperParameterTuningJobName="tune", MaxResults=100, **request
        )
        found: list[Document] = answer["TrainingJobSummaries"]
        return found


def drive(path: Path, scenario: Callable[[Server], Any]) -> None:
    async def main() -> None:
        server = Server(path)
        await scenario(server)
        await server.engine.close()

    asyncio.run(main())


def test_so_many_jobs_run_so_many_at_a_time_and_the_best_is_shown(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await server.create(jobs=7, at_once=3)
        described = await server.ended()
        assert server.jobs.most == 3
        assert described["TrainingJobStatusCounters"]["Completed"] == 7
        assert described["ObjectiveStatusCounters"] == {"Succeeded": 7, "Pending": 0, "Failed": 0}
        listed = await server.list(SortBy="FinalObjectiveMetricValue", SortOrder="Ascending")
        values = [one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in listed]
        assert values == sorted(values)
        assert described["BestTrainingJob"]["TrainingJobName"] == listed[0]["TrainingJobName"]
        assert [loss(one["TunedHyperParameters"]) for one in listed] == pytest.approx(values)
        job = await server.call("DescribeTrainingJob", TrainingJobName=listed[0]["TrainingJobName"])
        assert job["HyperParameters"] == {
            "fixed": "yes",
            "_tuning_objective_metric": "loss",
            **listed[0]["TunedHyperParameters"],
        }
        assert job["TuningJobArn"] == described["HyperParameterTuningJobArn"]
        assert len({one["TrainingJobName"] for one in listed}) == 7

    drive(tmp_path, scenario)


def test_a_grid_tries_every_combination_once(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.metric = lambda values: float(values["a"] + values["b"])
        ranges = {
            "CategoricalParameterRanges": [
                {"Name": "a", "Values": ["1", "2"]},
                {"Name": "b", "Values": ["3", "4", "5"]},
            ]
        }
        await server.create("Grid", jobs=None, ParameterRanges=ranges)
        await server.ended()
        tried = sorted(tuple(one["TunedHyperParameters"].values()) for one in await server.list())
        assert tried == [(a, b) for a in "12" for b in "345"]

    drive(tmp_path, scenario)


def test_failed_jobs_are_counted_and_a_tuning_job_of_nothing_else_fails(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.metric = lambda values: None
        await server.create(jobs=3)
        described = await server.ended("Failed")
        assert "AlgorithmError: it broke" in described["FailureReason"]
        assert described["TrainingJobStatusCounters"]["NonRetryableError"] == 3
        assert "BestTrainingJob" not in described

    drive(tmp_path, scenario)


def test_a_tuning_job_ends_when_its_target_is_met_or_nothing_improves(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.metric = lambda values: 1.0
        criteria = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
        await server.create(jobs=50, at_once=1, TuningJobCompletionCriteria=criteria)
        assert (await server.ended())["TrainingJobStatusCounters"]["Completed"] == 4

    drive(tmp_path, scenario)

    async def target(server: Server) -> None:
        server.jobs.metric = lambda values: 0.5
        await server.create(jobs=50, at_once=1, TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 0.6})
        assert (await server.ended())["TrainingJobStatusCounters"]["Completed"] == 1

    drive(tmp_path / "target", target)


def test_a_stopped_tuning_job_stops_its_jobs(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.hold.clear()
        await server.create(jobs=50)
        while server.jobs.running < 2:
            await asyncio.sleep(0.002)
        await server.call("StopHyperParameterTuningJob", HyperParameterTuningJobName="tune")
        described = await server.ended("Stopped")
        assert described["TrainingJobStatusCounters"]["Stopped"] == 2

    drive(tmp_path, scenario)


def test_a_tuning_job_goes_on_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        before = Server(tmp_path)
        before.jobs.hold.clear()
        await before.create(jobs=4)
        while before.jobs.running < 2:
            await asyncio.sleep(0.002)
        await before.engine.close()
        before.store.database.close()
        after = Server(tmp_path)
        after.engine.recover()
        described = await after.ended()
        assert described["TrainingJobStatusCounters"]["Completed"] == 4
        await after.engine.close()

    asyncio.run(main())


def valleys(values: dict[str, str]) -> float:
    """Several dips along x, and a slope in n."""
    return math.sin(9 * float(values["x"])) + (int(values["n"]) - 2) ** 2 / 50 + 0.3 * (values["kind"] == "bad")


@pytest.mark.parametrize("objective", [loss, valleys])
def test_the_bayesian_strategy_finds_more_than_chance(objective: Callable[[dict[str, str]], float]) -> None:
    """Median of the best of 40 points over 40 seeds."""
    ranges = read_ranges(RANGES)

    def best(name: str, seed: int) -> float:
        strategy = STRATEGIES[name](ranges, Random(seed))
        known: list[tuple[dict[str, float], float]] = []
        for number in range(40):
            point = strategy.choose(number, known)
            known.append((point, objective({one.name: one.value(point[one.name]) for one in ranges})))
        return min(value for _, value in known)

    medians = {name: statistics.median(best(name, seed) for seed in range(40)) for name in ("Random", "Bayesian")}
    assert medians["Bayesian"] < medians["Random"], medians


def test_scales_reach_both_ends_of_their_range() -> None:
    for scaling, low, high in (("Linear", 2, 8), ("Logarithmic", 0.001, 10), ("ReverseLogarithmic", 0.1, 0.999)):
        one = Range("x", low, high, scaling=scaling)
        assert float(one.value(0)) == pytest.approx(low)
        assert float(one.value(1)) == pytest.approx(high)
    assert float(Range("x", 0.001, 10, scaling="Logarithmic").value(0.5)) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"Strategy": "Grid"}, "takes only categorical parameters, and 'n' is none"),
        ({"Strategy": "Hyperband"}, "Strategy Hyperband is not carried out"),
        ({"ParameterRanges": {}}, "needs at least one range"),
        (
            {"ParameterRanges": {"IntegerParameterRanges": [{"Name": "n", "MinValue": "9", "MaxValue": "1"}]}},
            "greater than its MaxValue",
        ),
        ({"ParameterRanges": {"AutoParameters": [{"Name": "n", "ValueHint": "1"}]}}, "finds no ranges by itself"),
    ],
)
def test_what_cannot_be_searched_is_refused(tmp_path: Path, config: dict[str, Any], told: str) -> None:
    async def scenario(server: Server) -> None:
        with pytest.raises(AwsError, match=told) as caught:
            await server.create(config.pop("Strategy", "Random"), **config)
        assert isinstance(caught.value, ValidationError)

    drive(tmp_path, scenario)
