"""The generic engine, driven through operations on a real database."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sageyard.clock import ShiftedClock
from sageyard.errors import AwsError
from sageyard.resources.derive import derive
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family, install
from sageyard.resources.operations import Operations
from sageyard.resources.quotas import Quotas
from sageyard.resources.spec import Hooks, Resource
from sageyard.sagemaker import tags
from sageyard.store.resources import Resources
from sageyard.wire import model

ROLE = "arn:aws:iam::123456789012:role/r"


class Job(Hooks):
    """A job that runs until it is told to end."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.seen: list[tuple[str, bool]] = []

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        self.seen.append((resource.name, recovered))
        await self.end.wait()
        resource.save(status="Stopped" if resource.status == "Stopping" else "Completed", ExitMessage="bye")

    async def stop(self, resource: Resource) -> None:
        self.end.set()


class Server:
    """Engine and operations over one database file."""

    def __init__(self, path: Path, families: list[Family] | None = None) -> None:
        service = model.load("sagemaker")
        self.clock = ShiftedClock()
        self.store = Resources(path / "sageyard.db")
        self.engine = Engine(self.store, self.clock, derive(service), "123456789012")
        installed = install(self.engine, [tags.family(self.engine), *(families or [])])
        self.operations = Operations(service, self.engine, installed.functions, installed.refused)

    async def call(self, operation: str, **request: Any) -> dict[str, Any]:
        return await self.operations.call(operation, request, region="us-east-1")

    async def refusal(self, operation: str, **request: Any) -> AwsError:
        with pytest.raises(AwsError) as caught:
            await self.call(operation, **request)
        return caught.value


def drive(path: Path, scenario: Callable[[Server], Coroutine[Any, Any, None]], *families: Family) -> None:
    """Run a scenario in an event loop of its own, over a new server."""

    async def main() -> None:
        server = Server(path, list(families))
        await scenario(server)
        await server.engine.close()

    asyncio.run(main())


