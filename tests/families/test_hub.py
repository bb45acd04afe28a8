"""Private hubs, their contents, references and presigned URLs, by boto3 on a live server."""

import json
import os
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ACCOUNT, REGION, eventually

PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
PUBLIC = f"arn:aws:sagemaker:{REGION}:aws:hub-content/SageMakerPublicHub/Model/some-model"


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    """Code and message of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


@pytest.fixture
def hub(sagemaker: Any) -> str:
    """A hub of the test's own."""
    name = f"Hub-{os.urandom(4).hex()}"
    sagemaker.create_hub(HubName=name, HubDescription="d")
    return name


def content(hub: str, name: str = "Churn", **members: Any) -> dict[str, Any]:
    """What imports a model."""
    return {
        "HubName": hub, "HubContentName": name, "HubContentType": "Model", "DocumentSchemaVersion": "2.0.0",
        "HubContentDocument": "{}", **members,
    }  # fmt: skip


def named(hub: str, name: str = "Churn", **members: Any) -> dict[str, Any]:
    """What names a model."""
    return {"HubName": hub, "HubContentName": name, "HubContentType": "Model", **members}


def listed(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["HubContentName"], entry["HubContentVersion"]) for entry in answer["HubContentSummaries"]]


def test_a_hub_comes_into_service_and_is_deleted_when_empty(sagemaker: Any, hub: str) -> None:
    eventually(lambda: sagemaker.describe_hub(HubName=hub)["HubStatus"] == "InService", what="the hub")
    arn = sagemaker.describe_hub(HubName=hub)["HubArn"]
    assert arn == f"{PREFIX}:hub/{hub.lower()}"
    sagemaker.update_hub(HubName=arn, HubDescription="new", HubSearchKeywords=["risk"])
    described = sagemaker.describe_hub(HubName=hub)
    assert (described["HubDescription"], described["HubSearchKeywords"]) == ("new", ["risk"])
    sagemaker.import_hub_content(**content(hub))
    code, message = refusal(sagemaker.delete_hub, HubName=hub)
    assert code == "ResourceInUse"
    assert arn in message
    sagemaker.delete_hub_content(**named(hub, HubContentVersion="1.0.0"))
    sagemaker.delete_hub(HubName=hub)
    assert refusal(sagemaker.describe_hub, HubName=hub) == ("ResourceNotFound", f"Hub {arn} does not exist.")


def test_a_content_has_versions_of_which_the_newest_is_shown(sagemaker: Any, hub: str) -> None:
    first = sagemaker.import_hub_content(**content(hub, HubContentDescription="one"))
    assert first["HubContentArn"] == f"{PREFIX}:hub-content/{hub}/Model/Churn/1.0.0"
    for version in ("1.10.0", "1.9.0"):
        sagemaker.import_hub_content(**content(hub, HubContentVersion=version))
    shown = sagemaker.describe_hub_content(**named(hub))
    assert (shown["HubContentVersion"], shown["HubContentStatus"]) == ("1.10.0", "Available")
    assert (shown["HubName"], shown["HubArn"]) == (hub, f"{PREFIX}:hub/{hub.lower()}")
    assert "HubContentDescription" not in shown
    older = sagemaker.describe_hub_content(**named(hub, HubContentVersion="1.0.0"))
    assert (older["HubContentDescription"], older["SupportStatus"]) == ("one", "Supported")
    contents = sagemaker.list_hub_contents(HubName=hub, HubContentType="Model")
    assert listed(contents) == [("Churn", "1.10.0")]
    assert contents["HubContentSummaries"][0]["HubContentArn"] == shown["HubContentArn"]
    sagemaker.import_hub_content(**content(hub))
    assert sagemaker.describe_hub_content(**named(hub))["HubContentVersion"] == "1.10.1"


def test_versions_are_listed_by_minimum_schema_and_time(sagemaker: Any, hub: str) -> None:
    for version, schema in (("1.0.0", "1.0.0"), ("1.2.0", "2.0.0"), ("1.10.0", "2.3.0")):
        sagemaker.import_hub_content(**content(hub, HubContentVersion=version, DocumentSchemaVersion=schema))

    def versions(**members: Any) -> list[str]:
        return [version for _, version in listed(sagemaker.list_hub_content_versions(**named(hub), **members))]

    assert versions() == ["1.10.0", "1.2.0", "1.0.0"]
    assert versions(SortBy="CreationTime", SortOrder="Ascending", MaxResults=2) == ["1.0.0", "1.2.0"]
    assert versions(MinVersion="1.2.0") == ["1.10.0", "1.2.0"]
    assert versions(MaxSchemaVersion="2.0.0") == ["1.2.0", "1.0.0"]
    assert versions(CreationTimeAfter="2100-01-01") == []


