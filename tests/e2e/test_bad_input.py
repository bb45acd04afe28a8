"""Bad input gets AWS's error and changes nothing; never a 5xx."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ROLE, Server, eventually

NOBODY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/nobody-knows:1"
JOB: dict[str, Any] = {
    "RoleArn": ROLE,
    "AlgorithmSpecification": {"TrainingImage": NOBODY, "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://nowhere/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


def post(server: Server, target: str | None, body: bytes) -> tuple[int, dict[str, str]]:
    """A raw request, for what no client would send."""
    headers = {"Content-Type": "application/x-amz-json-1.1"} | ({"X-Amz-Target": target} if target else {})
    request = urllib.request.Request(server.url + "/", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        ("SageMaker.CreateTrainingJob", b"{nonsense", "SerializationException"),
        ("SageMaker.CreateTrainingJob", b"[]", "SerializationException"),
        ("SageMaker.CreateTrainingJob", b'{"TrainingJobName": 5}', "SerializationException"),
        ("SageMaker.CreateTrainingJob", b"{}", "ValidationException"),
        ("SageMaker.Frobnicate", b"{}", "UnknownOperationException"),
        ("SageMaker.", b"{}", "UnknownOperationException"),
    ],
)
def test_a_malformed_request_is_refused_with_a_code(server: Server, target: str, body: bytes, code: str) -> None:
    status, answer = post(server, target, body)
    assert status == 400
    assert answer["__type"] == code
    assert answer["message"]


def test_an_image_nobody_knows_fails_the_job_at_once_and_says_what_can_be_done(sagemaker: Any, unique: str) -> None:
    sagemaker.create_training_job(TrainingJobName=unique, **JOB)
    job = eventually(
        lambda: (
            (found := sagemaker.describe_training_job(TrainingJobName=unique))["TrainingJobStatus"] == "Failed"
            and found
        ),
        5,
    )
    assert "nobody-knows" in job["FailureReason"]
    assert "sagemaker-xgboost" in job["FailureReason"]
    assert job["SecondaryStatusTransitions"][-1]["Status"] == "Failed"


def test_a_second_job_of_one_name_is_resource_in_use(sagemaker: Any, unique: str) -> None:
    sagemaker.create_training_job(TrainingJobName=unique, **JOB)
    with pytest.raises(ClientError) as caught:
        sagemaker.create_training_job(TrainingJobName=unique, **JOB)
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    assert "must be unique within an AWS account and region" in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("operation", "request_", "code", "words"),
    [
        ("describe_training_job", {"TrainingJobName": "none"}, "ValidationException", "Requested resource not found."),
        ("describe_endpoint", {"EndpointName": "none"}, "ValidationException", "Could not find endpoint "),
        ("describe_endpoint_config", {"EndpointConfigName": "none"}, "ValidationException",
         "Could not find endpoint configuration "),
        ("describe_model", {"ModelName": "none"}, "ValidationException", "Could not find model "),
        ("create_endpoint", {"EndpointName": "e", "EndpointConfigName": "none"}, "ValidationException",
         "Could not find endpoint configuration "),
        ("describe_monitoring_schedule", {"MonitoringScheduleName": "none"}, "ResourceNotFound", ""),
        ("describe_data_quality_job_definition", {"JobDefinitionName": "none"}, "ResourceNotFound", ""),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_refused_in_the_words_the_sdks_match(
    sagemaker: Any, operation: str, request_: dict[str, str], code: str, words: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(sagemaker, operation)(**request_)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["Error"]["Message"].startswith(words)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_endpoint_that_does_not_exist_is_a_validation_error_of_the_runtime(server: Server) -> None:
    with pytest.raises(ClientError) as caught:
        server.client("sagemaker-runtime").invoke_endpoint(EndpointName="none", Body=b"x")
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert "Endpoint none of account 123456789012 not found." in caught.value.response["Error"]["Message"]


def test_a_model_whose_artefact_is_missing_is_refused(sagemaker: Any, unique: str) -> None:
    container = {"Image": NOBODY, "ModelDataUrl": "s3://nowhere/model.tar.gz"}
    with pytest.raises(ClientError, match=r"Could not find model data at s3://nowhere/model\.tar\.gz"):
        sagemaker.create_model(ModelName=unique, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.describe_model(ModelName=unique)
