"""What drawn requests once broke, each as a test of its own."""

import json
import os

import pytest
from sageyard.wire import model

from tests.conformance.minimal_requests import Minimal
from tests.conformance.resource_maker import ResourceMaker
from tests.property.live import Live

MINIMAL = Minimal(model.load("sagemaker"))


@pytest.mark.parametrize(
    ("kind", "name", "status_member", "stopped"),
    [
        ("CompilationJob", "CompilationJobName", "CompilationJobStatus", "STOPPED"),
        ("EdgePackagingJob", "EdgePackagingJobName", "EdgePackagingJobStatus", "STOPPED"),
        ("InferenceExperiment", "Name", "Status", "Completed"),
        ("LabelingJob", "LabelingJobName", "LabelingJobStatus", "Stopped"),
    ],
)
def test_what_is_stopped_gets_a_status_of_its_own_type(
    live: Live, kind: str, name: str, status_member: str, stopped: str
) -> None:
    maker = ResourceMaker(live.server.client("sagemaker"), live.server.client("s3"))
    identity = maker.make(kind, wait=False).identity
    answered, _, body = live.post(f"Stop{kind}", MINIMAL.request(f"Stop{kind}") | identity)
    assert answered == 200, body
    assert json.loads(live.post(f"Describe{kind}", identity)[2])[status_member] == stopped


def test_a_page_of_no_results_is_a_page_of_the_usual_length(live: Live) -> None:
    request = MINIMAL.request("CreateDeviceFleet") | {"DeviceFleetName": f"fleet-{os.urandom(4).hex()}"}
    assert live.post("CreateDeviceFleet", request)[0] == 200
    status, _, body = live.post("ListDeviceFleets", {"MaxResults": 0})
    assert status == 200, body
    assert request["DeviceFleetName"] in {
        fleet["DeviceFleetName"] for fleet in json.loads(body)["DeviceFleetSummaries"]
    }


def test_training_plans_are_filtered_by_status(live: Live) -> None:
    name = f"plan-{os.urandom(4).hex()}"
    request = MINIMAL.request("CreateTrainingPlan") | {"TrainingPlanName": name}
    assert live.post("CreateTrainingPlan", request)[0] == 200
    status = json.loads(live.post("DescribeTrainingPlan", {"TrainingPlanName": name})[2])["Status"]

    def listed(value: str) -> set[str]:
        answered, _, body = live.post("ListTrainingPlans", {"Filters": [{"Name": "Status", "Value": value}]})
        assert answered == 200, body
        return {plan["TrainingPlanName"] for plan in json.loads(body)["TrainingPlanSummaries"]}

    assert name in listed(status)
    assert listed("nonsense") == set()
