"""Pipelines and their versions, by boto3 on a live server."""

import json
import os
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ACCOUNT, REGION, ROLE

PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline"


def definition(**members: Any) -> str:
    """A definition with one step."""
    step = {"Name": "Train", "Type": "Training", "Arguments": {}}
    return json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": [step], **members})


FIRST, SECOND = definition(), definition(Metadata={"changed": True})


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    """Code and message of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def create(sagemaker: Any, name: str, **members: Any) -> str:
    request = {"PipelineName": name, "RoleArn": ROLE, "PipelineDefinition": FIRST} | members
    return str(sagemaker.create_pipeline(**{key: value for key, value in request.items() if value})["PipelineArn"])


@pytest.fixture
def pipeline(sagemaker: Any) -> str:
    """A pipeline of the test's own."""
    name = f"Pipeline-{os.urandom(4).hex()}"
    assert create(sagemaker, name, PipelineVersionAliases=["stable"]) == f"{PREFIX}/{name.lower()}"
    return name


def versions(sagemaker: Any, pipeline: str, **members: Any) -> list[int]:
    found = sagemaker.list_pipeline_versions(PipelineName=pipeline, **members)["PipelineVersionSummaries"]
    return [version["PipelineVersionId"] for version in found]


def test_a_pipeline_is_described_by_name_and_arn(sagemaker: Any, pipeline: str) -> None:
    for name in (pipeline, f"{PREFIX}/{pipeline.lower()}"):
        described = sagemaker.describe_pipeline(PipelineName=name)
        assert (described["PipelineName"], described["PipelineDisplayName"]) == (pipeline, pipeline)
        assert (described["PipelineDefinition"], described["RoleArn"]) == (FIRST, ROLE)
        assert (described["PipelineStatus"], described["CreatedBy"]) == ("Active", {})
        assert described["PipelineVersionAliases"] == ["stable"]
        assert "LastRunTime" not in described


def test_a_change_of_the_definition_makes_a_version_and_no_other_change_does(sagemaker: Any, pipeline: str) -> None:
    update = sagemaker.update_pipeline
    same = update(PipelineName=pipeline, PipelineDefinition=FIRST, PipelineDescription="d")
    assert (same["PipelineVersionId"], versions(sagemaker, pipeline)) == (1, [1])
    answer = update(PipelineName=pipeline, PipelineDefinition=SECOND, PipelineVersionAliases=["next"])
    assert answer == {"PipelineArn": f"{PREFIX}/{pipeline.lower()}", "PipelineVersionId": 2} | {
        "ResponseMetadata": answer["ResponseMetadata"]
    }
    assert versions(sagemaker, pipeline) == [2, 1]
    assert versions(sagemaker, pipeline, SortOrder="Ascending") == [1, 2]
    latest = sagemaker.describe_pipeline(PipelineName=pipeline)
    assert (latest["PipelineDefinition"], latest["PipelineDescription"]) == (SECOND, "d")
    assert latest["PipelineVersionAliases"] == ["next"]
    for older in ({"PipelineVersionId": 1}, {"PipelineVersionAlias": "stable"}):
        assert sagemaker.describe_pipeline(PipelineName=pipeline, **older)["PipelineDefinition"] == FIRST
    entry = sagemaker.list_pipeline_versions(PipelineName=pipeline)["PipelineVersionSummaries"][0]
    assert (entry["PipelineArn"], entry["PipelineVersionAliases"]) == (f"{PREFIX}/{pipeline.lower()}", ["next"])


def test_a_version_has_a_display_name_a_description_and_aliases(sagemaker: Any, pipeline: str) -> None:
    arn = f"{PREFIX}/{pipeline.lower()}"
    sagemaker.update_pipeline(PipelineName=pipeline, PipelineDefinition=SECOND)
    update = sagemaker.update_pipeline_version
    update(PipelineArn=arn, PipelineVersionId=1, PipelineVersionDisplayName="one", PipelineVersionDescription="first",
           PipelineVersionAliasOperations={"Remove": ["stable"], "Add": ["old"]})  # fmt: skip
    first = sagemaker.describe_pipeline(PipelineName=pipeline, PipelineVersionAlias="old")
    assert (first["PipelineVersionDisplayName"], first["PipelineVersionDescription"]) == ("one", "first")
    taken = refusal(update, PipelineArn=arn, PipelineVersionId=2, PipelineVersionAliasOperations={"Add": ["old"]})
    assert taken[0] == "ConflictException"
    absent = {"Remove": ["none"]}
    assert refusal(update, PipelineArn=arn, PipelineVersionId=1, PipelineVersionAliasOperations=absent)[0] == (
        "ResourceNotFound"
    )
    digits = refusal(update, PipelineArn=arn, PipelineVersionId=1, PipelineVersionAliasOperations={"Add": ["12"]})
    assert digits[0] == "ValidationException"
    assert refusal(update, PipelineArn=arn, PipelineVersionId=9)[0] == "ResourceNotFound"
    early = refusal(sagemaker.update_pipeline, PipelineName=pipeline, PipelineVersionAliases=["early"])
    assert "only when the update changes the pipeline definition" in early[1]


