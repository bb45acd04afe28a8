"""The offline store, by boto3 on a live server: Parquet in AWS's layout, its Glue table, and Athena over both."""

import asyncio
import json
import os
import random
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from sageyard.aws import open_cloud
from sageyard.clock import ShiftedClock
from sageyard.featurestore.offline import OfflineStore
from sageyard.featurestore.offline_batches import ROWS, STEP, Batch, Batches
from sageyard.featurestore.online import MIGRATIONS
from sageyard.resources.engine import Engine
from sageyard.settings import Settings
from sageyard.store.database import Database
from sageyard.store.resources import Resources, Row

from tests.conftest import ACCOUNT, REGION, ROLE, Server, eventually, free_port, start_server

DEFINITIONS = [
    {"FeatureName": "Customer-Id", "FeatureType": "Integral"},
    {"FeatureName": "at", "FeatureType": "String"},
    {"FeatureName": "city", "FeatureType": "String"},
    {"FeatureName": "spent", "FeatureType": "Fractional"},
]
FIRST, SECOND, THIRD = "2026-11-20T23:59:59Z", "2026-11-21T00:00:00.500Z", "2026-11-21T00:30:00Z"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/g"
LATEST = """
    SELECT "customer-id", city, spent FROM (
        SELECT *, row_number() OVER (
            PARTITION BY "customer-id" ORDER BY at DESC, api_invocation_time DESC, write_time DESC
        ) AS place FROM "{database}"."{table}"
    ) WHERE place = 1 AND NOT is_deleted ORDER BY "customer-id"
"""


class Group:
    """A feature group with an offline store, and what a test does with it."""

    def __init__(self, server: Server, bucket: str, name: str, **members: Any) -> None:
        self.server, self.bucket, self.name = server, bucket, name
        self.sagemaker, self.s3, self.glue = (server.client(each) for each in ("sagemaker", "s3", "glue"))
        self.runtime, self.athena = server.client("sagemaker-featurestore-runtime"), server.client("athena")
        request = {
            "FeatureGroupName": name,
            "RecordIdentifierFeatureName": "Customer-Id",
            "EventTimeFeatureName": "at",
            "FeatureDefinitions": DEFINITIONS,
            "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": f"s3://{bucket}/features/"}},
            "OnlineStoreConfig": {"EnableOnlineStore": True},
            "RoleArn": ROLE,
        }
        self.arn = self.sagemaker.create_feature_group(**(request | members))["FeatureGroupArn"]
        eventually(lambda: self.describe()["FeatureGroupStatus"] != "Creating", what=f"the creation of {name}")

    def describe(self) -> dict[str, Any]:
        return dict(self.sagemaker.describe_feature_group(FeatureGroupName=self.name))

    @property
    def table(self) -> dict[str, str]:
        return dict(self.describe()["OfflineStoreConfig"]["DataCatalogConfig"])

    def put(self, identifier: int, at: str, **features: Any) -> None:
        values = {"Customer-Id": identifier, "at": at, **features}
        record = [
            {"FeatureName": name, "ValueAsStringList": value}
            if isinstance(value, list)
            else {"FeatureName": name, "ValueAsString": str(value)}
            for name, value in values.items()
        ]
        self.runtime.put_record(FeatureGroupName=self.name, Record=record)

    def delete(self, identifier: int, at: str, mode: str) -> None:
        self.runtime.delete_record(
            FeatureGroupName=self.name, RecordIdentifierValueAsString=str(identifier), EventTime=at, DeletionMode=mode
        )

    def rows(self, sql: str) -> list[list[str | None]]:
        """A query's rows behind the header; `{table}` and `{database}` are the group's."""
        names = {"table": self.table["TableName"], "database": self.table["Database"]}
        query = self.athena.start_query_execution(
            QueryString=sql.format(**names),
            QueryExecutionContext={"Catalog": "AwsDataCatalog", "Database": names["database"]},
            ResultConfiguration={"OutputLocation": f"s3://{self.bucket}/results"},
        )["QueryExecutionId"]

        def ended() -> Any:
            status = self.athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
            return status if status["State"] not in {"QUEUED", "RUNNING"} else None

        status = eventually(ended, what="the end of the query")
        assert status["State"] == "SUCCEEDED", status
        pages = self.athena.get_paginator("get_query_results").paginate(QueryExecutionId=query)
        found = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]]
        return [[value.get("VarCharValue") for value in row] for row in found[1:]]

    def has(self, count: int) -> None:
        """Wait until the offline store has this many records."""
        sql = 'SELECT count(*) FROM "{database}"."{table}"'
        eventually(lambda: self.rows(sql) == [[str(count)]], what=f"{count} records in the offline store")

    def files(self) -> list[str]:
        """Keys of the group's files."""
        prefix = self.describe()["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"].split("/", 3)[3]
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]


