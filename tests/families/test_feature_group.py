"""Feature groups and the metadata of their features, by boto3 on a live server."""

from typing import Any

import pytest

from tests.conftest import ACCOUNT, REGION, ROLE, Server
from tests.families.feature_store import DEFINITIONS, ONLINE, Make, maker, read, refused, values


@pytest.fixture(scope="session")
def runtime(server: Server) -> Any:
    return server.client("sagemaker-featurestore-runtime")


@pytest.fixture
def make(sagemaker: Any, unique: str) -> Make:
    return maker(sagemaker, unique)


# -- feature groups ---------------------------------------------------------------------------------------------------


def test_a_created_group_describes_itself(sagemaker: Any, make: Make) -> None:
    name = make(
        Description="what customers spend",
        OnlineStoreConfig=ONLINE | {"TtlDuration": {"Unit": "Weeks", "Value": 2}},
        Tags=[{"Key": "team", "Value": "risk"}],
    )
    group = sagemaker.describe_feature_group(FeatureGroupName=name)
    assert group["FeatureGroupArn"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/{name.lower()}"
    assert group["FeatureDefinitions"] == DEFINITIONS
    assert (group["RecordIdentifierFeatureName"], group["EventTimeFeatureName"]) == ("customer", "time")
    assert group["OnlineStoreConfig"] == {
        "EnableOnlineStore": True,
        "StorageType": "Standard",
        "TtlDuration": {"Unit": "Weeks", "Value": 2},
    }
    assert group["ThroughputConfig"] == {"ThroughputMode": "OnDemand"}
    assert group["OfflineStoreStatus"] == {"Status": "Disabled"}
    assert (group["NextToken"], group["OnlineStoreTotalSizeBytes"]) == ("", 0)
    assert sagemaker.describe_feature_group(FeatureGroupName=group["FeatureGroupArn"])["FeatureGroupName"] == name
    assert sagemaker.list_tags(ResourceArn=group["FeatureGroupArn"])["Tags"] == [{"Key": "team", "Value": "risk"}]


def test_a_token_that_no_description_gave_is_refused(sagemaker: Any, make: Make) -> None:
    name = make()
    refused(sagemaker.describe_feature_group, "ValidationException", "NextToken", FeatureGroupName=name, NextToken="x")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"RecordIdentifierFeatureName": "nobody"}, ["RecordIdentifierFeatureName", "nobody", "FeatureDefinitions"]),
        ({"EventTimeFeatureName": "never"}, ["EventTimeFeatureName", "never"]),
        ({"EventTimeFeatureName": "customer"}, ["customer", "both"]),
        (
            {"FeatureDefinitions": [*DEFINITIONS[:1], {"FeatureName": "time", "FeatureType": "Integral"}]},
            ["time", "Integral", "Fractional"],
        ),
        ({"FeatureDefinitions": [*DEFINITIONS, DEFINITIONS[2]]}, ["city", "more than once"]),
        (
            {"FeatureDefinitions": [*DEFINITIONS, {"FeatureName": "CITY", "FeatureType": "String"}]},
            ["CITY", "more than once"],
        ),
        *(
            ({"FeatureDefinitions": [*DEFINITIONS, {"FeatureName": name, "FeatureType": "String"}]}, [name, "reserved"])
            for name in ("is_deleted", "write_time", "api_invocation_time")
        ),
        (
            {
                "FeatureDefinitions": [
                    *DEFINITIONS,
                    {"FeatureName": "tags", "FeatureType": "String", "CollectionType": "List"},
                ]
            },
            ["tags", "List", "InMemory"],
        ),
        ({"OnlineStoreConfig": None}, ["at least one store"]),
        ({"OnlineStoreConfig": {"EnableOnlineStore": False}}, ["at least one store"]),
        ({"OnlineStoreConfig": ONLINE | {"TtlDuration": {"Unit": "Days"}}}, ["TtlDuration", "Value"]),
        ({"OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://bucket/"}}}, ["RoleArn"]),
        ({"ThroughputConfig": {"ThroughputMode": "Provisioned"}}, ["ProvisionedReadCapacityUnits"]),
        ({"ThroughputConfig": {"ThroughputMode": "OnDemand", "ProvisionedReadCapacityUnits": 5}}, ["OnDemand"]),
        ({"FeatureDefinitions": [{"FeatureName": f"f{n}", "FeatureType": "String"} for n in range(2501)]}, ["2500"]),
    ],
)
def test_a_group_that_breaks_a_rule_is_refused_and_not_made(
    sagemaker: Any, make: Make, unique: str, change: dict[str, Any], words: list[str]
) -> None:
    refused(make, "ValidationException", *words, **change)
    refused(sagemaker.describe_feature_group, "ResourceNotFound", unique, FeatureGroupName=unique)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ({"FeatureType": "Fractional", "CollectionType": "Vector"}, ["Dimension"]),
        (
            {
                "FeatureType": "String",
                "CollectionType": "Vector",
                "CollectionConfig": {"VectorConfig": {"Dimension": 3}},
            },
            ["Fractional"],
        ),
        (
            {"FeatureType": "String", "CollectionType": "Set", "CollectionConfig": {"VectorConfig": {"Dimension": 3}}},
            ["Vector"],
        ),
    ],
)
def test_a_collection_that_breaks_a_rule_is_refused(make: Make, feature: dict[str, Any], words: list[str]) -> None:
    refused(
        make,
        "ValidationException",
        "embedding",
        *words,
        FeatureDefinitions=[*DEFINITIONS, {"FeatureName": "embedding", **feature}],
        OnlineStoreConfig=ONLINE | {"StorageType": "InMemory"},
    )


