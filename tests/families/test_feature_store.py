"""Records of the feature store, by boto3 on a live server: online, offline, their time to live and their safety."""

import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROLE, Server, eventually, free_port, start_server
from tests.families.feature_store import (
    DEFINITIONS,
    ONLINE,
    Make,
    delete,
    expiry,
    maker,
    offline_rows,
    read,
    refused,
    shown,
    values,
    wait_for,
)


@pytest.fixture(scope="session")
def runtime(server: Server) -> Any:
    return server.client("sagemaker-featurestore-runtime")


@pytest.fixture
def make(sagemaker: Any, unique: str) -> Make:
    return maker(sagemaker, unique)


# -- records ----------------------------------------------------------------------------------------------------------


def test_a_record_is_put_and_read_whole_or_in_part(sagemaker: Any, runtime: Any, make: Make) -> None:
    name = make()
    record = values(customer=-7, time=1700000000.25, city="Graz, Österreich 🏔", spent="1.5e3")
    runtime.put_record(FeatureGroupName=name, Record=record)
    answer = runtime.get_record(FeatureGroupName=name, RecordIdentifierValueAsString="-7")
    assert answer["Record"] == record
    assert "ExpiresAt" not in answer
    assert read(runtime, name, "-7", FeatureNames=["city", "spent"]) == {
        "city": "Graz, Österreich 🏔",
        "spent": "1.5e3",
    }
    arn = sagemaker.describe_feature_group(FeatureGroupName=name)["FeatureGroupArn"]
    assert read(runtime, arn, "-7", FeatureNames=["customer"]) == {"customer": "-7"}
    assert read(runtime, name, "8") is None
    size = sagemaker.describe_feature_group(FeatureGroupName=name)["OnlineStoreTotalSizeBytes"]
    assert 50 < size < 500


def test_an_older_event_time_never_overwrites_a_newer_one(runtime: Any, make: Make) -> None:
    name = make()
    for moment, city in ((20, "new"), (10, "old"), (20, "same"), (20.5, "newest"), (20.25, "late")):
        runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=moment, city=city))
    assert read(runtime, name, "1") == {"customer": "1", "time": "20.5", "city": "newest"}


def test_event_times_may_be_iso_8601(runtime: Any, make: Make) -> None:
    name = make(FeatureDefinitions=[DEFINITIONS[0], {"FeatureName": "time", "FeatureType": "String"}, *DEFINITIONS[2:]])
    for moment, city in (
        ("2026-01-31T12:00:00Z", "first"),
        ("2026-01-31T12:00:00.001Z", "second"),
        ("2026-01-31T11:59:59.999Z", "late"),
    ):
        runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=moment, city=city))
    assert read(runtime, name, "1", FeatureNames=["city"]) == {"city": "second"}
    for wrong in (
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00:00+01:00",
        "2026-02-30T12:00:00Z",
        "1700000000",
    ):
        record = values(customer=1, time=wrong)
        refused(runtime.put_record, "ValidationError", wrong, "ISO-8601", FeatureGroupName=name, Record=record)
    assert read(runtime, name, "1", FeatureNames=["city"]) == {"city": "second"}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (values(time=1), ["customer", "record identifier"]),
        (values(customer=1), ["time", "event time"]),
        (values(customer=1, time=1, country="AT"), ["country", "not defined"]),
        (values(customer="1.5", time=1), ["customer", "1.5", "Integral"]),
        (values(customer="", time=1), ["customer", "Integral"]),
        (values(customer=2**63, time=1), ["customer", "64 bits"]),
        (values(customer=1, time="yesterday"), ["time", "yesterday", "Fractional"]),
        (values(customer=1, time=1_700_000_000_000), ["time", "milliseconds"]),
        (values(customer=1, time="NaN"), ["time", "NaN"]),
        (values(customer=1, time=1, spent="much"), ["spent", "much", "Fractional"]),
        (values(customer=1, time=1, city=["Graz"]), ["city", "ValueAsString"]),
        ([*values(customer=1, time=1), {"FeatureName": "city"}], ["city", "ValueAsString"]),
        ([*values(customer=1, time=1), *values(time=2)], ["time", "more than once"]),
        (values(customer=1, time=1, city="x" * 358_400), ["358400"]),
    ],
)
def test_a_record_that_breaks_a_rule_is_refused_and_changes_nothing(
    runtime: Any, make: Make, record: list[dict[str, Any]], words: list[str]
) -> None:
    name = make()
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=0, city="kept"))
    refused(runtime.put_record, "ValidationError", *words, FeatureGroupName=name, Record=record)
    assert read(runtime, name, "1") == {"customer": "1", "time": "0", "city": "kept"}