@pytest.fixture
def make(server: Server, bucket: str, unique: str) -> Callable[..., Group]:
    """Create a feature group of the test's own."""

    def create(**members: Any) -> Group:
        return Group(server, bucket, unique, **members)

    return create


def test_records_lie_as_parquet_in_aws_s_layout(make: Callable[..., Group], tmp_path: Path) -> None:
    group = make()
    described = group.describe()
    epoch = int(described["CreationTime"].timestamp())
    root = f"features/{ACCOUNT}/sagemaker/{REGION}/offline-store/{group.name}-{epoch}/data"
    config = described["OfflineStoreConfig"]
    assert config["S3StorageConfig"]["ResolvedOutputS3Uri"] == f"s3://{group.bucket}/{root}"
    assert config["TableFormat"] == "Glue"
    assert described["OfflineStoreStatus"] == {"Status": "Active"}
    before = time.time()
    group.put(1, FIRST, city="Oslo", spent="1.5")
    group.put(2, SECOND, city="Bergen")
    group.put(3, THIRD, spent="1e3")
    group.has(3)
    folders = {key.rpartition("/")[0] for key in group.files()}
    assert folders == {f"{root}/year=2026/month=11/day=20/hour=23", f"{root}/year=2026/month=11/day=21/hour=00"}
    for key in group.files():
        assert re.fullmatch(r"2026112[01]T\d{6}Z_[0-9A-Za-z]{16}\.parquet", key.rpartition("/")[2])
    (first,) = (key for key in group.files() if "hour=23" in key)
    assert "/20261120T235959Z_" in first
    file = tmp_path / "one.parquet"
    group.s3.download_file(group.bucket, first, str(file))
    read = duckdb.sql(f"SELECT * FROM '{file}'")
    assert list(zip(read.columns, map(str, read.types), strict=True)) == [
        ("Customer-Id", "BIGINT"),
        ("at", "VARCHAR"),
        ("city", "VARCHAR"),
        ("spent", "DOUBLE"),
        ("write_time", "TIMESTAMP"),
        ("api_invocation_time", "TIMESTAMP"),
        ("is_deleted", "BOOLEAN"),
    ]
    ((*values, written, invoked, deleted),) = read.fetchall()
    assert (values, deleted) == ([1, FIRST, "Oslo", 1.5], False)
    assert before <= invoked.replace(tzinfo=UTC).timestamp() <= written.replace(tzinfo=UTC).timestamp() <= time.time()