def test_a_name_that_is_taken_is_refused_in_aws_words(make: Make) -> None:
    name = make()
    message = refused(make, "ResourceInUse")
    assert message == (
        f"Resource Already Exists: FeatureGroup with name {name} already exists. Choose a different name.\n"
        f"Info: Feature Group '{name}' already exists."
    )


def test_groups_are_listed_filtered_and_sorted(sagemaker: Any, make: Make, unique: str, bucket: str) -> None:
    plain = make(FeatureGroupName=f"{unique}-a")
    offline = make(
        FeatureGroupName=f"{unique}-b",
        OnlineStoreConfig=None,
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": f"s3://{bucket}/"}},
        RoleArn=ROLE,
    )

    def names(**request: Any) -> list[str]:
        answer = sagemaker.list_feature_groups(NameContains=unique, **request)
        return [one["FeatureGroupName"] for one in answer["FeatureGroupSummaries"]]

    assert names() == [offline, plain]
    assert names(SortBy="Name", SortOrder="Ascending") == [plain, offline]
    assert names(SortBy="FeatureGroupStatus", SortOrder="Ascending") == [plain, offline]
    assert names(SortBy="OfflineStoreStatus", SortOrder="Ascending") == [offline, plain]
    assert names(OfflineStoreStatusEquals="Active") == [offline]
    assert names(OfflineStoreStatusEquals="Disabled") == [plain]
    assert names(FeatureGroupStatusEquals="Created") == [offline, plain]
    assert names(FeatureGroupStatusEquals="CreateFailed") == []
    for sort in ("Name", "OfflineStoreStatus"):
        pages = sagemaker.get_paginator("list_feature_groups").paginate(
            NameContains=unique, SortBy=sort, PaginationConfig={"PageSize": 1}
        )
        assert [[one["FeatureGroupName"] for one in page["FeatureGroupSummaries"]] for page in pages] == (
            [[offline], [plain]] if sort == "Name" else [[plain], [offline]]
        )
    found = sagemaker.list_feature_groups(NameContains=unique, OfflineStoreStatusEquals="Active")
    assert found["FeatureGroupSummaries"][0]["OfflineStoreStatus"] == {"Status": "Active"}