def test_identifiers_have_two_kilobytes_at_most(runtime: Any, make: Make) -> None:
    definitions = [{"FeatureName": "customer", "FeatureType": "String"}, *DEFINITIONS[1:]]
    name = make(FeatureDefinitions=definitions)
    longest = "ä" * 1024
    runtime.put_record(FeatureGroupName=name, Record=values(customer=longest, time=1))
    assert read(runtime, name, longest, FeatureNames=["time"]) == {"time": "1"}
    for wrong in (longest + "x", ""):
        record = values(customer=wrong, time=1)
        refused(runtime.put_record, "ValidationError", "customer", "2048", FeatureGroupName=name, Record=record)


def test_collections_are_lists_sets_and_vectors(runtime: Any, make: Make) -> None:
    vector = {"CollectionType": "Vector", "CollectionConfig": {"VectorConfig": {"Dimension": 3}}}
    name = make(
        OnlineStoreConfig=ONLINE | {"StorageType": "InMemory"},
        FeatureDefinitions=[
            *DEFINITIONS,
            {"FeatureName": "visited", "FeatureType": "String", "CollectionType": "List"},
            {"FeatureName": "codes", "FeatureType": "Integral", "CollectionType": "Set"},
            {"FeatureName": "embedding", "FeatureType": "Fractional", **vector},
        ],
    )
    runtime.put_record(
        FeatureGroupName=name,
        Record=values(
            customer=1, time=1, visited=["a", "b", "a"], codes=["1", "2", "1"], embedding=["0.1", "2", "-3e-1"]
        ),
    )
    assert read(runtime, name, "1") == {
        "customer": "1",
        "time": "1",
        "visited": ["a", "b", "a"],
        "codes": ["1", "2"],
        "embedding": ["0.1", "2", "-3e-1"],
    }
    for wrong, words in (
        ({"embedding": ["1", "2"]}, ["embedding", "Dimension 3"]),
        ({"embedding": ["1", "2", "x"]}, ["embedding", "x"]),
        ({"codes": ["1", "one"]}, ["codes", "one"]),
        ({"visited": "a"}, ["visited", "ValueAsStringList"]),
    ):
        record = values(customer=1, time=2, **wrong)
        refused(runtime.put_record, "ValidationError", *words, FeatureGroupName=name, Record=record)
    assert read(runtime, name, "1", FeatureNames=["time"]) == {"time": "1"}


def test_target_stores_say_where_a_record_goes(runtime: Any, make: Make, bucket: str) -> None:
    name = make(OfflineStoreConfig={"S3StorageConfig": {"S3Uri": f"s3://{bucket}/"}}, RoleArn=ROLE)
    record = values(customer=1, time=1)
    runtime.put_record(FeatureGroupName=name, Record=record, TargetStores=["OfflineStore"])
    assert read(runtime, name, "1") is None
    runtime.put_record(FeatureGroupName=name, Record=record, TargetStores=["OnlineStore"])
    assert read(runtime, name, "1") == {"customer": "1", "time": "1"}