def test_the_glue_table_has_the_features_and_the_hours(make: Callable[..., Group]) -> None:
    group = make()
    epoch = int(group.describe()["CreationTime"].timestamp())
    assert group.table == {
        "Catalog": "AwsDataCatalog",
        "Database": "sagemaker_featurestore",
        "TableName": f"{group.name.replace('-', '_')}_{epoch}".lower(),
    }
    name = {"DatabaseName": "sagemaker_featurestore", "TableName": group.table["TableName"]}
    table = group.glue.get_table(DatabaseName=name["DatabaseName"], Name=name["TableName"])["Table"]
    assert [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]] == [
        ("customer-id", "bigint"),
        ("at", "string"),
        ("city", "string"),
        ("spent", "double"),
        ("write_time", "timestamp"),
        ("api_invocation_time", "timestamp"),
        ("is_deleted", "boolean"),
    ]
    assert [key["Name"] for key in table["PartitionKeys"]] == ["year", "month", "day", "hour"]
    location = group.describe()["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    assert table["StorageDescriptor"]["Location"] == location
    group.put(1, FIRST)
    group.put(1, SECOND)
    group.has(2)
    partitions = group.glue.get_partitions(**name)["Partitions"]
    assert sorted(each["Values"] for each in partitions) == [["2026", "11", "20", "23"], ["2026", "11", "21", "00"]]
    assert {each["StorageDescriptor"]["Location"] for each in partitions} == {
        f"{location}/year=2026/month=11/day=20/hour=23",
        f"{location}/year=2026/month=11/day=21/hour=00",
    }
    assert group.rows("SELECT count(*) FROM {table} WHERE day = '21'") == [["1"]]


def test_every_record_is_kept_and_the_latest_is_found_by_its_event_time(make: Callable[..., Group]) -> None:
    group = make()
    group.put(1, THIRD, city="Oslo", spent="3")
    group.put(1, FIRST, city="Bergen", spent="1")  # late: the online store keeps the other
    group.put(2, FIRST, city="Voss")
    group.put(2, FIRST, city="Bodø")  # the same event time: the later call counts
    group.has(4)
    assert group.rows(LATEST) == [["1", "Oslo", "3.0"], ["2", "Bodø", None]]
    as_of = """SELECT max_by(city, at) FROM {table} WHERE "customer-id" = 1
        AND from_iso8601_timestamp(at) <= from_iso8601_timestamp('2026-11-21T00:10:00Z')"""
    assert group.rows(as_of) == [["Bergen"]]


def test_write_time_lets_a_query_travel_in_time(make: Callable[..., Group]) -> None:
    group = make()
    group.put(1, FIRST, city="Oslo")
    group.has(1)
    ((moment,),) = group.rows("SELECT to_unixtime(max(write_time)) FROM {table}")
    group.put(1, SECOND, city="Bergen")
    group.has(2)
    travelled = LATEST.replace('"{table}"', '"{table}" WHERE to_unixtime(write_time) <= ' + str(moment))
    assert group.rows(LATEST) == [["1", "Bergen", None]]
    assert group.rows(travelled) == [["1", "Oslo", None]]


@pytest.mark.parametrize("mode", ["SoftDelete", "HardDelete"])
def test_a_deletion_is_appended_as_a_marker(make: Callable[..., Group], mode: str) -> None:
    group = make()
    group.put(1, FIRST, city="Oslo", spent="1")
    group.put(2, FIRST, city="Bergen")
    group.delete(1, SECOND, mode)
    group.has(3)
    assert group.rows('SELECT at, city, spent, is_deleted FROM {table} WHERE "customer-id" = 1 ORDER BY at') == [
        [FIRST, "Oslo", "1.0", "false"],
        [SECOND, None, None, "true"],
    ]
    assert group.rows(LATEST) == [["2", "Bergen", None]]


def test_collections_are_arrays_and_event_times_may_be_numbers(make: Callable[..., Group]) -> None:
    definitions = [
        {"FeatureName": "Customer-Id", "FeatureType": "Integral"},
        {"FeatureName": "at", "FeatureType": "Fractional"},
        {"FeatureName": "tags", "FeatureType": "String", "CollectionType": "Set"},
        {
            "FeatureName": "vector",
            "FeatureType": "Fractional",
            "CollectionType": "Vector",
            "CollectionConfig": {"VectorConfig": {"Dimension": 2}},
        },
    ]
    group = make(
        FeatureDefinitions=definitions, OnlineStoreConfig={"EnableOnlineStore": True, "StorageType": "InMemory"}
    )
    group.put(1, "1795219230.5", tags=["a", 'b"'], vector=["0.5", "2"])
    group.put(2, "0")
    group.has(2)
    moment = datetime.fromtimestamp(1795219230.5, UTC)
    (key,) = (key for key in group.files() if "year=1970" not in key)
    assert f"/{moment:year=%Y/month=%m/day=%d/hour=%H/%Y%m%dT%H%M%SZ}_" in key
    assert group.rows('SELECT "customer-id", at, tags, vector, vector[2] FROM {table} ORDER BY 1') == [
        ["1", "1.7952192305E9", '[a, b"]', "[0.5, 2.0]", "2.0"],
        ["2", "0.0", None, None, None],
    ]


def test_new_features_become_columns_beside_the_old_files(make: Callable[..., Group]) -> None:
    group = make()
    group.put(1, FIRST, city="Oslo")
    group.has(1)
    added = {"FeatureName": "Visits", "FeatureType": "Integral"}
    group.sagemaker.update_feature_group(FeatureGroupName=group.name, FeatureAdditions=[added])
    group.put(2, FIRST, Visits="7")
    group.has(2)
    assert group.rows('SELECT city, visits FROM {table} ORDER BY "customer-id"') == [["Oslo", None], [None, "7"]]


def test_only_offline_is_enough(make: Callable[..., Group]) -> None:
    group = make(OnlineStoreConfig={"EnableOnlineStore": False})
    group.put(1, FIRST, city="Oslo")
    group.has(1)


def test_a_catalog_can_be_given_or_left_to_its_owner(server: Server, bucket: str, unique: str) -> None:
    storage = {"S3StorageConfig": {"S3Uri": f"s3://{bucket}"}}
    names = {"Catalog": "AwsDataCatalog", "Database": f"db_{os.urandom(4).hex()}", "TableName": "Mine"}
    own = Group(server, bucket, f"{unique[:40]}-own", OfflineStoreConfig=storage | {"DataCatalogConfig": names})
    assert own.table == names
    own.put(1, FIRST)
    own.has(1)
    again = Group(server, bucket, f"{unique[:40]}-again", OfflineStoreConfig=storage | {"DataCatalogConfig": names})
    assert again.describe()["FeatureGroupStatus"] == "CreateFailed"
    assert "exists" in again.describe()["FailureReason"]
    disabled = storage | {"DisableGlueTableCreation": True}
    without = Group(server, bucket, f"{unique[:40]}-without", OfflineStoreConfig=disabled)
    assert "DataCatalogConfig" not in without.describe()["OfflineStoreConfig"]
    linked = names | {"TableName": "elsewhere"}
    given = Group(server, bucket, f"{unique[:40]}-given", OfflineStoreConfig=disabled | {"DataCatalogConfig": linked})
    assert given.table == linked
    with pytest.raises(ClientError):
        given.glue.get_table(DatabaseName=names["Database"], Name="elsewhere")
    given.put(1, FIRST)
    eventually(given.files, what="the record's file")
    without.put(1, FIRST)
    eventually(without.files, what="the record's file")


def test_what_cannot_be_written_is_refused(sagemaker: Any, bucket: str, unique: str) -> None:
    def refusal(config: dict[str, Any]) -> str:
        with pytest.raises(ClientError) as error:
            sagemaker.create_feature_group(
                FeatureGroupName=unique,
                RecordIdentifierFeatureName="Customer-Id",
                EventTimeFeatureName="at",
                FeatureDefinitions=DEFINITIONS,
                OfflineStoreConfig=config,
                RoleArn=ROLE,
            )
        assert error.value.response["Error"]["Code"] == "ValidationException"
        return str(error.value.response["Error"]["Message"])

    storage = {"S3StorageConfig": {"S3Uri": f"s3://{bucket}/x"}}
    assert "Iceberg" in refusal(storage | {"TableFormat": "Iceberg"})
    assert "does not exist" in refusal({"S3StorageConfig": {"S3Uri": "s3://no-such-bucket-here/x"}})
    assert "s3://bucket/prefix" in refusal({"S3StorageConfig": {"S3Uri": "https://host/x"}})
    names = {"Catalog": "other", "Database": "d", "TableName": "t"}
    assert "DisableGlueTableCreation" in refusal(storage | {"DataCatalogConfig": names})
    with pytest.raises(ClientError):
        sagemaker.describe_feature_group(FeatureGroupName=unique)


def test_records_wait_while_their_bucket_is_gone(server: Server, make: Callable[..., Group], unique: str) -> None:
    group = make()
    other_bucket = f"other-{os.urandom(6).hex()}"
    group.s3.create_bucket(Bucket=other_bucket)
    other = Group(server, other_bucket, f"{unique[:40]}-other")
    other.s3.delete_bucket(Bucket=other_bucket)
    other.put(1, FIRST)
    group.put(1, FIRST)
    group.has(1)
    other.s3.create_bucket(Bucket=other_bucket)
    other.sagemaker.delete_feature_group(FeatureGroupName=other.name)  # what is left is written now, at the latest

    def written() -> bool:
        return any(".parquet" in found["Key"] for found in group.s3.list_objects_v2(Bucket=other_bucket)["Contents"])

    eventually(lambda: "Contents" in group.s3.list_objects_v2(Bucket=other_bucket) and written())


class Ingestion(threading.Thread):
    """Puts records of its own until the server dies; knows what was acknowledged."""

    def __init__(self, group: Group, numbers: range) -> None:
        super().__init__(daemon=True)
        self.group, self.numbers = group, numbers
        self.acknowledged: set[str] = set()
        self.doubtful: set[str] = set()

    def run(self) -> None:
        for number in self.numbers:
            self.doubtful = {str(number)}
            try:
                self.group.put(number, f"2026-11-21T{number % 24:02d}:00:00Z", city="Oslo")
            except (BotoCoreError, ClientError):
                return
            self.acknowledged.add(str(number))
            self.doubtful = set()


@pytest.mark.timeout(180)
def test_kill_nine_in_the_middle_of_ingestion_loses_and_doubles_no_record(tmp_path: Path) -> None:
    port, chance = free_port(), random.Random(8)
    server = start_server(tmp_path, port)
    server.client("s3").create_bucket(Bucket="kept")
    group = Group(server, "kept", "killed")
    acknowledged: set[str] = set()
    doubtful: set[str] = set()
    for round_ in range(4):
        writers = [Ingestion(group, range(round_ * 10**6 + n * 10**5, 10**9)) for n in range(2)]
        for writer in writers:
            writer.start()
        begun = time.monotonic() + 1.0 + chance.random() * 1.2  # batches are being written by then
        eventually(lambda begun=begun: time.monotonic() > begun)
        server.kill()
        for writer in writers:
            writer.join(60)
            acknowledged |= writer.acknowledged
            doubtful |= writer.doubtful
        server = start_server(tmp_path, port)
    assert len(acknowledged) > 500
    found: list[str | None] = []

    def all_there() -> bool:
        found[:] = [row[0] for row in group.rows('SELECT "customer-id" FROM {table}')]
        return acknowledged <= set(found)

    eventually(all_there, what="every acknowledged record in the offline store")
    assert len(found) == len(set(found))
    assert set(found) <= acknowledged | doubtful
    server.stop()


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "features.db", MIGRATIONS)


