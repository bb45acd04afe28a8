"""What a DeploymentConfig asks for: stages, shares, limits."""

from typing import Any

import pytest
from sageyard.errors import ValidationError
from sageyard.serving.traffic import batch, plan_traffic


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def instances(value: int) -> dict[str, Any]:
    return {"Type": "INSTANCE_COUNT", "Value": value}


def blue_green(kind: str, wait: int = 300, **members: Any) -> dict[str, Any]:
    sizes = {name: members.pop(name) for name in ("CanarySize", "LinearStepSize") if name in members}
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **sizes}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **members}}


def rolling(size: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 60, **members}}


def stages(config: dict[str, Any] | None, counts: dict[str, int] | None = None) -> list[tuple[float, int, float]]:
    """(share, instances, seconds of baking) of the variant `v`."""
    plan = plan_traffic(config, counts or {"v": 1})
    return [(stage.shares["v"], stage.instances["v"], stage.wait) for stage in plan.stages]


def test_without_a_policy_there_are_no_stages() -> None:
    assert stages(None) == []
    plan = plan_traffic({"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}, {"AlarmName": "b"}]}}, {"v": 1})
    assert (plan.stages, plan.alarms) == ((), ("a", "b"))


def test_all_at_once_bakes_for_the_termination_wait() -> None:
    assert stages(blue_green("ALL_AT_ONCE", TerminationWaitInSeconds=600), {"v": 3}) == [(1.0, 3, 600)]


def test_a_canary_bakes_before_the_rest_follows() -> None:
    config = blue_green("CANARY", CanarySize=percent(30), TerminationWaitInSeconds=120)
    assert stages(config, {"v": 3}) == [(0.3, 1, 300), (1.0, 3, 120)]
    assert stages(config) == [(0.3, 1, 300), (1.0, 1, 120)]
    assert stages(blue_green("CANARY", CanarySize=instances(1)), {"v": 4}) == [(0.25, 1, 300), (1.0, 4, 0)]


def test_linear_shifts_by_equal_steps() -> None:
    config = blue_green("LINEAR", LinearStepSize=percent(40), TerminationWaitInSeconds=60)
    assert stages(config, {"v": 5}) == [(0.4, 2, 300), (0.8, 4, 300), (1.0, 5, 60)]
    assert [share for share, _, _ in stages(blue_green("LINEAR", LinearStepSize=percent(10)))] == pytest.approx(
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    )
    assert [share for share, _, _ in stages(blue_green("LINEAR", LinearStepSize=instances(1)), {"v": 2})] == [0.5, 1.0]


def test_each_variant_has_its_own_share() -> None:
    plan = plan_traffic(blue_green("CANARY", CanarySize=instances(1)), {"a": 4, "b": 2})
    assert [stage.shares for stage in plan.stages] == [{"a": 0.25, "b": 0.5}, {"a": 1.0, "b": 1.0}]


def test_rolling_replaces_batches_of_instances() -> None:
    assert stages(rolling(instances(2)), {"v": 5}) == [(0.4, 2, 60), (0.8, 4, 60), (1.0, 5, 60)]
    assert stages(rolling(percent(50)), {"v": 3}) == [(1 / 3, 1, 60), (2 / 3, 2, 60), (1.0, 3, 60)]
    assert stages(rolling(percent(50))) == [(1.0, 1, 60)]
    assert [batch(size, 4) for size in (None, percent(50), percent(5), instances(9))] == [4, 2, 1, 4]


@pytest.mark.parametrize(
    ("config", "counts", "said"),
    [
        (blue_green("CANARY"), {"v": 1}, "CanarySize is missing"),
        (blue_green("LINEAR"), {"v": 1}, "LinearStepSize is missing"),
        (blue_green("CANARY", CanarySize=percent(51)), {"v": 1}, "51% of the 1 instance"),
        (blue_green("CANARY", CanarySize=instances(1)), {"v": 1}, "may be at most 50%: use CAPACITY_PERCENT"),
        (blue_green("LINEAR", LinearStepSize=percent(5)), {"v": 1}, "may be 10% to 50%"),
        (rolling(percent(60)), {"v": 3}, "MaximumBatchSize of 60"),
        (rolling(percent(50)), {"a": 1, "b": 1}, "endpoints of one variant"),
        (rolling(percent(50)) | blue_green("ALL_AT_ONCE"), {"v": 1}, "give one of them"),
        (
            blue_green(
                "CANARY", CanarySize=percent(50), TerminationWaitInSeconds=300, MaximumExecutionTimeoutInSeconds=600
            ),
            {"v": 1},
            "take 600 seconds in all and MaximumExecutionTimeoutInSeconds is 600",
        ),
    ],
)
def test_what_cannot_be_carried_out_is_refused_by_name(
    config: dict[str, Any], counts: dict[str, int], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        plan_traffic(config, counts)


def test_stages_need_the_variants_that_serve() -> None:
    with pytest.raises(ValidationError, match="has the variants new and the endpoint old"):
        plan_traffic(blue_green("ALL_AT_ONCE"), {"new": 1}, {"old"})
    assert plan_traffic(None, {"new": 1}, {"old"}).stages == ()