def test_the_offline_store_gets_everything_that_happened(
    server: Server, s3: Any, sagemaker: Any, runtime: Any, make: Make, bucket: str
) -> None:
    name = make(
        OnlineStoreConfig=ONLINE | {"StorageType": "Standard_V2"},
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": f"s3://{bucket}/"}},
        RoleArn=ROLE,
    )
    now = int(server.get("/_sageyard/clock")["epoch"])
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=20, city="new"))
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=10, city="historic"))
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=30), TargetStores=["OnlineStore"])
    wanted = {"FeatureGroupName": name, "RecordIdentifierValueAsString": "1"}
    runtime.update_record(**wanted, Features=values(time=40, city="updated"))
    delete(runtime, name, "1", 35)
    delete(runtime, name, "1", 50)
    refused(runtime.delete_record, "ValidationError", **wanted, EventTime="45", DeletionMode="HardDelete")
    delete(runtime, name, "1", 60, DeletionMode="HardDelete")
    runtime.put_record(
        FeatureGroupName=name,
        Record=values(customer=2, time=now - 100, city="expired"),
        TtlDuration={"Unit": "Seconds", "Value": 100},
    )
    expected = [
        (1, 10.0, "historic", False),
        (1, 20.0, "new", False),
        (1, 35.0, None, True),
        (1, 40.0, "updated", False),
        (1, 50.0, None, True),
        (1, 60.0, None, True),
        (2, now - 100.0, "expired", False),
        (2, float(now), None, True),
    ]
    eventually(lambda: len(offline_rows(s3, sagemaker, name)) >= len(expected), 20, "the offline store")
    assert offline_rows(s3, sagemaker, name) == expected
    objects = s3.list_objects_v2(Bucket=bucket)["KeyCount"]
    sagemaker.delete_feature_group(FeatureGroupName=name)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == objects, "offline data stay"


def test_a_store_that_a_group_does_not_have_is_refused(runtime: Any, make: Make, unique: str, bucket: str) -> None:
    online = make()
    offline = make(
        FeatureGroupName=f"{unique}-b",
        OnlineStoreConfig=None,
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": f"s3://{bucket}/"}},
        RoleArn=ROLE,
    )
    record = values(customer=1, time=1)
    for name, store in ((online, "OfflineStore"), (offline, "OnlineStore")):
        refused(
            runtime.put_record,
            "ValidationError",
            store,
            name,
            FeatureGroupName=name,
            Record=record,
            TargetStores=[store],
        )
    wanted = {"FeatureGroupName": offline, "RecordIdentifierValueAsString": "1"}
    refused(runtime.get_record, "ValidationError", "no online store", **wanted)
    refused(runtime.list_records, "ValidationError", "no online store", FeatureGroupName=offline)


def test_a_batch_is_read_with_its_errors(runtime: Any, make: Make) -> None:
    name = make()
    for customer in (1, 2):
        runtime.put_record(FeatureGroupName=name, Record=values(customer=customer, time=1, city=f"c{customer}"))
    answer = runtime.batch_get_record(
        Identifiers=[
            {"FeatureGroupName": name, "RecordIdentifiersValueAsString": ["2", "9", "1"], "FeatureNames": ["city"]},
            {"FeatureGroupName": name, "RecordIdentifiersValueAsString": ["1"], "FeatureNames": ["nothing"]},
            {"FeatureGroupName": f"{name}-x", "RecordIdentifiersValueAsString": ["1"]},
        ]
    )
    assert [(one["RecordIdentifierValueAsString"], shown(one)) for one in answer["Records"]] == [
        ("2", {"city": "c2"}),
        ("1", {"city": "c1"}),
    ]
    assert [one["ErrorCode"] for one in answer["Errors"]] == ["ValidationError", "ResourceNotFound"]
    assert "nothing" in answer["Errors"][0]["ErrorMessage"]
    assert answer["UnprocessedIdentifiers"] == []


def test_a_batch_is_written_but_for_what_is_refused(runtime: Any, make: Make) -> None:
    name = make()
    bad = {"FeatureGroupName": name, "Record": values(customer="x", time=1)}
    lost = {"FeatureGroupName": f"{name}-x", "Record": values(customer=1, time=1)}
    now = int(time.time())
    answer = runtime.batch_write_record(
        Entries=[
            {"FeatureGroupName": name, "Record": values(customer=1, time=now, city="Graz")},
            bad,
            lost,
            {
                "FeatureGroupName": name,
                "Record": values(customer=2, time=now),
                "TtlDuration": {"Unit": "Hours", "Value": 1},
            },
            {"FeatureGroupName": name, "Record": values(customer=1, time=now - 1, city="old")},
        ],
        TtlDuration={"Unit": "Days", "Value": 1},
    )
    assert [one["Entry"] for one in answer["Errors"]] == [bad, lost]
    assert [one["ErrorCode"] for one in answer["Errors"]] == ["ValidationError", "ResourceNotFound"]
    assert answer["UnprocessedEntries"] == []
    assert read(runtime, name, "1", FeatureNames=["city"]) == {"city": "Graz"}
    for identifier, seconds in (("1", 86400), ("2", 3600)):
        assert expiry(runtime, name, identifier) == now + seconds