def acknowledge(database: Database, count: int, size: int = 10, arn: str = ARN) -> None:
    with database.transaction() as connection:
        connection.executemany(
            "INSERT INTO offline_outbox (feature_group_arn, record, event_time, invoked, written, is_deleted)"
            " VALUES (?, ?, '0', 0, 0, 0)",
            [(arn, "x" * size)] * count,
        )


def test_a_batch_is_the_same_again_after_a_kill_whatever_came_after_it(database: Database) -> None:
    batches = Batches(database)
    acknowledge(database, 10)
    batch = batches.next(5.0, (), batches.newest())
    acknowledge(database, 10)
    again = Batches(database)  # as a new process would
    assert again.next(9.0, (), again.newest()) == batch
    assert batch is not None
    assert len(list(again.records(batch))) == 10
    again.finish(batch)
    following = again.next(9.0, (), again.newest())
    assert following is not None
    assert (following.first, following.last, following.id > batch.id) == (11, 20, True)


def test_a_batch_that_was_written_but_not_finished_is_written_over_itself(tmp_path: Path) -> None:
    """As after a kill between the last object and the word that all are there, at every such moment of four batches."""
    settings, clock = Settings(state_dir=tmp_path), ShiftedClock()
    mount, cloud = open_cloud(settings, clock)
    mount.storage.buckets.create("bucket", REGION)
    database = Database(tmp_path / "features.db", MIGRATIONS)
    engine = Engine(Resources(tmp_path / "sageyard.db"), clock, {}, ACCOUNT)
    root = f"s3://bucket/{ACCOUNT}/sagemaker/{REGION}/offline-store/g-1/data"
    config = {"S3StorageConfig": {"ResolvedOutputS3Uri": root}, "DisableGlueTableCreation": True}
    document = {"FeatureDefinitions": DEFINITIONS, "OfflineStoreConfig": config}
    engine.store.insert(Row("FeatureGroup", REGION, "g", ARN, "Created", 1.0, 1.0, document, {}, ""))

    class Killed(Batches):
        def finish(self, batch: Batch) -> None:
            raise RuntimeError("killed")

    seen: list[set[str]] = []
    for round_ in range(4):
        with database.transaction() as connection:
            for number in range(round_ * 10, round_ * 10 + 10):
                connection.execute(
                    "INSERT INTO offline_outbox (feature_group_arn, record, event_time, invoked, written, is_deleted)"
                    " VALUES (?, ?, ?, 0, 0, 0)",
                    (ARN, json.dumps({"Customer-Id": str(number)}), str(number * 1800.0)),
                )
        for kind in (Killed, Killed, Batches):
            store = OfflineStore(database, engine, cloud, clock)
            store._batches = kind(database)
            asyncio.run(store.flush())
            clock.advance(10)
            seen.append({found.key for found in cloud.objects.list("bucket")})
    assert seen[0::3] == seen[1::3] == seen[2::3]
    assert [len(keys) for keys in seen[0::3]] == [5, 10, 15, 20]
    files = [str(cloud.objects.path("bucket", key)) for key in seen[-1]]
    rows = duckdb.sql(f'SELECT "Customer-Id" FROM read_parquet({files}) ORDER BY 1').fetchall()
    assert [row[0] for row in rows] == list(range(40))
    assert Batches(database).newest() == 0
    mount.close()


