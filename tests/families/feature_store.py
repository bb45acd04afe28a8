"""Feature groups of a test's own, and records as dictionaries."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import duckdb

from tests.conftest import eventually
from tests.families.refusals import refusal

Make = Callable[..., str]
DEFINITIONS = [
    {"FeatureName": "customer", "FeatureType": "Integral"},
    {"FeatureName": "time", "FeatureType": "Fractional"},
    {"FeatureName": "city", "FeatureType": "String"},
    {"FeatureName": "spent", "FeatureType": "Fractional"},
]
ONLINE = {"EnableOnlineStore": True}


def maker(sagemaker: Any, unique: str) -> Make:
    """What creates a feature group, named after the test, and waits for it; it answers the name."""

    def create(**members: Any) -> str:
        request = {
            "FeatureGroupName": unique,
            "RecordIdentifierFeatureName": "customer",
            "EventTimeFeatureName": "time",
            "FeatureDefinitions": DEFINITIONS,
            "OnlineStoreConfig": ONLINE,
        } | members
        sagemaker.create_feature_group(**{name: value for name, value in request.items() if value is not None})
        name = str(request["FeatureGroupName"])
        wait_for(sagemaker, name)
        return name

    return create


def wait_for(sagemaker: Any, name: str) -> None:
    def settled() -> bool:
        return bool(sagemaker.describe_feature_group(FeatureGroupName=name)["FeatureGroupStatus"] == "Created")

    eventually(settled, what=f"the creation of {name}")


def values(**features: Any) -> list[dict[str, Any]]:
    """FeatureValues; a list is the value of a collection."""
    return [
        {"FeatureName": name, "ValueAsStringList": value}
        if isinstance(value, list)
        else {"FeatureName": name, "ValueAsString": str(value)}
        for name, value in features.items()
    ]


def shown(answer: dict[str, Any]) -> dict[str, Any] | None:
    """The record of an answer as a dictionary."""
    record = answer.get("Record")
    if record is None:
        return None
    return {one["FeatureName"]: one.get("ValueAsString", one.get("ValueAsStringList")) for one in record}


def read(runtime: Any, name: str, identifier: str, **more: Any) -> dict[str, Any] | None:
    return shown(runtime.get_record(FeatureGroupName=name, RecordIdentifierValueAsString=identifier, **more))


def refused(call: Callable[..., Any], code: str, *words: str, **request: Any) -> str:
    """The message of a refusal with this code that has all the words."""
    found, message = refusal(call, **request)
    assert found == code, message
    assert [word for word in words if word not in message] == [], message
    return message


def delete(runtime: Any, name: str, identifier: str, event_time: Any, **more: Any) -> None:
    runtime.delete_record(
        FeatureGroupName=name, RecordIdentifierValueAsString=identifier, EventTime=str(event_time), **more
    )


def expiry(runtime: Any, name: str, identifier: str) -> float | None:
    """ExpiresAt of a record in epoch seconds."""
    answer = runtime.get_record(
        FeatureGroupName=name, RecordIdentifierValueAsString=identifier, ExpirationTimeResponse="Enabled"
    )
    at = answer.get("ExpiresAt")
    return None if at is None else datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def offline_rows(s3: Any, sagemaker: Any, name: str) -> list[tuple[Any, ...]]:
    """Customer, time, city and is_deleted of every row of a group's offline store, by event time."""
    config = sagemaker.describe_feature_group(FeatureGroupName=name)["OfflineStoreConfig"]
    bucket, _, prefix = config["S3StorageConfig"]["ResolvedOutputS3Uri"].removeprefix("s3://").partition("/")
    rows = []
    for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
        with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
            s3.download_fileobj(bucket, item["Key"], file)
            file.flush()
            query = f"SELECT customer, time, city, is_deleted FROM '{file.name}'"
            rows += duckdb.sql(query).fetchall()
    return sorted(rows, key=lambda row: row[1])