def test_identifiers_are_listed_in_pages(runtime: Any, make: Make) -> None:
    name = make()
    for customer in range(5):
        runtime.put_record(FeatureGroupName=name, Record=values(customer=customer, time=1))
    delete(runtime, name, "3", 2)
    pages, token = [], {}
    while True:
        answer = runtime.list_records(FeatureGroupName=name, MaxResults=2, **token)
        pages.append(answer["RecordIdentifiers"])
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert pages == [["0", "1"], ["2", "4"]]
    whole = runtime.list_records(FeatureGroupName=name, IncludeSoftDeletedRecords=True)
    assert whole["RecordIdentifiers"] == ["0", "1", "2", "3", "4"]
    refused(runtime.list_records, "ValidationError", "NextToken", FeatureGroupName=name, NextToken="nonsense")
    refused(runtime.list_records, "ResourceNotFound", f"{name}-x", FeatureGroupName=f"{name}-x")


# -- deletions --------------------------------------------------------------------------------------------------------


def test_a_soft_deletion_counts_by_its_event_time(runtime: Any, make: Make) -> None:
    name = make()
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=10))
    delete(runtime, name, "1", 10)
    assert read(runtime, name, "1") is not None, "a deletion that is not later deletes nothing"
    delete(runtime, name, "1", 20)
    assert read(runtime, name, "1") is None
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=15))
    assert read(runtime, name, "1") is None, "a record older than the deletion stays away"
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=21))
    assert read(runtime, name, "1") == {"customer": "1", "time": "21"}


def test_a_hard_deletion_leaves_nothing_and_must_be_later(sagemaker: Any, runtime: Any, make: Make) -> None:
    name = make()
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=10))
    hard = {"DeletionMode": "HardDelete"}
    request = {"FeatureGroupName": name, "RecordIdentifierValueAsString": "1", "EventTime": "10", **hard}
    refused(runtime.delete_record, "ValidationError", "EventTime", "HardDelete", **request)
    assert read(runtime, name, "1") is not None
    delete(runtime, name, "1", 20, **hard)
    assert read(runtime, name, "1") is None
    assert runtime.list_records(FeatureGroupName=name, IncludeSoftDeletedRecords=True)["RecordIdentifiers"] == []
    assert sagemaker.describe_feature_group(FeatureGroupName=name)["OnlineStoreTotalSizeBytes"] == 0
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=5))
    assert read(runtime, name, "1") == {"customer": "1", "time": "5"}, "nothing remembers the deletion"


def test_a_deletion_that_breaks_a_rule_is_refused(runtime: Any, make: Make) -> None:
    name = make()
    for request, words in (
        ({"RecordIdentifierValueAsString": "x", "EventTime": "1"}, ["customer", "Integral"]),
        ({"RecordIdentifierValueAsString": "1", "EventTime": "noon"}, ["time", "noon"]),
        ({"RecordIdentifierValueAsString": "1", "EventTime": "1", "TargetStores": ["OfflineStore"]}, ["OfflineStore"]),
    ):
        refused(runtime.delete_record, "ValidationError", *words, FeatureGroupName=name, **request)
    request = {"RecordIdentifierValueAsString": "1", "EventTime": "1"}
    refused(runtime.delete_record, "ValidationError", "can't find", FeatureGroupName=f"{name}-x", **request)


# -- updates of records -----------------------------------------------------------------------------------------------