def test_contents_are_listed_by_type_and_name(sagemaker: Any, hub: str) -> None:
    for name in ("Churn", "Fraud", "Fraud-small"):
        sagemaker.import_hub_content(**content(hub, name))
    sagemaker.import_hub_content(**content(hub, "Intro") | {"HubContentType": "Notebook"})

    def names(kind: str = "Model", **members: Any) -> list[str]:
        found = sagemaker.list_hub_contents(HubName=hub, HubContentType=kind, **members)
        return [name for name, _ in listed(found)]

    assert names() == ["Fraud-small", "Fraud", "Churn"]
    assert names(SortBy="HubContentName", SortOrder="Ascending") == ["Churn", "Fraud", "Fraud-small"]
    assert names(NameContains="fraud") == ["Fraud-small", "Fraud"]
    assert names(NameContains="Hub") == []  # part of the hub's name
    assert names("Notebook") == ["Intro"]
    page = sagemaker.list_hub_contents(HubName=hub, HubContentType="Model", MaxResults=2)
    rest = sagemaker.list_hub_contents(HubName=hub, HubContentType="Model", NextToken=page["NextToken"])
    assert listed(rest) == [("Churn", "1.0.0")]


def test_an_update_describes_one_version(sagemaker: Any, hub: str) -> None:
    for version in ("1.0.0", "2.0.0"):
        sagemaker.import_hub_content(**content(hub, HubContentVersion=version))
    update = sagemaker.update_hub_content
    update(**named(hub, HubContentVersion="1.0.0", SupportStatus="Deprecated"))
    assert sagemaker.describe_hub_content(**named(hub))["SupportStatus"] == "Supported"
    update(**named(f"{PREFIX}:hub/{hub}", HubContentVersion="2.0.0", HubContentDescription="newest"))
    found = sagemaker.list_hub_contents(HubName=hub, HubContentType="Model")["HubContentSummaries"][0]
    assert (found["HubContentDescription"], found["SupportStatus"]) == ("newest", "Supported")
    older = sagemaker.describe_hub_content(**named(hub, HubContentVersion="1.0.0"))
    assert older["SupportStatus"] == "Deprecated"
    assert refusal(update, **named(hub, HubContentVersion="1.0.0"))[0] == "ValidationException"


def test_a_content_goes_with_its_last_version(sagemaker: Any, hub: str) -> None:
    for version in ("1.0.0", "2.0.0"):
        sagemaker.import_hub_content(**content(hub, HubContentVersion=version, HubContentDescription=version))
    sagemaker.delete_hub_content(**named(hub, HubContentVersion="2.0.0"))
    found = sagemaker.list_hub_contents(HubName=hub, HubContentType="Model")["HubContentSummaries"]
    assert [(entry["HubContentVersion"], entry["HubContentDescription"]) for entry in found] == [("1.0.0", "1.0.0")]
    sagemaker.delete_hub_content(**named(hub, HubContentVersion="1.0.0"))
    assert sagemaker.list_hub_contents(HubName=hub, HubContentType="Model")["HubContentSummaries"] == []
    assert refusal(sagemaker.describe_hub_content, **named(hub))[0] == "ResourceNotFound"
    assert refusal(sagemaker.list_hub_content_versions, **named(hub))[0] == "ResourceNotFound"


def test_contents_are_refused_that_are_taken_or_not_there(sagemaker: Any, hub: str) -> None:
    sagemaker.import_hub_content(**content(hub, HubContentVersion="1.0.0"))
    again = refusal(sagemaker.import_hub_content, **content(hub, HubContentVersion="1.0.0"))
    assert again[0] == "ResourceInUse"
    assert "/Model/Churn/1.0.0 already exists" in again[1]
    assert refusal(sagemaker.import_hub_content, **content(f"{hub}x"))[0] == "ResourceNotFound"
    assert refusal(sagemaker.import_hub_content, **content(hub, HubContentDocument="x"))[0] == "ValidationException"
    for wrong in (named(f"{hub}x"), named(hub, "Other"), named(hub, HubContentVersion="9.9.9")):
        assert refusal(sagemaker.describe_hub_content, **wrong)[0] == "ResourceNotFound"
    public = refusal(sagemaker.describe_hub_content, **named("SageMakerPublicHub"))
    assert public[0] == "ResourceNotFound"


def test_tags_are_those_of_the_content_without_a_version(sagemaker: Any, hub: str) -> None:
    sagemaker.import_hub_content(**content(hub, Tags=[{"Key": "team", "Value": "risk"}]))
    arn = f"{PREFIX}:hub-content/{hub}/Model/Churn"
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "risk"}]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "test"}])
    sagemaker.import_hub_content(**content(hub))
    sagemaker.delete_hub_content(**named(hub, HubContentVersion="1.0.0"))
    assert len(sagemaker.list_tags(ResourceArn=arn)["Tags"]) == 2


