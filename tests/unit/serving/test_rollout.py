"""Updates in stages: traffic is split while they bake, alarms and timeouts roll them back, a restart loses nothing."""

import contextlib
import re
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def moving_world(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server whose clock is moved."""
    moving = type(world)(tmp_path_factory.mktemp("moving"), "5.0")
    yield moving
    moving.stop()


def advance(world: Any, seconds: float) -> None:
    urllib.request.urlopen(f"{world.url}/clock/{seconds}", b"").close()


def alarm(world: Any, name: str, state: str = "OK") -> str:
    (world.state / "alarms").mkdir(exist_ok=True)
    (world.state / "alarms" / name).write_text(state)
    return name


def routing(kind: str = "ALL_AT_ONCE", wait: int = 300, **members: Any) -> dict[str, Any]:
    sizes = {name: members.pop(name) for name in ("CanarySize", "LinearStepSize") if name in members}
    policy = {"TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": wait, **sizes}}
    return {"BlueGreenUpdatePolicy": policy | members}


def canary(share: int = 25, **members: Any) -> dict[str, Any]:
    return routing("CANARY", CanarySize={"Type": "CAPACITY_PERCENT", "Value": share}, **members)


def rolling(size: int = 1, **members: Any) -> dict[str, Any]:
    policy = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": size}, "WaitIntervalInSeconds": 300, **members}
    return {"RollingUpdatePolicy": policy}


def rolled_back_by(config: dict[str, Any], name: str) -> dict[str, Any]:
    return config | {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name}]}}


def prepare(
    world: Any, name: str, count: int = 1, old: dict[str, str] | None = None, new: dict[str, str] | None = None
) -> None:
    """An endpoint that answers `old`, and a configuration of one that answers `new`; environments for both."""
    model = world.model(f"{name}-old", "old", Environment=old or {})
    world.endpoint(name, {"ModelName": model, "InitialInstanceCount": count})
    model = world.model(f"{name}-new", "new", Environment=new or {})
    world.config(f"{name}-next", {"ModelName": model, "InitialInstanceCount": count})


def update(world: Any, name: str, config: dict[str, Any] | None = None, **members: Any) -> None:
    members |= {} if config is None else {"DeploymentConfig": config}
    world.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-next", **members)


def stage(world: Any, name: str) -> tuple[str, str]:
    """Status and message of the deployment's only variant."""
    pending = world.describe(name).get("PendingDeploymentSummary") or {"ProductionVariants": [{}]}
    (status,) = pending["ProductionVariants"][0].get("VariantStatus") or [{"Status": "none", "StatusMessage": ""}]
    return status["Status"], status["StatusMessage"]


def bakes(world: Any, name: str, wait: Callable[..., Any], words: str) -> None:
    wait(lambda: stage(world, name)[0] == "Baking" and words in stage(world, name)[1], f"it bakes, {words}")


def answers(world: Any, name: str, count: int = 200) -> Counter[bytes]:
    return Counter(world.invoke(name, "model") for _ in range(count))


def instances(world: Any, name: str) -> int:
    """How many run: each has its identity in the command lines of its processes."""
    found = set()
    for pid in world.processes(name):
        with contextlib.suppress(psutil.NoSuchProcess):
            found |= set(re.findall(r"/(i-[0-9a-f]{17})/", " ".join(psutil.Process(pid).cmdline())))
    return len(found)


def in_service(world: Any, name: str, wait: Callable[..., Any]) -> dict[str, Any]:
    wait(lambda: world.describe(name)["EndpointStatus"] == "InService", "the endpoint is in service")
    return dict(world.describe(name))


def test_a_canary_takes_its_share_of_the_traffic_and_then_all(
    moving_world: Any, name: str, wait: Callable[..., Any]
) -> None:
    world = moving_world
    prepare(world, name)
    update(world, name, canary(25, TerminationWaitInSeconds=120))
    bakes(
        world, name, wait, "300 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 1 instance"
    )
    assert answers(world, name)[b"new"] / 200 == pytest.approx(0.25, abs=0.12)
    described = world.describe(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("Updating", f"{name}-config")
    assert described["LastDeploymentConfig"] == canary(25, TerminationWaitInSeconds=120)
    assert described["PendingDeploymentSummary"]["EndpointConfigName"] == f"{name}-next"
    advance(world, 150)
    assert b"old" in answers(world, name, 50)
    advance(world, 150)
    bakes(world, name, wait, "120 seconds (TerminationWaitInSeconds) with traffic enabled on full capacity")
    assert answers(world, name, 50) == {b"new": 50}
    advance(world, 120)
    described = in_service(world, name, wait)
    assert described["EndpointConfigName"] == f"{name}-next"
    assert "PendingDeploymentSummary" not in described
    wait(lambda: instances(world, name) == 1, "the old fleet is stopped")


def test_linear_goes_through_all_its_steps_when_the_clock_is_moved_past_them(
    moving_world: Any, name: str, wait: Callable[..., Any]
) -> None:
    world = moving_world
    prepare(world, name)
    update(world, name, routing("LINEAR", LinearStepSize={"Type": "CAPACITY_PERCENT", "Value": 40}))
    bakes(world, name, wait, "linear step")
    assert 0.2 < answers(world, name)[b"new"] / 200 < 0.6
    advance(world, 300)
    wait(lambda: answers(world, name, 50)[b"new"] > 30, "the second step")
    advance(world, 3000)
    assert in_service(world, name, wait)["EndpointConfigName"] == f"{name}-next"
    assert answers(world, name, 20) == {b"new": 20}


def test_an_alarm_rolls_a_canary_back(moving_world: Any, name: str, wait: Callable[..., Any]) -> None:
    world = moving_world
    prepare(world, name)
    config = rolled_back_by(canary(50), alarm(world, f"{name}-errors"))
    update(world, name, config)
    bakes(world, name, wait, "canary")
    alarm(world, f"{name}-errors", "ALARM")
    described = in_service(world, name, wait)
    assert f"these CloudWatch alarms went off: {name}-errors" in described["FailureReason"]
    assert described["EndpointConfigName"] == f"{name}-config"
    assert "PendingDeploymentSummary" not in described
    assert answers(world, name, 30) == {b"old": 30}
    wait(lambda: instances(world, name) == 1, "the new fleet is stopped")
    alarm(world, f"{name}-errors")
    update(world, name, RetainDeploymentConfig=True)
    bakes(world, name, wait, "canary")
    assert "FailureReason" not in world.describe(name)
    advance(world, 300)
    assert in_service(world, name, wait)["EndpointConfigName"] == f"{name}-next"


def test_an_alarm_that_is_on_already_ends_an_update_before_any_traffic_moves(
    moving_world: Any, name: str, wait: Callable[..., Any]
) -> None:
    world = moving_world
    prepare(world, name)
    config = rolled_back_by(routing(), alarm(world, f"{name}-errors", "ALARM"))
    update(world, name, config)
    assert "alarms went off" in in_service(world, name, wait)["FailureReason"]
    assert answers(world, name, 10) == {b"old": 10}
    with pytest.raises(ClientError, match="CloudWatch has no alarm nowhere"):
        update(world, name, rolled_back_by(routing(), "nowhere"))


def test_rolling_replaces_instances_batch_by_batch(moving_world: Any, name: str, wait: Callable[..., Any]) -> None:
    world = moving_world
    prepare(world, name, count=2)
    update(world, name, rolling())
    bakes(world, name, wait, "batch capacity of 1 instance(s)")
    assert instances(world, name) == 3
    assert answers(world, name)[b"new"] / 200 == pytest.approx(0.5, abs=0.15)
    advance(world, 300)
    bakes(world, name, wait, "full capacity of 2 instance(s)")
    assert instances(world, name) == 3, "one of the old fleet is left until the last batch has baked"
    assert answers(world, name, 30) == {b"new": 30}
    advance(world, 300)
    assert in_service(world, name, wait)["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    wait(lambda: instances(world, name) == 2, "the old fleet is stopped")


def test_a_rolling_update_goes_back_with_all_its_instances(
    moving_world: Any, name: str, wait: Callable[..., Any]
) -> None:
    world = moving_world
    prepare(world, name, count=2)
    size = {"Type": "INSTANCE_COUNT", "Value": 1}
    config = rolled_back_by(rolling(RollbackMaximumBatchSize=size), alarm(world, f"{name}-errors"))
    update(world, name, config)
    bakes(world, name, wait, "batch")
    advance(world, 300)
    bakes(world, name, wait, "full")
    alarm(world, f"{name}-errors", "ALARM")
    described = in_service(world, name, wait)
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert answers(world, name, 30) == {b"old": 30}
    wait(lambda: instances(world, name) == 2, "the new fleet is stopped")


def test_a_rolling_update_that_cannot_go_back_serves_with_both_fleets(
    moving_world: Any, name: str, wait: Callable[..., Any]
) -> None:
    world = moving_world
    refuse = world.state / f"{name}-refuse"
    prepare(world, name, count=2, old={"REFUSE_WHILE": str(refuse)})
    config = rolled_back_by(rolling(), alarm(world, f"{name}-errors"))
    update(world, name, config)
    bakes(world, name, wait, "batch")
    advance(world, 300)
    bakes(world, name, wait, "full")
    refuse.touch()
    alarm(world, f"{name}-errors", "ALARM")
    wait(lambda: world.describe(name)["EndpointStatus"] == "UpdateRollbackFailed", "the way back fails, too")
    reason = world.describe(name)["FailureReason"]
    assert "alarms went off" in reason
    assert "The old fleet could not be restored" in reason
    assert "no instance for you" in reason
    assert set(answers(world, name)) == {b"new"}, "what served last goes on"
    update(world, name)
    assert in_service(world, name, wait)["EndpointConfigName"] == f"{name}-next"
    wait(lambda: instances(world, name) == 2, "both other fleets are stopped")


def test_no_request_is_lost_while_traffic_moves_there_and_back(
    moving_world: Any, name: str, wait: Callable[..., Any]
) -> None:
    world = moving_world
    prepare(world, name, count=2)
    said: list[bytes] = []
    failures: list[Exception] = []
    stop = threading.Event()

    def client() -> None:
        while not stop.is_set():
            try:
                said.append(world.invoke(name, "model"))
            except Exception as error:
                failures.append(error)

    clients = [threading.Thread(target=client) for _ in range(4)]
    for thread in clients:
        thread.start()
    errors = alarm(world, f"{name}-errors")
    for config in (canary(), rolling()):
        for state in ("ALARM", "OK"):
            alarm(world, errors)
            update(world, name, rolled_back_by(config, errors))
            bakes(world, name, wait, "1 instance(s)")
            alarm(world, errors, state)
            if state == "OK":
                advance(world, 3600)
            in_service(world, name, wait)
        world.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-config")
        in_service(world, name, wait)
    stop.set()
    for thread in clients:
        thread.join()
    assert failures == []
    assert set(said) == {b"old", b"new"}


@pytest.mark.parametrize("config", [canary(50), rolling()], ids=["canary", "rolling"])
def test_an_update_goes_on_where_it_stood_after_kill_9(
    own_world: Any, wait: Callable[..., Any], config: dict[str, Any]
) -> None:
    prepare(own_world, "e", count=2)
    update(own_world, "e", config)
    bakes(own_world, "e", wait, "300 seconds")
    began = own_world.describe("e")["PendingDeploymentSummary"]["StartTime"]
    advance(own_world, 200)
    own_world.kill()
    own_world.start()
    wait(lambda: set(_tried(own_world, "e")) == {b"old", b"new"}, "both fleets answer again")
    bakes(own_world, "e", wait, "300 seconds")
    assert own_world.describe("e")["PendingDeploymentSummary"]["StartTime"] == began
    assert 0.3 < answers(own_world, "e")[b"new"] / 200 < 0.7
    advance(own_world, 100)
    wait(lambda: set(_tried(own_world, "e")) == {b"new"}, "the rest follows when the time before the kill is counted")
    advance(own_world, 3600)
    assert in_service(own_world, "e", wait)["EndpointConfigName"] == "e-next"


def _tried(world: Any, name: str) -> list[bytes]:
    """Some answers, none while nothing serves."""
    try:
        return [world.invoke(name, "model") for _ in range(20)]
    except ClientError:
        return []


def test_an_update_that_takes_too_long_is_rolled_back(moving_world: Any, name: str, wait: Callable[..., Any]) -> None:
    world = moving_world
    prepare(world, name, new={"DEAF": "1.2"})
    update(world, name, canary(50, wait=599, MaximumExecutionTimeoutInSeconds=600))
    bakes(world, name, wait, "canary")
    advance(world, 599)
    described = in_service(world, name, wait)
    assert "MaximumExecutionTimeoutInSeconds of 600 seconds" in described["FailureReason"]
    assert answers(world, name, 20) == {b"old": 20}


def test_instances_that_do_not_start_end_a_rolling_update(
    moving_world: Any, name: str, wait: Callable[..., Any]
) -> None:
    world = moving_world
    refuse = world.state / f"{name}-refuse"
    prepare(world, name, count=2, new={"REFUSE_WHILE": str(refuse)})
    update(world, name, rolling())
    bakes(world, name, wait, "batch")
    refuse.touch()
    advance(world, 300)
    described = in_service(world, name, wait)
    assert "no instance for you" in described["FailureReason"]
    assert described["EndpointConfigName"] == f"{name}-config"
    assert answers(world, name, 20) == {b"old": 20}
    wait(lambda: instances(world, name) == 2, "the new fleet is stopped")