def test_an_update_changes_the_features_it_names(sagemaker: Any, runtime: Any, make: Make) -> None:
    name = make(OnlineStoreConfig=ONLINE | {"StorageType": "Standard_V2"})
    wanted = {"FeatureGroupName": name, "RecordIdentifierValueAsString": "1"}
    refused(runtime.update_record, "ResourceNotFound", "PutRecord", **wanted, Features=values(city="Graz"))
    now = int(time.time())
    runtime.put_record(
        FeatureGroupName=name,
        Record=values(customer=1, time=now, city="Graz", spent=1),
        TtlDuration={"Unit": "Hours", "Value": 1},
    )
    runtime.update_record(**wanted, Features=values(city="Linz"))
    assert read(runtime, name, "1") == {"customer": "1", "time": str(now), "city": "Linz", "spent": "1"}
    assert expiry(runtime, name, "1") == now + 3600
    runtime.update_record(**wanted, Features=values(spent=2, time=now + 60))
    assert read(runtime, name, "1") == {"customer": "1", "time": str(now + 60), "city": "Linz", "spent": "2"}
    assert expiry(runtime, name, "1") == now + 3660
    ttl = {"Unit": "Minutes", "Value": 5}
    runtime.update_record(**wanted, Features=values(time=now + 60), TtlDuration=ttl)
    assert expiry(runtime, name, "1") == now + 360
    conflict = {**wanted, "Features": values(time=now, city="old")}
    refused(runtime.update_record, "ConflictException", str(now), **conflict)
    for features, more, words in (
        (values(city="x"), {"TtlDuration": ttl}, ["TtlDuration", "time"]),
        (values(customer=2), {}, ["customer"]),
        (values(nothing=2), {}, ["nothing"]),
        (values(spent="x"), {}, ["spent"]),
        (values(**{f"f{n}": n for n in range(101)}), {}, ["100"]),
    ):
        refused(runtime.update_record, "ValidationError", *words, **wanted, Features=features, **more)
    assert read(runtime, name, "1", FeatureNames=["city"]) == {"city": "Linz"}
    delete(runtime, name, "1", now + 100)
    refused(runtime.update_record, "ResourceNotFound", "'1'", **wanted, Features=values(city="Graz"))


def test_an_update_cannot_go_to_the_offline_store_alone(runtime: Any, make: Make, bucket: str) -> None:
    name = make(
        OnlineStoreConfig=ONLINE | {"StorageType": "Standard_V2"},
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": f"s3://{bucket}/"}},
        RoleArn=ROLE,
    )
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=1, city="Graz"))
    wanted = {"FeatureGroupName": name, "RecordIdentifierValueAsString": "1", "Features": values(city="Linz")}
    refused(runtime.update_record, "ValidationError", "OnlineStore", **wanted, TargetStores=["OfflineStore"])
    runtime.update_record(**wanted, TargetStores=["OnlineStore"])
    assert read(runtime, name, "1", FeatureNames=["city"]) == {"city": "Linz"}


def test_updates_need_a_storage_type_that_has_them(sagemaker: Any, runtime: Any, make: Make) -> None:
    name = make()
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=1, city="Graz"))
    wanted = {"FeatureGroupName": name, "RecordIdentifierValueAsString": "1", "Features": values(city="Linz")}
    refused(runtime.update_record, "ValidationError", "Standard_V2", **wanted)
    sagemaker.update_feature_group(FeatureGroupName=name, OnlineStoreConfig={"StorageType": "Standard_V2"})
    runtime.update_record(**wanted)
    assert read(runtime, name, "1", FeatureNames=["city"]) == {"city": "Linz"}


# -- time to live -----------------------------------------------------------------------------------------------------


