"""Device fleets, devices and deployment plans, by boto3 on a live server; devices talk through sagemaker-edge."""

import os
from typing import Any

import pytest

from tests.conftest import ACCOUNT, REGION, ROLE, Server
from tests.families.refusals import refusal

PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


@pytest.fixture
def edge(server: Server) -> Any:
    return server.client("sagemaker-edge")


@pytest.fixture
def fleet(sagemaker: Any) -> str:
    """A fleet of the test's own, with three devices."""
    name = f"Fleet-{os.urandom(4).hex()}"
    sagemaker.create_device_fleet(DeviceFleetName=name, OutputConfig={"S3OutputLocation": "s3://bucket/fleet"})
    devices = [{"DeviceName": f"cam-{number}", "Description": "a camera"} for number in range(3)]
    sagemaker.register_devices(DeviceFleetName=name, Devices=devices, Tags=[{"Key": "site", "Value": "a"}])
    return name


@pytest.fixture
def plan(sagemaker: Any, fleet: str) -> str:
    """A plan with one stage for one device by name."""
    stem = os.urandom(4).hex()
    sagemaker.create_compilation_job(
        CompilationJobName=f"compile-{stem}",
        RoleArn=ROLE,
        OutputConfig={"S3OutputLocation": "s3://bucket/compiled"},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    sagemaker.create_edge_packaging_job(
        EdgePackagingJobName=f"package-{stem}", CompilationJobName=f"compile-{stem}", ModelName="vision",
        ModelVersion="1", RoleArn=ROLE, OutputConfig={"S3OutputLocation": "s3://bucket/packed"},
    )  # fmt: skip
    made = sagemaker.create_edge_deployment_plan(
        EdgeDeploymentPlanName=f"plan-{stem}",
        ModelConfigs=[{"ModelHandle": "vision", "EdgePackagingJobName": f"package-{stem}"}],
        DeviceFleetName=fleet,
        Stages=[
            {
                "StageName": "first",
                "DeviceSelectionConfig": {"DeviceSubsetType": "SELECTION", "DeviceNames": ["cam-1"]},
            }
        ],
    )
    assert made["EdgeDeploymentPlanArn"] == f"{PREFIX}:edge-deployment/plan-{stem}"
    return f"plan-{stem}"


def stages(sagemaker: Any, plan: str) -> dict[str, str]:
    described = sagemaker.describe_edge_deployment_plan(EdgeDeploymentPlanName=plan)
    return {stage["StageName"]: stage["DeploymentStatus"]["StageStatus"] for stage in described["Stages"]}


def test_devices_are_registered_described_updated_and_deregistered(sagemaker: Any, fleet: str) -> None:
    described = sagemaker.describe_device(DeviceFleetName=fleet, DeviceName="cam-1")
    assert described["DeviceArn"] == f"{PREFIX}:device-fleet/{fleet.lower()}/device/cam-1"
    assert described["RegistrationTime"].year >= 2024
    assert sagemaker.list_tags(ResourceArn=described["DeviceArn"])["Tags"] == [{"Key": "site", "Value": "a"}]
    sagemaker.update_devices(DeviceFleetName=fleet, Devices=[{"DeviceName": "cam-1", "Description": "the door"}])
    assert sagemaker.describe_device(DeviceFleetName=fleet, DeviceName="cam-1")["Description"] == "the door"
    listed = sagemaker.list_devices(DeviceFleetName=fleet)["DeviceSummaries"]
    assert sorted(device["DeviceName"] for device in listed) == ["cam-0", "cam-1", "cam-2"]
    sagemaker.deregister_devices(DeviceFleetName=fleet, DeviceNames=["cam-1"])
    code, message = refusal(sagemaker.describe_device, DeviceFleetName=fleet, DeviceName="cam-1")
    assert (code, message) == ("ValidationException", "No device with name: [cam-1] exists")


def test_registration_is_all_or_nothing(sagemaker: Any, fleet: str) -> None:
    devices = [{"DeviceName": "new"}, {"DeviceName": "CAM-1"}]
    code, message = refusal(sagemaker.register_devices, DeviceFleetName=fleet, Devices=devices)
    assert (code, message.startswith("Device with name: [CAM-1]")) == ("ValidationException", True)
    assert len(sagemaker.list_devices(DeviceFleetName=fleet)["DeviceSummaries"]) == 3
    code, message = refusal(sagemaker.register_devices, DeviceFleetName="nobody", Devices=[{"DeviceName": "a"}])
    assert (code, message) == ("ValidationException", "No device fleet with name: [nobody] exists")


def test_a_fleet_with_devices_is_not_deleted(sagemaker: Any, fleet: str) -> None:
    assert refusal(sagemaker.delete_device_fleet, DeviceFleetName=fleet)[0] == "ResourceInUse"
    sagemaker.deregister_devices(DeviceFleetName=fleet, DeviceNames=["cam-0", "cam-1", "cam-2"])
    sagemaker.delete_device_fleet(DeviceFleetName=fleet)
    code, message = refusal(sagemaker.describe_device_fleet, DeviceFleetName=fleet)
    assert (code, message) == ("ValidationException", f"No devicefleet with name: [{fleet}] exists")


def test_fleets_are_sorted_by_name_as_this_operation_calls_it(sagemaker: Any) -> None:
    stem = os.urandom(4).hex()
    for letter in "bca":
        sagemaker.create_device_fleet(
            DeviceFleetName=f"{letter}-{stem}", OutputConfig={"S3OutputLocation": "s3://bucket/fleet"}
        )
    listed = sagemaker.list_device_fleets(NameContains=stem, SortBy="NAME", SortOrder="Ascending")
    assert [fleet["DeviceFleetName"][0] for fleet in listed["DeviceFleetSummaries"]] == ["a", "b", "c"]


def test_heartbeats_are_in_the_description_and_the_report(sagemaker: Any, edge: Any, fleet: str) -> None:
    before = sagemaker.get_device_fleet_report(DeviceFleetName=fleet)
    assert before["DeviceStats"] == {"ConnectedDeviceCount": 0, "RegisteredDeviceCount": 3}
    registered = edge.get_device_registration(DeviceFleetName=fleet, DeviceName="cam-0")
    assert registered["DeviceRegistration"].endswith("/device/cam-0")
    model = {"ModelName": "vision", "ModelVersion": "1", "LatestInference": 1_700_000_000}
    edge.send_heartbeat(DeviceFleetName=fleet, DeviceName="cam-0", AgentVersion="1.2", Models=[model])
    described = sagemaker.describe_device(DeviceFleetName=fleet, DeviceName="cam-0")
    assert described["AgentVersion"] == "1.2"
    assert [(one["ModelName"], one["ModelVersion"]) for one in described["Models"]] == [("vision", "1")]
    assert described["Models"][0]["LatestInference"].year == 2023
    report = sagemaker.get_device_fleet_report(DeviceFleetName=fleet)
    assert report["DeviceStats"]["ConnectedDeviceCount"] == 1
    assert report["AgentVersions"] == [{"Version": "1.2", "AgentCount": 1}]
    assert report["ModelStats"][0]["ActiveDeviceCount"] == 1
    assert report["ModelStats"][0]["SamplingDeviceCount"] == 0

    def listed(**filters: Any) -> list[str]:
        found = sagemaker.list_devices(DeviceFleetName=fleet, **filters)["DeviceSummaries"]
        return [device["DeviceName"] for device in found]

    assert listed(ModelName="vision") == ["cam-0"]
    assert listed(LatestHeartbeatAfter="2020-01-01") == ["cam-0"]
    assert listed(LatestHeartbeatAfter="2200-01-01") == []


def test_a_heartbeat_of_a_stranger_is_refused_once(edge: Any, fleet: str) -> None:
    code, message = refusal(edge.send_heartbeat, DeviceFleetName=fleet, DeviceName="stranger", AgentVersion="1")
    assert (code, message) == ("ResourceNotFoundException", "No device with name: [stranger] exists")


def test_a_stage_brings_models_to_its_devices_as_they_report(sagemaker: Any, edge: Any, fleet: str, plan: str) -> None:
    assert stages(sagemaker, plan) == {"first": "READYTODEPLOY"}
    assert edge.get_deployments(DeviceFleetName=fleet, DeviceName="cam-1").get("Deployments", []) == []
    sagemaker.start_edge_deployment_stage(EdgeDeploymentPlanName=plan, StageName="first")
    assert stages(sagemaker, plan) == {"first": "INPROGRESS"}
    assert refusal(sagemaker.delete_edge_deployment_plan, EdgeDeploymentPlanName=plan)[0] == "ResourceInUse"
    assert refusal(sagemaker.delete_edge_deployment_stage, EdgeDeploymentPlanName=plan, StageName="first")[0] == (
        "ResourceInUse"
    )
    (wanted,) = edge.get_deployments(DeviceFleetName=fleet, DeviceName="cam-1")["Deployments"]
    assert (wanted["DeploymentName"], wanted["Definitions"][0]["ModelHandle"]) == (plan, "vision")
    assert edge.get_deployments(DeviceFleetName=fleet, DeviceName="cam-0").get("Deployments", []) == []
    edge.send_heartbeat(
        DeviceFleetName=fleet,
        DeviceName="cam-1",
        AgentVersion="1.2",
        DeploymentResult={"DeploymentName": plan, "DeploymentStatus": "SUCCESS"},
    )
    described = sagemaker.describe_edge_deployment_plan(EdgeDeploymentPlanName=plan)
    assert (described["EdgeDeploymentSuccess"], described["EdgeDeploymentPending"]) == (1, 0)
    assert stages(sagemaker, plan) == {"first": "DEPLOYED"}
    (device,) = sagemaker.list_stage_devices(EdgeDeploymentPlanName=plan, StageName="first")[
        "DeviceDeploymentSummaries"
    ]
    assert (device["DeviceName"], device["DeviceDeploymentStatus"]) == ("cam-1", "DEPLOYED")


def test_stages_are_added_stopped_and_deleted(sagemaker: Any, plan: str) -> None:
    half = {"StageName": "half", "DeviceSelectionConfig": {"DeviceSubsetType": "PERCENTAGE", "Percentage": 50}}
    sagemaker.create_edge_deployment_stage(EdgeDeploymentPlanName=plan, Stages=[half])
    assert refusal(sagemaker.create_edge_deployment_stage, EdgeDeploymentPlanName=plan, Stages=[half])[0] == (
        "ValidationException"
    )
    listed: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = sagemaker.list_stage_devices(EdgeDeploymentPlanName=plan, StageName="half", MaxResults=1, **token)
        listed += [device["DeviceName"] for device in page["DeviceDeploymentSummaries"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert listed == ["cam-0", "cam-1"]
    sagemaker.start_edge_deployment_stage(EdgeDeploymentPlanName=plan, StageName="half")
    sagemaker.stop_edge_deployment_stage(EdgeDeploymentPlanName=plan, StageName="half")
    assert stages(sagemaker, plan)["half"] == "STOPPED"
    assert refusal(sagemaker.stop_edge_deployment_stage, EdgeDeploymentPlanName=plan, StageName="half")[0] == (
        "ValidationException"
    )
    sagemaker.delete_edge_deployment_stage(EdgeDeploymentPlanName=plan, StageName="half")
    assert stages(sagemaker, plan) == {"first": "READYTODEPLOY"}
    code, _ = refusal(sagemaker.start_edge_deployment_stage, EdgeDeploymentPlanName=plan, StageName="half")
    assert code == "ResourceNotFound"
    sagemaker.delete_edge_deployment_plan(EdgeDeploymentPlanName=plan)


def test_plans_are_listed_by_the_name_of_their_fleet(sagemaker: Any, fleet: str, plan: str) -> None:
    listed = sagemaker.list_edge_deployment_plans(DeviceFleetNameContains=fleet[3:])["EdgeDeploymentPlanSummaries"]
    assert [entry["EdgeDeploymentPlanName"] for entry in listed] == [plan]
