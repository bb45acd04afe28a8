"""Tuning jobs that begin with what others have found."""

import re
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from sageyard.errors import AwsError, ValidationError

from tests.unit.tuning.server import RANGES, Server, drive, loss


async def losses(server: Server, name: str) -> list[float]:
    """Of a tuning job's jobs, as their hyperparameters tell them."""
    return [loss(one["TunedHyperParameters"]) for one in await server.list(name)]


@pytest.mark.parametrize("start", ["IdenticalDataAndAlgorithm", "TransferLearning"])
def test_what_the_parents_have_found_is_known_from_the_first_job_on(tmp_path: Path, start: str) -> None:
    async def scenario(server: Server) -> None:
        for name in ("one", "two"):
            await server.create("Random", jobs=20, at_once=1, name=name)
            await server.ended(name=name)
        if start == "TransferLearning":
            server.jobs.metric = lambda values: 50 + 3 * loss(values)
        data = "s3://bucket/other" if start == "TransferLearning" else "s3://bucket/data"
        await server.create("Bayesian", jobs=8, at_once=1, name="warm", parents=("one", "two"), start=start, data=data)
        described = await server.ended(name="warm")
        known = [*await losses(server, "one"), *await losses(server, "two")]
        assert fmean(await losses(server, "warm")) < 0.7 * fmean(known)
        config = described["WarmStartConfig"]
        named = [one["HyperParameterTuningJobName"] for one in config["ParentHyperParameterTuningJobs"]]
        assert (named, config["WarmStartType"]) == (["one", "two"], start)

    drive(tmp_path, scenario)


def test_the_overall_best_may_be_a_parents(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await server.create(jobs=6, name="parent")
        parent = await server.ended(name="parent")
        server.jobs.metric = lambda values: 9.0
        await server.create(jobs=2, name="child", parents=("parent",))
        child = await server.ended(name="child")
        best = parent["BestTrainingJob"]
        assert child["OverallBestTrainingJob"] == best
        assert best["TuningJobName"] == "parent"
        assert child["BestTrainingJob"]["TuningJobName"] == "child"
        assert child["TrainingJobStatusCounters"]["Completed"] == 2
        await server.create(jobs=2, name="grandchild", parents=("child",))
        grandchild = await server.ended(name="grandchild")
        assert grandchild["OverallBestTrainingJob"]["TuningJobName"] in {"child", "grandchild"}, "it is not recursive"

    drive(tmp_path, scenario)


def test_hyperparameters_may_change_from_static_to_tunable_and_ranges_may_narrow(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        x, n = RANGES["ContinuousParameterRanges"], RANGES["IntegerParameterRanges"]
        await server.create(jobs=30, name="parent", static={"kind": "good"},
                            ParameterRanges={"ContinuousParameterRanges": x, "IntegerParameterRanges": n})  # fmt: skip
        await server.ended(name="parent")
        narrow = {**RANGES, "ContinuousParameterRanges": [{"Name": "x", "MinValue": "0.1", "MaxValue": "0.5"}]}
        await server.create("Bayesian", jobs=6, name="child", parents=("parent",), static={}, ParameterRanges=narrow)
        await server.ended(name="child")
        tried = [one["TunedHyperParameters"] for one in await server.list("child")]
        assert all(0.1 <= float(values["x"]) <= 0.5 for values in tried)
        assert sum(values["kind"] == "good" for values in tried) >= 4, "the parent's static value is known to be good"

    drive(tmp_path, scenario)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"parents": ("nobody",)}, "can't find a tuning job called nobody"),
        ({"parents": ("running",)}, "its status is InProgress: wait until it is one of"),
        ({"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "error"}},
         "its objective metric is .*they must be the same"),
        ({"static": {}}, "it has 4 hyperparameters, static and tunable, the new job 3: the total must remain the same"),
        ({"static": {"n": "3"}, "ParameterRanges": {
            **RANGES, "IntegerParameterRanges": [], "CategoricalParameterRanges": [
                *RANGES["CategoricalParameterRanges"], {"Name": "fixed", "Values": ["yes", "no"]}]},
          "parents": ("other",)}, "'fixed' is Continuous there and Categorical here: its type must not change"),
        ({"static": {"fixed": "no", **{f"f{number}": "1" for number in range(5)}}, "parents": ("many",)},
         "12 changes of static hyperparameters are too many"),
        ({"data": "s3://bucket/other"}, "its input data differs, .*use TransferLearning"),
    ],
)  # fmt: skip
def test_a_parent_that_does_not_fit_is_refused(tmp_path: Path, config: dict[str, Any], told: str) -> None:
    async def scenario(server: Server) -> None:
        await server.create(jobs=2, name="parent")
        continuous = [*RANGES["ContinuousParameterRanges"], {"Name": "fixed", "MinValue": "0", "MaxValue": "1"}]
        await server.create(jobs=2, name="other", static={}, ParameterRanges={
            **RANGES, "ContinuousParameterRanges": continuous})  # fmt: skip
        await server.create(jobs=2, name="many", static={"fixed": "yes", **{f"f{n}": "0" for n in range(5)}})
        for name in ("parent", "other", "many"):
            await server.ended(name=name)
        server.jobs.hold.clear()
        await server.create(jobs=2, name="running")
        given: dict[str, Any] = {"parents": ("parent",), **config}
        with pytest.raises(AwsError, match=told) as caught:
            await server.create(name="child", **given)
        assert isinstance(caught.value, ValidationError) or re.search("nobody", str(given["parents"]))
        server.jobs.hold.set()
        await server.ended(name="running")

    drive(tmp_path, scenario)