def test_a_batch_that_is_stored_is_never_written_again(database: Database) -> None:
    batches = Batches(database)
    acknowledge(database, STEP + 10)
    batch = batches.next(5.0, (), batches.newest())
    assert batch is not None
    with database.transaction() as connection:  # killed after the first step of `finish`
        connection.execute("UPDATE offline_batches SET stored = 1")
        connection.execute("DELETE FROM offline_outbox WHERE id <= ?", (STEP,))
    left = batches.next(6.0, (), batches.newest())
    assert left is not None
    assert left.stored
    batches.finish(left)
    assert batches.newest() == 0
    assert batches.next(7.0, (), 10**9) is None


def test_a_batch_is_bounded_by_records_and_bytes_and_is_of_one_group(database: Database) -> None:
    batches = Batches(database)
    acknowledge(database, ROWS + 1)
    acknowledge(database, 3, 9 << 20, arn=f"{ARN}2")
    acknowledge(database, 1)
    sizes = []
    while (batch := batches.next(5.0, (), batches.newest())) is not None:
        sizes.append((batch.feature_group_arn == ARN, sum(1 for _ in batches.records(batch))))
        batches.finish(batch)
    assert sizes == [(True, ROWS), (True, 2), (False, 1), (False, 1), (False, 1)]


def test_a_group_that_waits_lets_the_others_pass(database: Database) -> None:
    batches = Batches(database)
    acknowledge(database, 1)
    acknowledge(database, 1, arn=f"{ARN}2")
    assert batches.next(5.0, {f"{ARN}2"}, batches.newest()) is not None
    passed = batches.next(5.0, {ARN}, batches.newest())
    assert passed is not None
    assert passed.feature_group_arn == f"{ARN}2"
    assert batches.next(5.0, {ARN, f"{ARN}2"}, batches.newest()) is None