def test_features_are_added_and_records_have_them_at_once(sagemaker: Any, runtime: Any, make: Make) -> None:
    name = make()
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=1))
    sagemaker.update_feature_group(
        FeatureGroupName=name, FeatureAdditions=[{"FeatureName": "visits", "FeatureType": "Integral"}]
    )
    group = sagemaker.describe_feature_group(FeatureGroupName=name)
    assert group["FeatureDefinitions"][-1] == {"FeatureName": "visits", "FeatureType": "Integral"}
    assert group["LastUpdateStatus"] == {"Status": "Successful"}
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=2, visits=7))
    assert read(runtime, name, "1") == {"customer": "1", "time": "2", "visits": "7"}
    metadata = sagemaker.describe_feature_metadata(FeatureGroupName=name, FeatureName="visits")
    assert metadata["FeatureType"] == "Integral"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ["FeatureAdditions", "one of"]),
        (
            {
                "FeatureAdditions": [{"FeatureName": "a", "FeatureType": "String"}],
                "ThroughputConfig": {"ThroughputMode": "OnDemand"},
            },
            ["FeatureAdditions and ThroughputConfig"],
        ),
        ({"FeatureAdditions": [{"FeatureName": "city", "FeatureType": "String"}]}, ["city", "more than once"]),
        ({"FeatureAdditions": [{"FeatureName": "write_time", "FeatureType": "String"}]}, ["write_time", "reserved"]),
        (
            {"FeatureAdditions": [{"FeatureName": "a", "FeatureType": "String", "CollectionType": "Set"}]},
            ["InMemory"],
        ),
        ({"OnlineStoreConfig": {"StorageType": "InMemory"}}, ["Standard", "InMemory"]),
        ({"OnlineStoreConfig": {"TtlDuration": {"Value": 1}}}, ["Unit"]),
        ({"ThroughputConfig": {"ThroughputMode": "Provisioned", "ProvisionedReadCapacityUnits": 1}}, ["Write"]),
    ],
)
def test_an_update_that_breaks_a_rule_is_refused_and_changes_nothing(
    sagemaker: Any, make: Make, change: dict[str, Any], words: list[str]
) -> None:
    name = make()
    before = sagemaker.describe_feature_group(FeatureGroupName=name)
    refused(sagemaker.update_feature_group, "ValidationException", *words, FeatureGroupName=name, **change)
    after = sagemaker.describe_feature_group(FeatureGroupName=name)
    del before["ResponseMetadata"], after["ResponseMetadata"]
    assert after == before


def test_throughput_is_switched_to_on_demand_once_a_day(sagemaker: Any, make: Make) -> None:
    provisioned = {
        "ThroughputMode": "Provisioned",
        "ProvisionedReadCapacityUnits": 10,
        "ProvisionedWriteCapacityUnits": 20,
    }
    name = make(ThroughputConfig=provisioned)
    on_demand = {"ThroughputMode": "OnDemand"}
    sagemaker.update_feature_group(FeatureGroupName=name, ThroughputConfig=on_demand)
    assert sagemaker.describe_feature_group(FeatureGroupName=name)["ThroughputConfig"] == on_demand
    sagemaker.update_feature_group(FeatureGroupName=name, ThroughputConfig=provisioned)
    assert sagemaker.describe_feature_group(FeatureGroupName=name)["ThroughputConfig"] == provisioned
    sagemaker.update_feature_group(FeatureGroupName=name, ThroughputConfig={"ProvisionedReadCapacityUnits": 30})
    throughput = sagemaker.describe_feature_group(FeatureGroupName=name)["ThroughputConfig"]
    assert throughput == provisioned | {"ProvisionedReadCapacityUnits": 30}
    refused(
        sagemaker.update_feature_group,
        "ValidationException",
        "24 hour",
        FeatureGroupName=name,
        ThroughputConfig=on_demand,
    )