def test_a_definition_is_read_from_s3(sagemaker: Any, s3: Any, unique: str, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="p/definition.json", Body=SECOND.encode())
    location = {"Bucket": bucket, "ObjectKey": "p/definition.json"}
    create(sagemaker, unique, PipelineDefinition=None, PipelineDefinitionS3Location=location)
    assert sagemaker.describe_pipeline(PipelineName=unique)["PipelineDefinition"] == SECOND
    missing = {"Bucket": bucket, "ObjectKey": "none"}
    code, message = refusal(sagemaker.update_pipeline, PipelineName=unique, PipelineDefinitionS3Location=missing)
    assert (code, "s3://" in message) == ("ValidationException", True)
    both = refusal(
        sagemaker.update_pipeline, PipelineName=unique, PipelineDefinition=FIRST, PipelineDefinitionS3Location=location
    )
    assert both[0] == "ValidationException"
    assert versions(sagemaker, unique) == [1]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("no json", "It is not valid JSON"),
        ("[1]", "Expecting start of Json Object."),
        ("{}", "Version None is not supported: use '2020-12-01'"),
        (definition(Version="2019"), "Version '2019' is not supported"),
        (definition(Steps={}), "Expecting start of Json Array"),
        (definition(Steps=["x"]), "Steps[0] must be an object"),
        (definition(Steps=[{"Type": "Training"}]), "Steps[0] must have a Name"),
        (definition(Steps=[{"Name": "a", "Type": "Training"}] * 2), "Two steps are named 'a': names must be unique"),
    ],
)
def test_what_is_no_definition_is_refused_as_aws_does(sagemaker: Any, unique: str, text: str, wrong: str) -> None:
    request = {"PipelineName": unique, "RoleArn": ROLE, "PipelineDefinition": text}
    code, message = refusal(sagemaker.create_pipeline, **request)
    assert code == "ValidationException"
    assert message.startswith("Unable to parse pipeline definition. ")
    assert wrong in message
    assert refusal(sagemaker.describe_pipeline, PipelineName=unique)[0] == "ResourceNotFound"


def test_pipelines_are_unknown_and_taken_in_words_that_the_sdks_match(sagemaker: Any, pipeline: str) -> None:
    code, message = refusal(sagemaker.create_pipeline, PipelineName=pipeline, RoleArn=ROLE, PipelineDefinition=FIRST)
    assert code == "ValidationException"
    assert message.endswith(f"Pipeline with name ({pipeline}) already exists.")
    code, message = refusal(sagemaker.describe_pipeline, PipelineName=f"{pipeline}x")
    assert (code, message) == ("ResourceNotFound", f"Pipeline '{PREFIX}/{pipeline.lower()}x' does not exist.")
    assert refusal(sagemaker.describe_pipeline, PipelineName=pipeline, PipelineVersionId=9)[0] == "ResourceNotFound"
    alias = refusal(sagemaker.describe_pipeline, PipelineName=pipeline, PipelineVersionAlias="none")
    assert alias[0] == "ResourceNotFound"
    both = {"PipelineVersionId": 1, "PipelineVersionAlias": "stable"}
    assert refusal(sagemaker.describe_pipeline, PipelineName=pipeline, **both)[0] == "ValidationException"
    neither = refusal(sagemaker.create_pipeline, PipelineName=f"{pipeline}y", RoleArn=ROLE)
    assert neither[1] == "Give a PipelineDefinition or a PipelineDefinitionS3Location."


def test_a_repeated_request_makes_no_second_pipeline(sagemaker: Any, unique: str) -> None:
    token = os.urandom(16).hex()
    assert create(sagemaker, unique, ClientRequestToken=token) == create(sagemaker, unique, ClientRequestToken=token)
    assert versions(sagemaker, unique) == [1]


def test_pipelines_are_listed_by_the_beginning_of_their_name(sagemaker: Any, pipeline: str) -> None:
    names = [pipeline, f"{pipeline}-b", f"{pipeline}-c"]
    for name in names[1:]:
        create(sagemaker, name)

    def listed(prefix: str, **members: Any) -> list[str]:
        found = sagemaker.list_pipelines(PipelineNamePrefix=prefix, **members)["PipelineSummaries"]
        return [entry["PipelineName"] for entry in found]

    assert listed(pipeline) == names[::-1]
    assert listed(pipeline, SortBy="Name", SortOrder="Ascending") == names
    assert listed(pipeline[3:]) == []
    assert listed(pipeline, ManagedBy="AWS") == []
    assert listed(pipeline, CreatedBefore="2000-01-01") == []
    pages = sagemaker.get_paginator("list_pipelines").paginate(
        PipelineNamePrefix=pipeline, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["PipelineSummaries"]) for page in pages] == [2, 1]


def test_a_deleted_pipeline_takes_its_versions_along(sagemaker: Any, pipeline: str) -> None:
    sagemaker.update_pipeline(PipelineName=pipeline, PipelineDefinition=SECOND)
    assert sagemaker.delete_pipeline(PipelineName=pipeline)["PipelineArn"] == f"{PREFIX}/{pipeline.lower()}"
    assert refusal(sagemaker.list_pipeline_versions, PipelineName=pipeline)[0] == "ResourceNotFound"
    create(sagemaker, pipeline)
    assert versions(sagemaker, pipeline) == [1]


def test_search_finds_a_version(sagemaker: Any, pipeline: str) -> None:
    sagemaker.update_pipeline(PipelineName=pipeline, PipelineDefinition=SECOND)
    filters = [{"Name": "PipelineArn", "Operator": "Equals", "Value": f"{PREFIX}/{pipeline.lower()}"}]
    found = sagemaker.search(Resource="PipelineVersion", SearchExpression={"Filters": filters})["Results"]
    assert sorted(result["PipelineVersion"]["PipelineVersionId"] for result in found) == [1, 2]