def test_a_reference_shows_its_public_model_and_minimum_version(sagemaker: Any, hub: str) -> None:
    answer = sagemaker.create_hub_content_reference(HubName=hub, SageMakerPublicHubContentArn=PUBLIC)
    assert answer["HubContentArn"] == f"{PREFIX}:hub-content/{hub}/ModelReference/some-model/1.0.0"
    reference = {"HubName": hub, "HubContentName": "some-model", "HubContentType": "ModelReference"}
    shown = sagemaker.describe_hub_content(**reference)
    assert (shown["SageMakerPublicHubContentArn"], shown["HubContentStatus"]) == (PUBLIC, "Available")
    assert "ReferenceMinVersion" not in shown
    again = refusal(sagemaker.create_hub_content_reference, HubName=hub, SageMakerPublicHubContentArn=PUBLIC)
    assert again[0] == "ResourceInUse"
    sagemaker.update_hub_content_reference(**reference, MinVersion="2.1.0")
    for version in ("0.9.0", "2.1.0"):
        sagemaker.update_hub_content_reference(**reference, MinVersion=version)
    shown = sagemaker.describe_hub_content(**reference)
    assert (shown["ReferenceMinVersion"], shown["HubContentVersion"]) == ("2.1.0", "2.1.0")
    found = sagemaker.list_hub_contents(HubName=hub, HubContentType="ModelReference")
    assert listed(found) == [("some-model", "2.1.0")]
    assert refusal(sagemaker.delete_hub_content, **reference, HubContentVersion="2.1.0")[0] == "ValidationException"
    sagemaker.delete_hub_content_reference(**reference)
    assert refusal(sagemaker.describe_hub_content, **reference)[0] == "ResourceNotFound"
    sagemaker.create_hub_content_reference(
        HubName=hub, SageMakerPublicHubContentArn=PUBLIC, HubContentName="Mine", MinVersion="3.0.0"
    )
    mine = sagemaker.describe_hub_content(**reference | {"HubContentName": "Mine"})
    assert mine["ReferenceMinVersion"] == "3.0.0"


def test_presigned_urls_give_the_files_of_a_content(sagemaker: Any, s3: Any, hub: str, bucket: str) -> None:
    files = {"churn/model/model.tar.gz": b"model", "churn/model/code/a b+ä.py": b"code", "churn/data.csv": b"1,2"}
    for key, body in files.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    s3.put_object(Bucket=bucket, Key="churn/data.csv.bak", Body=b"not named")
    document = {
        "HostingArtifactUri": f"s3://{bucket}/churn/model/",
        "Defaults": [{"Data": f"s3://{bucket}/churn/data.csv"}, {"Gone": f"s3://{bucket}-none/x"}],
    }
    sagemaker.import_hub_content(**content(hub, HubContentDocument=json.dumps(document)))
    pages = list(
        sagemaker.get_paginator("create_hub_content_presigned_urls").paginate(
            **named(hub), PaginationConfig={"PageSize": 2}
        )
    )
    assert [len(page["AuthorizedUrlConfigs"]) for page in pages] == [2, 1]
    found = {}
    for entry in [entry for page in pages for entry in page["AuthorizedUrlConfigs"]]:
        assert "X-Amz-Expires=900" in entry["Url"]
        with urllib.request.urlopen(entry["Url"], timeout=10) as answer:
            found[entry["LocalPath"]] = answer.read()
    assert found == {"/model.tar.gz": b"model", "/code/a b+ä.py": b"code", "/data.csv": b"1,2"}
    only = sagemaker.create_hub_content_presigned_urls(
        **named(hub), AccessConfig={"ExpectedS3Url": f"s3://{bucket}/churn/data"}
    )
    assert [entry["LocalPath"] for entry in only["AuthorizedUrlConfigs"]] == ["/data.csv"]


def test_presigned_urls_are_refused_for_gated_unexpected_and_absent_files(
    sagemaker: Any, s3: Any, hub: str, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=b"model")
    gated = {"GatedBucket": True, "HostingArtifactUri": f"s3://{bucket}/model.tar.gz"}
    sagemaker.import_hub_content(**content(hub, HubContentDocument=json.dumps(gated)))
    sagemaker.import_hub_content(**content(hub, "Empty"))
    create = sagemaker.create_hub_content_presigned_urls
    assert "AcceptEula" in refusal(create, **named(hub))[1]
    assert len(create(**named(hub), AccessConfig={"AcceptEula": True})["AuthorizedUrlConfigs"]) == 1
    other = refusal(create, **named(hub), AccessConfig={"AcceptEula": True, "ExpectedS3Url": "s3://other/"})
    assert other[0] == "ValidationException"
    assert refusal(create, **named(hub, "Empty"))[0] == "ValidationException"
    assert refusal(create, **named(hub, "None"))[0] == "ResourceNotFound"


def test_search_finds_a_content_at_its_newest_version(sagemaker: Any, hub: str) -> None:
    for version in ("1.0.0", "2.0.0"):
        sagemaker.import_hub_content(**content(hub, HubContentVersion=version))
    filters = [{"Name": "HubName", "Operator": "Equals", "Value": hub}]
    found = sagemaker.search(Resource="HubContent", SearchExpression={"Filters": filters})["Results"]
    assert [result["HubContent"]["HubContentVersion"] for result in found] == ["2.0.0"]
