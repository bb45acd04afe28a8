"""What the documentation of Update, Stop and Delete says of the status that a resource must have."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.resource_maker import SPECS, Made, ResourceMaker, code_of
from tests.conformance.test_waiters import AN_HOUR, SKLEARN

MOVING = [
    ("CompilationJob", "ValidationException"),  # DeleteCompilationJob: only COMPLETED, FAILED or STOPPED
    ("Job", "ResourceInUse"),  # DeleteJob: a running one must be stopped first
    ("TrainingSession", "ValidationException"),  # DeleteTrainingSession: must be stopped first
]


def refusal(maker: ResourceMaker, operation: str, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        maker.call(operation, request)
    return code_of(caught.value), caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(("kind", "code"), MOVING)
def test_what_has_not_ended_is_not_deleted(maker: ResourceMaker, kind: str, code: str) -> None:
    made = maker.make(kind, wait=False)
    refused = refusal(maker, f"Delete{kind}", **made.identity)
    assert refused[0] == code
    assert made.arn in refused[1]
    maker.settle(made)
    maker.call(f"Delete{kind}", made.identity)


def running(maker: ResourceMaker, kind: str, seconds: float = 60) -> Made:
    """A job that sleeps."""
    sleep = ["python3", "-c", f"import time; time.sleep({seconds})"]
    if kind == "ProcessingJob":
        application = {"ImageUri": SKLEARN, "ContainerEntrypoint": sleep}
        return maker.make(kind, wait=False, AppSpecification=application, StoppingCondition=AN_HOUR)
    return maker.make(
        kind, wait=False, StoppingCondition=AN_HOUR, OutputDataConfig={"S3OutputPath": f"s3://{maker.bucket}/out"},
        AlgorithmSpecification={
            "TrainingImage": SKLEARN, "TrainingInputMode": "File", "ContainerEntrypoint": sleep
        },
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["ProcessingJob", "TrainingJob"])
def test_a_running_job_is_stopped_once_and_then_deleted(maker: ResourceMaker, kind: str) -> None:
    made = running(maker, kind)
    assert refusal(maker, f"Delete{kind}", **made.identity)[0] == "ResourceInUse"
    maker.call(f"Stop{kind}", made.identity)
    maker.settle(made)
    code, message = refusal(maker, f"Stop{kind}", **made.identity)
    assert code == "ValidationException"
    assert message == f"The request was rejected because the {SPECS[kind].noun} is in status Stopped."
    maker.call(f"Delete{kind}", made.identity)
    assert maker.make(kind, name=made.name, wait=False).arn == made.arn


def test_an_update_of_a_training_job_leaves_what_it_does_not_name(maker: ResourceMaker) -> None:
    made = running(maker, "TrainingJob", 2)
    before = maker.call("DescribeTrainingJob", made.identity)["ResourceConfig"]
    maker.client.update_training_job(
        TrainingJobName=made.name,
        ResourceConfig={"KeepAlivePeriodInSeconds": 60},
        ProfilerConfig={"S3OutputPath": "s3://profiles/a", "ProfilingIntervalInMilliseconds": 500},
    )
    maker.client.update_training_job(TrainingJobName=made.name, ProfilerConfig={"DisableProfiler": True})
    job = maker.call("DescribeTrainingJob", made.identity)
    assert job["ResourceConfig"] == before | {"KeepAlivePeriodInSeconds": 60}
    assert job["ProfilerConfig"]["S3OutputPath"] == "s3://profiles/a"
    assert job["ProfilerConfig"]["DisableProfiler"] is True
    maker.settle(made)
    refused = refusal(maker, "UpdateTrainingJob", **made.identity, ProfilerConfig={"DisableProfiler": False})
    assert refused[0] == "ValidationException"


def test_a_workload_configuration_stays_while_a_job_uses_it(maker: ResourceMaker) -> None:
    job = maker.make("AIBenchmarkJob", wait=False)
    configuration = job.needed[0]
    code, message = refusal(maker, "DeleteAIWorkloadConfig", **configuration.identity)
    assert (code, job.arn in message) == ("ResourceInUse", True)
    maker.settle(job)
    maker.call("DeleteAIWorkloadConfig", configuration.identity)
    refused = refusal(maker, "CreateAIBenchmarkJob", **job.request | {"AIBenchmarkJobName": maker.name()})
    assert refused[0] == "ResourceNotFound"


def test_both_versions_of_automl_make_one_kind_of_job(maker: ResourceMaker) -> None:
    first, second = maker.make("AutoMLJob"), maker.make("AutoMLJobV2")
    assert refusal(maker, "CreateAutoMLJobV2", **second.request | first.identity)[0] == "ResourceInUse"
    assert refusal(maker, "CreateAutoMLJob", **first.request | second.identity)[0] == "ResourceInUse"
    assert refusal(maker, "DescribeAutoMLJob", **second.identity)[0] == "ResourceNotFound"
    shown = maker.call("DescribeAutoMLJobV2", first.identity)
    assert shown["AutoMLJobArn"] == first.arn
    assert shown["AutoMLProblemTypeConfigName"] == "Tabular"
    names = {job["AutoMLJobName"] for job in maker.client.list_auto_ml_jobs(MaxResults=100)["AutoMLJobSummaries"]}
    assert {first.name, second.name} <= names


def test_tags_keep_to_the_rules_at_creation_and_later(maker: ResourceMaker) -> None:
    reserved, double = [{"Key": "aws:a", "Value": "v"}], [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]
    for tags in (reserved, double):
        refused = refusal(maker, "CreateExperiment", ExperimentName=maker.name(), Tags=tags)
        assert refused[0] == "ValidationException"
    made = maker.make("Experiment", Tags=[{"Key": f"k{number}", "Value": "v"} for number in range(50)])
    for tags in (reserved, double, [{"Key": "one-more", "Value": "v"}]):
        assert refusal(maker, "AddTags", ResourceArn=made.arn, Tags=tags)[0] == "ValidationException"
    maker.client.add_tags(ResourceArn=made.arn, Tags=[{"Key": "k0", "Value": "another"}])
    shown = maker.client.list_tags(ResourceArn=made.arn)["Tags"]
    assert len(shown) == 50
    assert {"Key": "k0", "Value": "another"} in shown
