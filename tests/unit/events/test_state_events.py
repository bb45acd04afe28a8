"""Events of changes that need an engine at work elsewhere: endpoints, deployments, monitoring."""

from pathlib import Path
from typing import Any

import pytest
from sageyard.clock import ShiftedClock
from sageyard.events.state_events import DETAIL_TYPES, StateEvent, StateEvents
from sageyard.resources.derive import derive
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Hooks, ResourceSpec
from sageyard.store.resources import Resources, Row
from sageyard.store.state_changes import StateChanges
from sageyard.wire import model

REGION = "us-east-1"
MONITORING = ResourceSpec(
    kind="MonitoringExecution",
    identity=("MonitoringExecutionName",),
    arn_member="MonitoringExecutionArn",
    arn_noun="monitoring-execution",
    noun="monitoring execution",
    status_member="MonitoringExecutionStatus",
    statuses=frozenset({"Pending", "InProgress", "CompletedWithViolations"}),
    settled=frozenset({"CompletedWithViolations"}),
    hooks=Hooks(),
)


class World:
    """An engine, and the events of what is written to it."""

    def __init__(self, path: Path) -> None:
        store = Resources(path / "sageyard.db")
        specs = {**derive(model.load("sagemaker")), MONITORING.kind: MONITORING}
        self.engine = Engine(store, ShiftedClock(), specs, "123456789012")
        self.changes = StateChanges(store.database)
        self.makers = StateEvents(self.engine)

    def add(self, kind: str, name: str, status: str, **document: Any) -> Any:
        arn = self.engine.arn(self.engine.specs[kind], REGION, [name])
        self.engine.store.insert(Row(kind, REGION, name, arn, status, 1.0, 2.0, document, {}))
        return self.engine.resource(kind, REGION, name)

    def events(self) -> list[StateEvent]:
        """Those since the last time."""
        found = self.changes.oldest(100)
        self.changes.done(self.changes.newest())
        return [event for change in found for event in self.makers.of(change)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_endpoint_statuses_are_spelled_as_in_awss_events(world: World) -> None:
    endpoint = world.add("Endpoint", "e", "Creating", EndpointName="e")
    for status in ("InService", "Updating", "RollingBack", "OutOfService", "Deleting"):
        endpoint.save(status=status)
    events = world.events()
    assert {event.detail_type for event in events} == {"SageMaker Endpoint State Change"}
    assert [event.detail["EndpointStatus"] for event in events] == [
        "CREATING", "IN_SERVICE", "UPDATING", "ROLLING_BACK", "OUT_OF_SERVICE", "DELETING",
    ]  # fmt: skip
    assert events[0].detail["CreationTime"] == 1000


def test_a_deployment_under_way_has_events_of_its_own(world: World) -> None:
    endpoint = world.add("Endpoint", "e", "InService", EndpointName="e")
    world.events()
    endpoint.save(status="Updating", PendingDeploymentSummary={"EndpointConfigName": "new", "StartTime": 3.5})
    types = [event.detail_type for event in world.events()]
    assert types == ["SageMaker Endpoint State Change", "SageMaker Endpoint Deployment State Change"]
    endpoint.save(PendingDeploymentSummary={"EndpointConfigName": "new", "StartTime": 3.5, "ProductionVariants": []})
    (event,) = world.events()
    assert event.detail_type == "SageMaker Endpoint Deployment State Change"
    assert event.detail["PendingDeploymentSummary"]["StartTime"] == 3500
    endpoint.save(FailureReason="nothing that anybody waits for")
    assert world.events() == []


def test_a_monitoring_execution_with_violations_is_an_event(world: World) -> None:
    schedule = world.add("MonitoringSchedule", "s", "Scheduled", MonitoringScheduleName="s")
    execution = world.add(
        "MonitoringExecution", "x", "Pending", MonitoringScheduleName="s", EndpointName="e", ScheduledTime=5.0
    )
    execution.save(status="CompletedWithViolations", ProcessingJobArn="arn:job")
    event = world.events()[-1]
    assert event.detail_type == "SageMaker Monitoring Execution State Change"
    assert event.resources == [execution.arn, schedule.arn]
    assert event.detail["MonitoringExecutionStatus"] == "CompletedWithViolations"
    assert (event.detail["MonitoringScheduleArn"], event.detail["ScheduledTime"]) == (schedule.arn, 5000)
    assert (event.detail["EndpointName"], event.detail["ProcessingJobArn"]) == ("e", "arn:job")


def test_secondary_statuses_and_package_fields_are_changes_and_all_else_is_not(world: World) -> None:
    job = world.add("TrainingJob", "t", "InProgress", TrainingJobName="t", SecondaryStatus="Starting")
    package = world.add("ModelPackage", "g/1", "Completed", ModelApprovalStatus="PendingManualApproval")
    world.events()
    job.save(SecondaryStatus="Training")
    job.save(BillableTimeInSeconds=3)
    package.save(ApprovalDescription="looked at", ModelApprovalStatus="Rejected")
    package.save(ModelPackageDescription="text")
    training, approval = world.events()
    assert training.detail["SecondaryStatus"] == "Training"
    assert approval.detail["UpdatedModelPackageFields"] == ["ModelApprovalStatus", "ApprovalDescription"]
    assert approval.detail["CreationTime"] == "1970-01-01T00:00:01Z"


@pytest.mark.parametrize("kind", sorted(DETAIL_TYPES.keys() - {"PipelineExecution", "PipelineExecutionStep"}))
def test_every_kind_that_has_a_detail_type_is_noted_when_its_status_changes(world: World, kind: str) -> None:
    spec = world.engine.specs[kind]
    members = {"MonitoringScheduleName": "s"} if kind == "MonitoringExecution" else {}
    resource = world.add(kind, "n", spec.initial_status, **members)
    (created,) = world.events()
    assert created.detail_type == DETAIL_TYPES[kind]
    if spec.status_member:
        resource.save(status=next(status for status in sorted(spec.statuses) if status != spec.initial_status))
        assert [event.detail_type for event in world.events()] == [DETAIL_TYPES[kind]]
