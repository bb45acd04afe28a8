"""The model registry, by boto3 on a live server: groups, versions, approval, policies, and deploying a version."""

import io
import json
import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ACCOUNT, REGION, ROLE, Server, eventually

SKLEARN = f"683313688378.dkr.ecr.{REGION}.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


@pytest.fixture
def group(sagemaker: Any) -> str:
    """A model package group of the test's own."""
    name = f"group-{os.urandom(4).hex()}"
    arn = sagemaker.create_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupArn"]
    assert arn == f"{PREFIX}:model-package-group/{name}"
    return name


def specification(image: str = SKLEARN, **container: Any) -> dict[str, Any]:
    return {
        "Containers": [{"Image": image, **container}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }


def register(sagemaker: Any, group: str, **members: Any) -> str:
    """A new version of a group; its ARN."""
    answer = sagemaker.create_model_package(
        ModelPackageGroupName=group, **{"InferenceSpecification": specification(), **members}
    )
    return str(answer["ModelPackageArn"])


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    """Code and message of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def listed(sagemaker: Any, **filters: Any) -> list[str]:
    return [entry["ModelPackageArn"] for entry in sagemaker.list_model_packages(**filters)["ModelPackageSummaryList"]]


def test_a_group_is_described_by_name_and_arn_and_listed(sagemaker: Any, group: str) -> None:
    described = sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    assert described["ModelPackageGroupStatus"] == "Completed"
    assert described["CreatedBy"] == {}
    by_arn = sagemaker.describe_model_package_group(ModelPackageGroupName=described["ModelPackageGroupArn"])
    assert by_arn["ModelPackageGroupName"] == group
    found = sagemaker.list_model_package_groups(NameContains=group, CreationTimeBefore="2100-01-01")
    assert [entry["ModelPackageGroupName"] for entry in found["ModelPackageGroupSummaryList"]] == [group]


def test_groups_are_unknown_and_taken_in_words_that_terraform_and_the_sdks_match(sagemaker: Any, group: str) -> None:
    arn = f"{PREFIX}:model-package-group/{group}"
    assert refusal(sagemaker.create_model_package_group, ModelPackageGroupName=group) == (
        "ValidationException",
        f"Model Package Group already exists: {arn}",
    )
    assert refusal(sagemaker.describe_model_package_group, ModelPackageGroupName=f"{group}x") == (
        "ValidationException",
        f"ModelPackageGroup {arn}x does not exist.",
    )


def test_versions_count_from_one_and_a_number_is_never_given_again(sagemaker: Any, group: str) -> None:
    arns = [register(sagemaker, group), register(sagemaker, f"{PREFIX}:model-package-group/{group}")]
    assert arns == [f"{PREFIX}:model-package/{group}/{version}" for version in (1, 2)]
    sagemaker.delete_model_package(ModelPackageName=arns[1])
    assert register(sagemaker, group).endswith(f"/{group}/3")
    code, message = refusal(sagemaker.describe_model_package, ModelPackageName=arns[1])
    assert (code, message) == ("ValidationException", f"ModelPackage {arns[1]} does not exist.")


def test_concurrent_registrations_get_distinct_consecutive_versions(server: Server, group: str) -> None:
    client = server.client("sagemaker")
    with ThreadPoolExecutor(8) as pool:
        arns = list(pool.map(lambda _: register(client, group), range(24)))
    assert sorted(int(arn.rpartition("/")[2]) for arn in arns) == list(range(1, 25))


def test_a_repeated_request_makes_no_second_version(sagemaker: Any, group: str) -> None:
    assert register(sagemaker, group, ClientToken="t-1") == register(sagemaker, group, ClientToken="t-1")
    assert register(sagemaker, group, ClientToken="t-2").endswith("/2")


def test_a_version_is_described_as_registered(sagemaker: Any, group: str) -> None:
    arn = register(
        sagemaker, group, ModelPackageDescription="first", CustomerMetadataProperties={"team": "a"},
        ModelLifeCycle={"Stage": "Development", "StageStatus": "InProgress"},
        ModelMetrics={"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://b/k"}}},
        ModelCard={"ModelCardContent": "{}", "ModelCardStatus": "Draft"},
    )  # fmt: skip
    for name in (arn, f"{group}/1"):
        described = sagemaker.describe_model_package(ModelPackageName=name)
        assert described["ModelPackageGroupName"] == group
        assert described["ModelPackageVersion"] == 1
        assert described["ModelPackageArn"] == arn
        assert described["ModelPackageStatus"] == "Completed"
        assert described["ModelPackageStatusDetails"] == {"ValidationStatuses": [], "ImageScanStatuses": []}
        assert described["ModelApprovalStatus"] == "PendingManualApproval"
        assert described["CertifyForMarketplace"] is False
        assert described["CustomerMetadataProperties"] == {"team": "a"}
        assert described["InferenceSpecification"] == specification()
        assert described["ModelLifeCycle"]["Stage"] == "Development"
        assert described["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"] == "s3://b/k"
        assert "ModelPackageName" not in described


def test_a_package_without_a_group_has_a_name_and_tags(sagemaker: Any, unique: str) -> None:
    arn = sagemaker.create_model_package(
        ModelPackageName=unique, InferenceSpecification=specification(), Tags=[{"Key": "a", "Value": "1"}]
    )["ModelPackageArn"]
    assert arn == f"{PREFIX}:model-package/{unique.lower()}"
    for name in (unique, arn):
        described = sagemaker.describe_model_package(ModelPackageName=name)
        assert described["ModelPackageName"] == unique
        assert "ModelPackageVersion" not in described
        assert "ModelApprovalStatus" not in described
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    code, message = refusal(sagemaker.create_model_package, ModelPackageName=unique)
    assert (code, message) == ("ValidationException", f"ModelPackage already exists: {arn}")


def test_a_package_belongs_to_a_group_or_has_a_name_and_not_both(sagemaker: Any, group: str, unique: str) -> None:
    create = sagemaker.create_model_package
    assert refusal(create)[1].startswith("Missing ARN")
    both = refusal(create, ModelPackageName=unique, ModelPackageGroupName=group)
    assert both[1].startswith("Both ModelPackageName and ModelPackageGroupName are provided in the input.")
    tagged = refusal(create, ModelPackageGroupName=group, Tags=[{"Key": "a", "Value": "1"}])
    assert "add them to the group" in tagged[1]
    missing = refusal(create, ModelPackageGroupName=unique)
    assert missing[1] == f"ModelPackageGroup {PREFIX}:model-package-group/{unique.lower()} does not exist."
    assert listed(sagemaker, ModelPackageGroupName=group) == []


def test_packages_are_listed_by_group_approval_type_and_order(sagemaker: Any, group: str) -> None:
    first, second = register(sagemaker, group), register(sagemaker, group, ModelApprovalStatus="Approved")
    single = sagemaker.create_model_package(ModelPackageName=f"{group}-single")["ModelPackageArn"]
    assert listed(sagemaker, ModelPackageGroupName=group) == [second, first]
    assert listed(sagemaker, ModelPackageGroupName=f"{PREFIX}:model-package-group/{group}") == [second, first]
    assert listed(sagemaker, ModelPackageGroupName=group, SortOrder="Ascending", SortBy="Name") == [first, second]
    assert listed(sagemaker, ModelPackageGroupName=group, ModelApprovalStatus="Approved") == [second]
    assert listed(sagemaker, ModelPackageGroupName=group, ModelPackageType="Unversioned") == []
    assert listed(sagemaker, NameContains=group) == [single]
    assert listed(sagemaker, NameContains=group, ModelPackageType="Versioned") == [second, first]
    assert listed(sagemaker, NameContains=group, ModelPackageType="Both") == [single, second, first]
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, PaginationConfig={"PageSize": 1}
    )
    assert [len(page["ModelPackageSummaryList"]) for page in pages] == [1, 1]
    entry = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"][0]
    assert (entry["ModelPackageGroupName"], entry["ModelPackageVersion"]) == (group, 2)
    assert (entry["ModelPackageStatus"], entry["ModelApprovalStatus"]) == ("Completed", "Approved")


def test_an_update_merges_metadata_adds_specifications_and_replaces_the_rest(sagemaker: Any, group: str) -> None:
    arn = register(sagemaker, group, CustomerMetadataProperties={"keep": "1", "change": "1", "drop": "1"})
    additional = {"Name": "small", "Containers": [{"Image": SKLEARN}]}
    answer = sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="looked at it",
        CustomerMetadataProperties={"change": "2", "new": "3"}, CustomerMetadataPropertiesToRemove=["drop", "absent"],
        AdditionalInferenceSpecificationsToAdd=[additional], InferenceSpecification=specification("image:2"),
        ModelLifeCycle={"Stage": "Production", "StageStatus": "Approved"},
        ModelCard={"ModelCardContent": "{}", "ModelCardStatus": "Approved"},
    )  # fmt: skip
    assert answer["ModelPackageArn"] == arn
    described = sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "looked at it"
    assert described["CustomerMetadataProperties"] == {"keep": "1", "change": "2", "new": "3"}
    assert described["AdditionalInferenceSpecifications"] == [additional]
    assert described["InferenceSpecification"] == specification("image:2")
    assert described["ModelLifeCycle"] == {"Stage": "Production", "StageStatus": "Approved"}
    assert described["ModelCard"]["ModelCardStatus"] == "Approved"
    assert described["LastModifiedTime"] >= described["CreationTime"]
    assert described["ModelPackageVersion"] == 1
    twice = refusal(
        sagemaker.update_model_package, ModelPackageArn=arn, AdditionalInferenceSpecificationsToAdd=[additional]
    )
    assert "'small' more than once" in twice[1]
    many = {f"k{number}": "v" for number in range(48)}
    assert "51 CustomerMetadataProperties" in refusal(
        sagemaker.update_model_package, ModelPackageArn=arn, CustomerMetadataProperties=many
    )[1]  # fmt: skip
    gone = refusal(sagemaker.update_model_package, ModelPackageArn=f"{arn}9", ModelApprovalStatus="Rejected")
    assert gone == ("ValidationException", f"ModelPackage {arn}9 does not exist.")


def test_a_model_is_registered_and_a_version_cloned_by_their_arn(sagemaker: Any, group: str) -> None:
    container = {"Image": SKLEARN, "Environment": {"A": "1"}}
    model = sagemaker.create_model(ModelName=group, ExecutionRoleArn=ROLE, PrimaryContainer=container | {
        "Mode": "SingleModel"})["ModelArn"]  # fmt: skip
    create = sagemaker.create_model_package
    first = create(ModelPackageGroupName=group, SourceUri=model)["ModelPackageArn"]
    second = create(ModelPackageGroupName=group, SourceUri=first)["ModelPackageArn"]
    third = create(ModelPackageGroupName=group, SourceUri="s3://b/model")["ModelPackageArn"]
    for arn, source in ((first, model), (second, first)):
        described = sagemaker.describe_model_package(ModelPackageName=arn)
        assert described["InferenceSpecification"] == {"Containers": [container]}
        assert described["SourceUri"] == source
    assert "InferenceSpecification" not in sagemaker.describe_model_package(ModelPackageName=third)
    sagemaker.update_model_package(ModelPackageArn=third, SourceUri=second)
    cloned = sagemaker.describe_model_package(ModelPackageName=third)
    assert cloned["InferenceSpecification"] == {"Containers": [container]}
    both = refusal(create, ModelPackageGroupName=group, SourceUri=model, InferenceSpecification=specification())
    assert both[1].startswith("SourceUri and InferenceSpecification cannot be given together")
    gone = refusal(create, ModelPackageGroupName=group, SourceUri=f"{first}9")
    assert gone[1] == f"ModelPackage {first}9 does not exist."


def test_a_package_of_an_algorithm_has_its_containers_with_the_model_data(sagemaker: Any, unique: str) -> None:
    inference = specification() | {"SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"]}
    sagemaker.create_algorithm(
        AlgorithmName=unique,
        TrainingSpecification={
            "TrainingImage": SKLEARN, "SupportedTrainingInstanceTypes": ["ml.m5.large"],
            "TrainingChannels": [{"Name": "t", "SupportedContentTypes": ["text/csv"], "SupportedInputModes": ["File"]}],
        },
        InferenceSpecification=inference,
    )  # fmt: skip
    source = {"AlgorithmName": unique, "ModelDataUrl": "s3://b/model.tar.gz"}
    sagemaker.create_model_package(ModelPackageName=unique, SourceAlgorithmSpecification={"SourceAlgorithms": [source]})
    described = sagemaker.describe_model_package(ModelPackageName=unique)
    assert described["InferenceSpecification"] == inference | {
        "Containers": [{"Image": SKLEARN, "ModelDataUrl": "s3://b/model.tar.gz"}]
    }
    assert described["SourceAlgorithmSpecification"]["SourceAlgorithms"] == [source]


def test_an_unversioned_package_has_no_environment_and_no_source_uri(sagemaker: Any, unique: str) -> None:
    create = sagemaker.create_model_package
    named = specification(Environment={"A": "1"})
    assert "non-versioned" in refusal(create, ModelPackageName=unique, InferenceSpecification=named)[1]
    assert "unversioned" in refusal(create, ModelPackageName=unique, SourceUri="s3://b/model")[1]
    assert listed(sagemaker, NameContains=unique) == []


def test_versions_are_described_in_a_batch_with_an_error_for_each_that_cannot_be(sagemaker: Any, group: str) -> None:
    arns = [register(sagemaker, group), register(sagemaker, group)]
    single = sagemaker.create_model_package(ModelPackageName=f"{group}-single")["ModelPackageArn"]
    answer = sagemaker.batch_describe_model_package(ModelPackageArnList=[*arns, single, f"{arns[0]}9"])
    assert sorted(answer["ModelPackageSummaries"]) == arns
    assert answer["ModelPackageSummaries"][arns[1]]["ModelPackageVersion"] == 2
    assert answer["ModelPackageSummaries"][arns[1]]["InferenceSpecification"] == specification()
    errors = answer["BatchDescribeModelPackageErrorMap"]
    assert sorted(errors) == sorted([single, f"{arns[0]}9"])
    assert errors[f"{arns[0]}9"] == {
        "ErrorCode": "ValidationException",
        "ErrorResponse": f"ModelPackage {arns[0]}9 does not exist.",
    }


def test_a_group_with_versions_cannot_be_deleted_and_an_empty_one_can(sagemaker: Any, group: str) -> None:
    arn = register(sagemaker, group)
    code, message = refusal(sagemaker.delete_model_package_group, ModelPackageGroupName=group)
    assert code == "ConflictException"
    assert arn in message
    sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    assert refusal(sagemaker.describe_model_package_group, ModelPackageGroupName=group)[0] == "ValidationException"
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    assert register(sagemaker, group).endswith("/1")


def test_the_policy_of_a_group_is_put_read_and_deleted(sagemaker: Any, group: str) -> None:
    arn = f"{PREFIX}:model-package-group/{group}"
    none = ("ValidationException", f"Cannot find resource policy for: {arn}")
    assert refusal(sagemaker.get_model_package_group_policy, ModelPackageGroupName=group) == none
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    put = sagemaker.put_model_package_group_policy
    assert put(ModelPackageGroupName=group, ResourcePolicy=policy)["ModelPackageGroupArn"] == arn
    assert sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)["ResourcePolicy"] == policy
    assert "not valid" in refusal(put, ModelPackageGroupName=group, ResourcePolicy="[]")[1]
    sagemaker.delete_model_package_group_policy(ModelPackageGroupName=group)
    assert refusal(sagemaker.delete_model_package_group_policy, ModelPackageGroupName=group) == none
    assert refusal(sagemaker.get_model_package_group_policy, ModelPackageGroupName=f"{group}x") == (
        "ValidationException",
        f"Cannot find Model Package Group: {arn}x",
    )


SCRIPT = b"""
import os

def model_fn(model_dir):
    return open(os.path.join(model_dir, "factor")).read()

def input_fn(body, content_type):
    return float(body)

def predict_fn(value, factor):
    return f"{value * float(factor)} {os.environ['FROM_PACKAGE']} {os.environ['FROM_MODEL']}"

def output_fn(answer, accept):
    return answer, "text/plain"
"""


def artifact(factor: str) -> bytes:
    """A model.tar.gz of the scikit-learn container: a number, and the script that multiplies by it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in (("factor", factor.encode()), ("code/inference.py", SCRIPT)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.timeout(120)
def test_an_approved_version_is_deployed_and_answers(
    server: Server, sagemaker: Any, s3: Any, bucket: str, group: str
) -> None:
    s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=artifact("3"))
    environment = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        "FROM_PACKAGE": "package",
        "FROM_MODEL": "package",
    }
    container = specification(ModelDataUrl=f"s3://{bucket}/model.tar.gz", Environment=environment)
    arn = register(sagemaker, group, InferenceSpecification=container)
    model = {
        "ModelName": group,
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"ModelPackageName": arn, "Environment": {"FROM_MODEL": "model"}},
    }
    code, message = refusal(sagemaker.create_model, **model)
    assert code == "ValidationException"
    assert "PendingManualApproval: approve it" in message
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    sagemaker.create_model(**model)
    variant = {"VariantName": "v", "ModelName": group, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=group, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=group, EndpointConfigName=group)

    def settled() -> Any:
        endpoint = sagemaker.describe_endpoint(EndpointName=group)
        return endpoint if endpoint["EndpointStatus"] != "Creating" else None

    endpoint = eventually(settled, 60, "the endpoint")
    assert endpoint["EndpointStatus"] == "InService", endpoint.get("FailureReason")
    answer = server.client("sagemaker-runtime").invoke_endpoint(EndpointName=group, ContentType="text/csv", Body=b"14")
    assert answer["Body"].read() == b"42.0 package model"
    sagemaker.delete_endpoint(EndpointName=group)


def test_a_model_of_a_package_that_is_not_there_is_refused(sagemaker: Any, group: str) -> None:
    name = f"{PREFIX}:model-package/{group}/7"
    code, message = refusal(
        sagemaker.create_model, ModelName=group, ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": name}
    )
    assert (code, message) == ("ValidationException", f"ModelPackage {name} does not exist.")
