"""Tuning jobs: how many jobs run, which is the best, when it is enough, and what a strategy finds."""

import asyncio
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sageyard.errors import AwsError, ValidationError
from sageyard.tuning.completion import stale
from sageyard.tuning.ranges import Range, read_ranges
from sageyard.tuning.strategies import STRATEGIES

from tests.unit.tuning.server import RANGES, Server, drive, loss


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
        assert server.engine.store.tags(job["TrainingJobArn"]) == [("team", "growth")], "those of the tuning job"
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

    async def converged(server: Server) -> None:
        server.jobs.metric = lambda values: 10 + loss(values) / 100
        criteria = {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}
        await server.create(jobs=50, at_once=1, TuningJobCompletionCriteria=criteria)
        described = await server.ended()
        assert described["TrainingJobStatusCounters"]["Completed"] == 11, "one, and ten that are within 1% of it"
        assert described["TuningJobCompletionDetails"]["NumberOfTrainingJobsObjectiveNotImproving"] == 10
        assert described["ConsumedResources"]["RuntimeInSeconds"] >= 0

    drive(tmp_path / "converged", converged)

    async def target(server: Server) -> None:
        server.jobs.metric = lambda values: 0.5
        await server.create(jobs=50, at_once=1, TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 0.6})
        assert (await server.ended())["TrainingJobStatusCounters"]["Completed"] == 1

    drive(tmp_path / "target", target)


def test_an_improvement_is_more_than_one_percent_of_the_best_so_far() -> None:
    assert stale([]) == []
    assert stale([100, 99.5, 98.9, 98.5, 120, 97.9]) == [0, 1, 0, 1, 2, 0]
    assert stale([-0.9, -0.905, -0.95]) == [0, 1, 0], "of a maximum, with its sign changed"


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
        strategy = STRATEGIES[name](ranges, Random(seed), {}, {})
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
        assert one.place(one.value(0.3)) == pytest.approx(0.3)
        assert one.place(str(high * 1.01)) is None
    assert float(Range("x", 0.001, 10, scaling="Logarithmic").value(0.5)) == pytest.approx(0.1)
    assert Range("kind", choices=("good", "bad")).place("bad") == 1.0
    assert Range("kind", choices=("good", "bad")).place("other") is None


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"Strategy": "Grid"}, "takes only categorical parameters, and 'n' is none"),
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