def test_a_deleted_group_takes_its_online_records_along(sagemaker: Any, runtime: Any, make: Make) -> None:
    name = make()
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=1))
    sagemaker.delete_feature_group(FeatureGroupName=name)
    text = f"Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name {name}"
    assert refused(sagemaker.describe_feature_group, "ResourceNotFound", FeatureGroupName=name) == text
    assert refused(sagemaker.delete_feature_group, "ResourceNotFound", FeatureGroupName=name) == text
    found = {"FeatureGroupName": name, "RecordIdentifierValueAsString": "1"}
    assert refused(runtime.get_record, "ResourceNotFound", **found) == text
    put = {"FeatureGroupName": name, "Record": values(customer=1, time=1)}
    assert refused(runtime.put_record, "ValidationError", **put) == text
    make()
    assert read(runtime, name, "1") is None


# -- metadata ---------------------------------------------------------------------------------------------------------


def test_metadata_of_a_feature_is_updated_and_found(sagemaker: Any, make: Make) -> None:
    name = make()
    city = {"FeatureGroupName": name, "FeatureName": "city"}
    fresh = sagemaker.describe_feature_metadata(**city)
    assert (fresh["FeatureName"], fresh["FeatureType"]) == ("city", "String")
    assert "Description" not in fresh and not fresh.get("Parameters")
    pairs = [{"Key": "unit", "Value": "name"}, {"Key": "source", "Value": "crm"}]
    sagemaker.update_feature_metadata(**city, Description="where they live", ParameterAdditions=pairs)
    sagemaker.update_feature_metadata(
        **city, ParameterRemovals=["unit"], ParameterAdditions=[{"Key": "source", "Value": "erp"}]
    )
    seen = sagemaker.describe_feature_metadata(**city)
    assert seen["Description"] == "where they live"
    assert seen["Parameters"] == [{"Key": "source", "Value": "erp"}]
    assert seen["LastModifiedTime"] > fresh["LastModifiedTime"]
    expression = {
        "Filters": [
            {"Name": "FeatureGroupName", "Operator": "Equals", "Value": name},
            {"Name": "Description", "Operator": "Contains", "Value": "live"},
        ]
    }
    found = sagemaker.search(Resource="FeatureMetadata", SearchExpression=expression)["Results"]
    assert [one["FeatureMetadata"]["FeatureName"] for one in found] == ["city"]
    everything = sagemaker.search(
        Resource="FeatureMetadata", SearchExpression={"Filters": expression["Filters"][:1]}, MaxResults=10
    )["Results"]
    assert {one["FeatureMetadata"]["FeatureName"] for one in everything} == {"customer", "time", "city", "spent"}


def test_groups_are_found_by_search(sagemaker: Any, make: Make) -> None:
    name = make(Tags=[{"Key": "owner", "Value": "search-test"}])
    expression = {"Filters": [{"Name": "Tags.owner", "Operator": "Equals", "Value": "search-test"}]}
    found = sagemaker.search(Resource="FeatureGroup", SearchExpression=expression)["Results"]
    assert [one["FeatureGroup"]["FeatureGroupName"] for one in found] == [name]
    assert found[0]["FeatureGroup"]["FeatureDefinitions"] == DEFINITIONS


def test_metadata_refuses_what_is_not_there_and_too_much(sagemaker: Any, make: Make) -> None:
    name = make()
    for call in (sagemaker.describe_feature_metadata, sagemaker.update_feature_metadata):
        refused(call, "ResourceNotFound", "nothing", FeatureGroupName=name, FeatureName="nothing")
        refused(call, "ResourceNotFound", f"{name}-x", FeatureGroupName=f"{name}-x", FeatureName="city")
    city = {"FeatureGroupName": name, "FeatureName": "city"}
    pairs = [{"Key": f"k{n}", "Value": "v"} for n in range(25)]
    sagemaker.update_feature_metadata(**city, ParameterAdditions=pairs)
    more = [{"Key": "more", "Value": "v"}]
    refused(sagemaker.update_feature_metadata, "ValidationException", "25", **city, ParameterAdditions=more)
    assert len(sagemaker.describe_feature_metadata(**city)["Parameters"]) == 25
