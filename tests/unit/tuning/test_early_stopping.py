"""Jobs that are stopped before their end: by the Hyperband strategy, and by the median rule."""

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sageyard.errors import AwsError, ValidationError
from sageyard.tuning.median_rule import falls_behind
from sageyard.tuning.progress import Progress
from sageyard.tuning.ranges import read_ranges
from sageyard.tuning.strategies.hyperband import Hyperband

from tests.unit.tuning.server import RANGES, Server, drive, loss

CONFIG = {"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 27}}}


def falling(epochs: int) -> Any:
    """Curves that come down to the loss of their values, all at the same pace."""
    return lambda values: [loss(values) + 1 / epoch for epoch in range(1, epochs + 1)]


def test_hyperband_stops_what_is_behind_and_takes_the_best_to_its_end(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.curve = falling(27)
        await server.create("Hyperband", jobs=30, at_once=3, **CONFIG)
        described = await server.ended()
        counts = described["TrainingJobStatusCounters"]
        assert counts["Completed"] + counts["Stopped"] == 30
        assert counts["Stopped"] >= 12, counts
        epochs = server.epochs()
        assert sum(epochs.values()) < 0.6 * 30 * 27
        best = described["BestTrainingJob"]
        assert best["TrainingJobStatus"] == "Completed"
        assert epochs[best["TrainingJobName"]] == 27
        drawn = sorted(loss(one["TunedHyperParameters"]) for one in await server.list())
        assert loss(best["TunedHyperParameters"]) in drawn[:3]
        stopped = [one for one in await server.list() if one["TrainingJobStatus"] == "Stopped"]
        assert {one["ObjectiveStatus"] for one in stopped} == {"Succeeded"}
        assert all("FinalHyperParameterTuningJobObjectiveMetric" in one for one in stopped)

    drive(tmp_path, scenario)


def test_a_job_that_goes_on_past_max_resource_is_stopped_and_counts(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.curve = falling(500)
        await server.create("Hyperband", jobs=2, at_once=1, static={"num_epochs": "4"})
        described = await server.ended()
        assert described["TrainingJobStatusCounters"]["Stopped"] == 2
        assert 5 <= max(server.epochs().values()) < 500
        assert described["BestTrainingJob"]["TrainingJobStatus"] == "Stopped"

    drive(tmp_path, scenario)


def test_no_job_is_stopped_before_min_resource() -> None:
    ranges = read_ranges(RANGES)
    config: dict[str, Any] = {"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 4, "MaxResource": 40}}}
    strategy = Hyperband(ranges, Random(1), config, {})
    ladders = {tuple(strategy.bracket(number)) for number in range(200)}
    assert ladders == {(4, 12, 36), (12, 36), (36,), ()}
    beside = [number for number in range(1, 200) if strategy.bracket(number) == [4, 12, 36]]
    better = [Progress(number, [0.0] * 40) for number in beside]
    for epochs in range(1, 42):
        assert strategy.stops(Progress(beside[0], [1.0] * epochs), better[1:]) == (epochs in {4, 12, 36, 41})


def test_the_median_rule_compares_with_the_averages_of_completed_jobs_up_to_the_same_epoch() -> None:
    done = [Progress(number, [value, value - 1, value - 2], completed=True) for number, value in enumerate((4.0, 6, 8))]
    running = Progress(9, [0.0, 0.0, 0.0])
    assert falls_behind(Progress(3, [6.1]), done)
    assert not falls_behind(Progress(3, [6.0]), done)
    assert falls_behind(Progress(3, [0.0, 5.6]), done), "the medians fall with the epochs"
    assert not falls_behind(Progress(3, [0.0, 5.4]), done)
    assert not falls_behind(Progress(3, [99.0]), [running]), "nothing has been completed"
    assert not falls_behind(Progress(3, [99.0] * 4), done), "nothing was trained as long"


def test_early_stopping_ends_jobs_that_fall_behind_and_the_best_is_whole(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.curve = falling(20)
        await server.create(jobs=12, at_once=1, TrainingJobEarlyStoppingType="Auto")
        described = await server.ended()
        counts = described["TrainingJobStatusCounters"]
        assert counts["Stopped"] >= 3, counts
        assert counts["Completed"] >= 2, counts
        assert described["BestTrainingJob"]["TrainingJobStatus"] == "Completed"
        drawn = [loss(one["TunedHyperParameters"]) for one in await server.list()]
        assert loss(described["BestTrainingJob"]["TunedHyperParameters"]) == min(drawn)

    drive(tmp_path, scenario)

    async def off(server: Server) -> None:
        server.jobs.curve = falling(5)
        await server.create(jobs=6, at_once=1)
        assert (await server.ended())["TrainingJobStatusCounters"]["Completed"] == 6

    drive(tmp_path / "off", off)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"Strategy": "Hyperband"}, "Strategy Hyperband needs MaxResource: give it in StrategyConfig's"),
        ({"Strategy": "Hyperband", "static": {"epochs": "many"}}, "Static hyperparameter epochs is 'many'"),
        (
            {"Strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto", **CONFIG},
            "TrainingJobEarlyStoppingType must be Off",
        ),
        (
            {"Strategy": "Hyperband",
             "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 9, "MaxResource": 3}}},
            "MaxResource 3 of HyperbandStrategyConfig must be at least MinResource 9 and at most 20000",
        ),
        ({"Strategy": "Random", **CONFIG}, "StrategyConfig is for Strategy Hyperband, and not for Random"),
    ],
)  # fmt: skip
def test_what_hyperband_cannot_do_is_refused(tmp_path: Path, config: dict[str, Any], told: str) -> None:
    async def scenario(server: Server) -> None:
        given = dict(config)
        with pytest.raises(AwsError, match=re.escape(told)) as caught:
            await server.create(given.pop("Strategy"), **given)
        assert isinstance(caught.value, ValidationError)

    drive(tmp_path, scenario)