def test_expired_records_vanish_and_are_purged(server: Server, sagemaker: Any, runtime: Any, make: Make) -> None:
    name = make(OnlineStoreConfig=ONLINE | {"StorageType": "Standard_V2"})
    now = server.get("/_sageyard/clock")["epoch"]
    runtime.put_record(
        FeatureGroupName=name, Record=values(customer=1, time=now), TtlDuration={"Unit": "Seconds", "Value": 2}
    )
    runtime.put_record(FeatureGroupName=name, Record=values(customer=2, time=now))
    assert read(runtime, name, "1") is not None
    eventually(lambda: read(runtime, name, "1") is None, 10, "the expiry")
    identifiers = {"FeatureGroupName": name, "RecordIdentifiersValueAsString": ["1", "2"]}
    found = runtime.batch_get_record(Identifiers=[identifiers])["Records"]
    assert [one["RecordIdentifierValueAsString"] for one in found] == ["2"]
    assert runtime.list_records(FeatureGroupName=name)["RecordIdentifiers"] == ["2"]
    wanted = {"FeatureGroupName": name, "RecordIdentifierValueAsString": "1"}
    refused(runtime.update_record, "ResourceNotFound", **wanted, Features=values(city="Graz"))

    def rows() -> list[str]:
        with sqlite3.connect(f"file:{server.state_dir}/features.db?mode=ro", uri=True) as database:
            query = (
                "SELECT identifier FROM online_records JOIN online_stores ON id = store WHERE feature_group_arn LIKE ?"
            )
            return [row[0] for row in database.execute(query, (f"%/{name.lower()}",))]

    eventually(lambda: rows() == ["2"], 10, "the purge")
    runtime.put_record(FeatureGroupName=name, Record=values(customer=1, time=now - 100))
    assert read(runtime, name, "1") is not None, "an expired record no longer counts"


def test_a_groups_time_to_live_is_for_records_put_after_it(sagemaker: Any, runtime: Any, make: Make) -> None:
    name = make()
    now = int(time.time())

    def put(identifier: int, **more: Any) -> float | None:
        runtime.put_record(FeatureGroupName=name, Record=values(customer=identifier, time=now), **more)
        return expiry(runtime, name, str(identifier))

    assert put(1) is None
    day = {"TtlDuration": {"Unit": "Days", "Value": 1}}
    sagemaker.update_feature_group(FeatureGroupName=name, OnlineStoreConfig=day)
    assert put(2) == now + 86400
    assert put(3, TtlDuration={"Unit": "Weeks", "Value": 1}) == now + 7 * 86400
    assert expiry(runtime, name, "1") is None
    batch = {"FeatureGroupName": name, "RecordIdentifiersValueAsString": ["2"]}
    assert "ExpiresAt" not in runtime.batch_get_record(Identifiers=[batch])["Records"][0]
    told = runtime.batch_get_record(Identifiers=[batch], ExpirationTimeResponse="Enabled")["Records"][0]
    assert told["ExpiresAt"] == datetime.fromtimestamp(now + 86400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    sagemaker.update_feature_group(FeatureGroupName=name, OnlineStoreConfig={"TtlDuration": {}})
    assert put(4) is None
    assert "TtlDuration" not in sagemaker.describe_feature_group(FeatureGroupName=name)["OnlineStoreConfig"]


# -- durability -------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_every_acknowledged_record_survives_kill_nine(tmp_path: Path) -> None:
    port = free_port()
    server = start_server(tmp_path, port)
    sagemaker = server.client("sagemaker")
    server.client("s3").create_bucket(Bucket="kept")
    sagemaker.create_feature_group(
        FeatureGroupName="kept",
        RecordIdentifierFeatureName="customer",
        EventTimeFeatureName="time",
        FeatureDefinitions=DEFINITIONS,
        OnlineStoreConfig=ONLINE,
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://kept/"}},
        RoleArn=ROLE,
    )
    wait_for(sagemaker, "kept")
    acknowledged = 0
    for _ in range(3):
        runtime = server.client("sagemaker-featurestore-runtime")
        for _ in range(100):
            runtime.put_record(
                FeatureGroupName="kept", Record=values(customer=acknowledged, time=acknowledged, city="Graz")
            )
            acknowledged += 1
        server.kill()
        server = start_server(tmp_path, port)
    sagemaker, s3 = server.client("sagemaker"), server.client("s3")
    runtime = server.client("sagemaker-featurestore-runtime")
    for customer in range(acknowledged):
        assert read(runtime, "kept", str(customer), FeatureNames=["time"]) == {"time": str(customer)}
    eventually(lambda: len(offline_rows(s3, sagemaker, "kept")) >= acknowledged, 20, "the offline store")
    expected = [(number, float(number), "Graz", False) for number in range(acknowledged)]
    assert offline_rows(s3, sagemaker, "kept") == expected, "nothing is lost, nothing is there twice"
    server.post("/_sageyard/reset")
    refused(runtime.list_records, "ResourceNotFound", "kept", FeatureGroupName="kept")
    server.stop()