def test_a_derived_resource_is_created_described_listed_updated_and_deleted(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        created = await server.call("CreateExperiment", ExperimentName="e1", Description="one")
        assert created == {"ExperimentArn": "arn:aws:sagemaker:us-east-1:123456789012:experiment/e1"}
        described = await server.call("DescribeExperiment", ExperimentName="e1")
        assert described["Description"] == "one"
        assert described["CreationTime"] == pytest.approx(server.clock.now(), abs=5)
        await server.call("UpdateExperiment", ExperimentName="e1", Description="two")
        listed = await server.call("ListExperiments")
        assert [entry["ExperimentName"] for entry in listed["ExperimentSummaries"]] == ["e1"]
        assert (await server.call("DescribeExperiment", ExperimentName="e1"))["Description"] == "two"
        await server.call("DeleteExperiment", ExperimentName="e1")
        assert (await server.refusal("DescribeExperiment", ExperimentName="e1")).code == "ResourceNotFound"

    drive(tmp_path, scenario)


def test_of_concurrent_creates_of_one_name_exactly_one_wins(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        outcomes = await asyncio.gather(
            *(server.call("CreateExperiment", ExperimentName="same") for _ in range(20)), return_exceptions=True
        )
        assert sum(isinstance(outcome, dict) for outcome in outcomes) == 1
        assert {outcome.code for outcome in outcomes if isinstance(outcome, AwsError)} == {"ValidationException"}

    drive(tmp_path, scenario)


def test_pages_hold_every_resource_once_while_others_are_created(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        for number in range(25):
            await server.call("CreateExperiment", ExperimentName=f"old-{number:02}")
        seen: list[str] = []
        token: dict[str, Any] = {}
        while True:
            page = await server.call("ListExperiments", MaxResults=10, **token)
            seen += [entry["ExperimentName"] for entry in page["ExperimentSummaries"]]
            await server.call("CreateExperiment", ExperimentName=f"new-{len(seen)}")
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        assert seen == [f"old-{number:02}" for number in reversed(range(25))]
        assert "NextToken 'bogus' is not valid" in (await server.refusal("ListExperiments", NextToken="bogus")).message

    drive(tmp_path, scenario)


def test_identifiers_that_the_server_makes_up_are_described_back(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        created = await server.call(
            "CreateDomain", DomainName="d", AuthMode="IAM", DefaultUserSettings={"ExecutionRole": ROLE},
            SubnetIds=["subnet-1"], VpcId="vpc-1",
        )  # fmt: skip
        domain = created["DomainArn"].rpartition("/")[2]
        assert (await server.call("DescribeDomain", DomainId=domain))["DomainName"] == "d"

    drive(tmp_path, scenario)


def test_what_has_no_work_behind_it_settles_when_the_clock_is_moved(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.clock = server.engine.specs["Hub"].hooks.clock = ShiftedClock(-1000)  # type: ignore[attr-defined]
        await server.call("CreateHub", HubName="h", HubDescription="d")
        assert (await server.call("DescribeHub", HubName="h"))["HubStatus"] == "Creating"
        server.clock.advance(1001)
        row = server.store.get("Hub", "us-east-1", "h")
        assert row is not None
        await server.engine.wait_for_change(row, 5)
        assert (await server.call("DescribeHub", HubName="h"))["HubStatus"] == "InService"

    drive(tmp_path, scenario)


def test_a_notebook_instance_is_stopped_at_rest_and_started_again(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        async def settled() -> str:
            while True:
                row = server.store.get("NotebookInstance", "us-east-1", "n")
                assert row is not None
                if row.status in server.engine.specs["NotebookInstance"].settled:
                    return row.status
                await server.engine.wait_for_change(row, 5)

        await server.call("CreateNotebookInstance", NotebookInstanceName="n", InstanceType="ml.t3.medium", RoleArn=ROLE)
        assert await settled() == "InService"
        await server.call("StopNotebookInstance", NotebookInstanceName="n")
        assert await settled() == "Stopped"
        assert "in status Stopped" in (await server.refusal("StopNotebookInstance", NotebookInstanceName="n")).message
        await server.call("StartNotebookInstance", NotebookInstanceName="n")
        assert await settled() == "InService"

    drive(tmp_path, scenario)


def test_a_job_that_nothing_runs_is_recorded_as_failed_with_the_reason(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await server.call(
            "CreateCompilationJob", CompilationJobName="c", RoleArn=ROLE,
            OutputConfig={"S3OutputLocation": "s3://b/k"}, StoppingCondition={"MaxRuntimeInSeconds": 60},
        )  # fmt: skip
        row = server.store.get("CompilationJob", "us-east-1", "c")
        assert row is not None
        await server.engine.wait_for_change(row, 5)
        described = await server.call("DescribeCompilationJob", CompilationJobName="c")
        assert described["CompilationJobStatus"] == "FAILED"
        assert described["FailureReason"] == "Sageyard records compilation jobs but does not run them yet."

    drive(tmp_path, scenario)


def processing(name: str) -> dict[str, Any]:
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": "image"},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
    }


def test_a_running_job_is_stopped_by_its_hooks_and_cannot_be_stopped_twice(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await server.call("CreateProcessingJob", **processing("p"))
        assert (await server.call("DescribeProcessingJob", ProcessingJobName="p"))[
            "ProcessingJobStatus"
        ] == "InProgress"
        row = server.store.get("ProcessingJob", "us-east-1", "p")
        assert row is not None
        await server.call("StopProcessingJob", ProcessingJobName="p")
        await server.engine.wait_for_change(row, 5)
        described = await server.call("DescribeProcessingJob", ProcessingJobName="p")
        assert (described["ProcessingJobStatus"], described["ExitMessage"]) == ("Stopped", "bye")
        assert "in status Stopped" in (await server.refusal("StopProcessingJob", ProcessingJobName="p")).message

    drive(tmp_path, scenario, Family(overrides={"ProcessingJob": {"hooks": Job(), "grade": "runs"}}))


def test_work_that_was_under_way_is_taken_up_again_after_a_restart(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await server.call("CreateProcessingJob", **processing("p"))
        second = Job()
        again = Server(tmp_path, [Family(overrides={"ProcessingJob": {"hooks": second, "grade": "runs"}})])
        again.engine.recover()
        await asyncio.sleep(0)
        assert second.seen == [("p", True)]
        await again.engine.close()

    drive(tmp_path, scenario, Family(overrides={"ProcessingJob": {"hooks": Job(), "grade": "runs"}}))


def test_a_defect_in_a_hook_fails_the_job_with_the_exception_as_reason(tmp_path: Path) -> None:
    class Broken(Hooks):
        async def run(self, resource: Resource, *, recovered: bool = False) -> None:
            raise ZeroDivisionError("of our own")

    async def scenario(server: Server) -> None:
        await server.call("CreateProcessingJob", **processing("p"))
        row = server.store.get("ProcessingJob", "us-east-1", "p")
        assert row is not None
        await server.engine.wait_for_change(row, 5)
        described = await server.call("DescribeProcessingJob", ProcessingJobName="p")
        assert described["ProcessingJobStatus"] == "Failed"
        assert described["FailureReason"] == "InternalServerError: ZeroDivisionError: of our own"

    drive(tmp_path, scenario, Family(overrides={"ProcessingJob": {"hooks": Broken(), "grade": "runs"}}))


def test_tags_given_at_creation_are_listed_added_and_deleted(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        arn = (await server.call("CreateExperiment", ExperimentName="e", Tags=[{"Key": "a", "Value": "1"}]))[
            "ExperimentArn"
        ]
        await server.call("AddTags", ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
        await server.call("DeleteTags", ResourceArn=arn, TagKeys=["a"])
        assert await server.call("ListTags", ResourceArn=arn) == {"Tags": [{"Key": "b", "Value": "2"}]}
        refusal = await server.refusal("AddTags", ResourceArn=arn, Tags=[{"Key": "aws:x", "Value": "2"}])
        assert refusal.code == "ValidationException"
        await server.call("DeleteExperiment", ExperimentName="e")
        assert (await server.refusal("ListTags", ResourceArn=arn)).code == "ResourceNotFound"

    drive(tmp_path, scenario)


def test_an_operation_that_nothing_stands_behind_is_refused_by_name(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        refusal = await server.refusal(
            "QueryLineage", StartArns=["arn:aws:sagemaker:us-east-1:123456789012:artifact/x"]
        )
        assert refusal.code == "UnknownOperationException"
        assert refusal.message.startswith("QueryLineage is an operation of SageMaker")
        assert (await server.refusal("Frobnicate")).code == "UnknownOperationException"

    drive(tmp_path, scenario)


def test_a_repeated_request_with_a_client_token_makes_nothing_new(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        request = {"PipelineName": "p", "PipelineDefinition": "{}", "RoleArn": ROLE, "ClientRequestToken": "t" * 32}
        first = await server.call("CreatePipeline", **request)
        assert await server.call("CreatePipeline", **request) == first
        other = await server.refusal("CreatePipeline", **request | {"PipelineDescription": "another"})
        assert other.code == "ConflictException"
        assert first["PipelineArn"] in other.message
        assert len((await server.call("ListPipelines"))["PipelineSummaries"]) == 1
        await server.call("DeletePipeline", PipelineName="p", ClientRequestToken="u" * 32)
        assert await server.call("CreatePipeline", **request) == first

    drive(tmp_path, scenario)


def test_names_that_differ_only_in_case_are_one_name(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await server.call("CreateExperiment", ExperimentName="Taken")
        assert "taken" in (await server.refusal("CreateExperiment", ExperimentName="taken")).message

    drive(tmp_path, scenario)


def test_an_arn_of_another_region_is_not_found(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await server.call("CreateDeviceFleet", DeviceFleetName="f", OutputConfig={"S3OutputLocation": "s3://b/k"})
        spec = server.engine.specs["DeviceFleet"]
        here = server.engine.arn(spec, "us-east-1", ["f"])
        assert server.engine.find(spec, {"DeviceFleetName": here}, "us-east-1").name == "f"
        with pytest.raises(AwsError, match="No devicefleet with name"):
            server.engine.find(spec, {"DeviceFleetName": here}, "eu-west-1")

    drive(tmp_path, scenario)


def test_a_parent_must_exist_and_stays_while_it_has_children(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        orphan = await server.refusal("CreateUserProfile", DomainId="d-nothing", UserProfileName="u")
        assert orphan.code == "ResourceNotFound"
        settings = {"ExecutionRole": ROLE}
        domain = await server.call(
            "CreateDomain", DomainName="d", AuthMode="IAM", DefaultUserSettings=settings, VpcId="vpc-1", SubnetIds=["s"]
        )
        identity = domain["DomainArn"].rpartition("/")[2]
        profile = await server.call("CreateUserProfile", DomainId=identity, UserProfileName="u")
        refused = await server.refusal("DeleteDomain", DomainId=identity)
        assert refused.code == "ResourceInUse"
        assert profile["UserProfileArn"] in refused.message
        await server.call("DeleteUserProfile", DomainId=identity, UserProfileName="u")
        await server.call("DeleteDomain", DomainId=identity)

    drive(tmp_path, scenario)


def test_a_quota_refuses_what_is_one_too_many(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.engine.quotas = Quotas({"Experiment": 1}, server.store)
        await server.call("CreateExperiment", ExperimentName="one")
        refused = await server.refusal("CreateExperiment", ExperimentName="two")
        assert refused.code == "ResourceLimitExceeded"
        assert "'Number of experiments' is 1 Experiments, with current utilization of 1" in refused.message
        await server.call("DeleteExperiment", ExperimentName="one")
        await server.call("CreateExperiment", ExperimentName="two")

    drive(tmp_path, scenario)


def test_a_quota_of_instances_counts_those_of_running_jobs(tmp_path: Path) -> None:
    def job(name: str, instances: int) -> dict[str, Any]:
        cluster = {"InstanceType": "ml.m5.large", "InstanceCount": instances, "VolumeSizeInGB": 1}
        return processing(name) | {"ProcessingResources": {"ClusterConfig": cluster}}

    async def scenario(server: Server) -> None:
        server.engine.quotas = Quotas({"ml.m5.large for processing job usage": 3}, server.store)
        await server.call("CreateProcessingJob", **job("first", 2))
        refused = await server.refusal("CreateProcessingJob", **job("second", 2))
        assert refused.code == "ResourceLimitExceeded"
        assert refused.message.startswith(
            "The account-level service limit 'ml.m5.large for processing job usage' is 3 Instances, with current "
            "utilization of 2 Instances and a request delta of 2 Instances."
        )
        await server.call("CreateProcessingJob", **job("third", 1))

    drive(tmp_path, scenario)
