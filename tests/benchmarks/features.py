"""The feature store: records put and read a second, with the server held to one core, and the memory that puts cost.

    python -m tests.benchmarks --only features [--full]

Raw HTTP as boto3 writes it, from a process on another core. Rates are by the server's own processor time, all of its
threads together, so what else runs on the machine does not count; the last lines are by the clock on the wall. moto
has no sagemaker-featurestore-runtime, so beside it stands the bare work, by processor time as well: one SQLite upsert
and commit of the same record, one select of it, in a database of the same settings. Every put has an identifier of its
own; `--full` puts a million, to both stores.
"""

import json
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import uvloop
from sageyard.store.database import Database

from tests.benchmarks.figures import Figure, Scale, at_most, times
from tests.benchmarks.load import Result, load
from tests.conftest import ROLE, Server, eventually, start_server

TITLE = "Feature store: records a second, server on one core"
BESIDE = "bare SQLite"
CONNECTIONS = 8
GOAL = 1000
GROWTH = 32
"""MB that any number of puts may cost: nothing is kept for a record, but caches fill."""
MB = 1024 * 1024
SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=host, Signature=0"
)
HEADERS = {"content-type": "application/json", "authorization": SIGNATURE}
FEATURES = {"customer": "Integral", "time": "Fractional", "city": "String"} | {f"f{n}": "Fractional" for n in range(7)}


def record(number: int) -> dict[str, str]:
    """Ten features, 0.2 KB."""
    values = {f"f{n}": f"{(number * (n + 3)) % 1000 / 7:.6f}" for n in range(7)}
    return {"customer": str(number), "time": str(1_700_000_000 + number), "city": f"city {number % 97}"} | values


def body(number: int) -> bytes:
    """The body of a PutRecord."""
    values = [{"FeatureName": name, "ValueAsString": value} for name, value in record(number).items()]
    return json.dumps({"Record": values}).encode()


def measure(scale: Scale) -> Sequence[Figure]:
    """Puts to the online store, then to both stores, then gets; then as many puts as the scale says, for memory."""
    count, many = scale.of(2000, 10_000), 1_000_000 if scale.full else scale.of(20_000, 100_000)
    with tempfile.TemporaryDirectory() as state:
        upserts, selects = bare(Path(state) / "bare", count)
        server = start_server(Path(state) / "server")
        try:
            apart(server)
            create(server, "online", offline=False)
            create(server, "both", offline=True)
            figures = [
                beside("PutRecord, online", ask(server, "PUT", "online", count, body)[0], upserts),
                beside("PutRecord, online and offline", ask(server, "PUT", "both", count, body)[0], upserts),
                beside("GetRecord", gets(server, count), selects),
            ]
            before = resident(server)
            rate, last = ask(server, "PUT", "both", many, lambda number: body(count + number))
            grown, log = resident(server) - before, (server.state_dir / "features.db-wal").stat().st_size
            behind = outbox(server)
        finally:
            server.stop()
    return [
        *figures,
        beside(f"{many:,} PutRecords, both", rate, upserts),
        at_most("growth of the process by them", grown / MB, GROWTH, "MB"),
        Figure("records on their way to S3 after them", f"{behind:,}"),
        Figure("log of features.db after them", f"{log / MB:.1f} MB"),
        Figure("by the clock on the wall", f"{last.throughput:,.0f} /s"),
        Figure("p50, p99 with 8 connections at once", f"{last.p50:.2f}, {last.p99:.2f} ms"),
    ]


def beside(name: str, ours: float, theirs: float) -> Figure:
    """A rate with its goal in records a second, and its ratio to the bare work."""
    shown = times(name, ours, theirs, "/s")
    return Figure(name, shown.measured, shown.beside, shown.ratio, f"≥ {GOAL:,} /s", ours >= GOAL)


def apart(server: Server) -> None:
    """The server on one core, this process on the others."""
    cores = sorted(os.sched_getaffinity(0))
    for thread in Path(f"/proc/{server.process.pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores[:1])
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[1:])


def create(server: Server, name: str, *, offline: bool) -> None:
    """A feature group of ten features."""
    sagemaker = server.client("sagemaker")
    more: dict[str, Any] = {}
    if offline:
        server.client("s3").create_bucket(Bucket="features")
        more = {"OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://features/"}}, "RoleArn": ROLE}
    sagemaker.create_feature_group(
        FeatureGroupName=name,
        RecordIdentifierFeatureName="customer",
        EventTimeFeatureName="time",
        FeatureDefinitions=[{"FeatureName": name, "FeatureType": kind} for name, kind in FEATURES.items()],
        OnlineStoreConfig={"EnableOnlineStore": True},
        **more,
    )
    eventually(lambda: sagemaker.describe_feature_group(FeatureGroupName=name)["FeatureGroupStatus"] == "Created")


def ask(
    server: Server, method: str, path: str, requests: int, body: bytes | Callable[[int], bytes]
) -> tuple[float, Result]:
    """One operation over all connections: requests a second of the server's processor time, and the whole result."""
    before = processor_time(server)
    result = uvloop.run(load(f"{server.url}/FeatureGroup/{path}", body, HEADERS, CONNECTIONS, requests, method))
    assert result.failures == 0, (method, path, result)
    return requests / (processor_time(server) - before), result


def gets(server: Server, count: int) -> float:
    """Reads a second, over records of all ages."""
    chance = random.Random(7)
    paths = [f"online?RecordIdentifierValueAsString={chance.randrange(count)}" for _ in range(20)]
    return statistics.median(ask(server, "GET", path, count // 20, b"")[0] for path in paths)


def processor_time(server: Server) -> float:
    """Seconds of all threads of the server so far."""
    used = psutil.Process(server.process.pid).cpu_times()
    return float(used.user + used.system)


def resident(server: Server) -> int:
    """Resident bytes of the server now."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024


def outbox(server: Server) -> int:
    """How many records the offline store is behind."""
    with closing(sqlite3.connect(f"file:{server.state_dir}/features.db?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM offline_outbox").fetchone()[0])


def bare(folder: Path, count: int) -> tuple[float, float]:
    """Upserts and selects a second of the same records in SQLite alone, each upsert committed."""
    folder.mkdir()
    (folder / "0001_bare.sql").write_text("CREATE TABLE records (id TEXT PRIMARY KEY, record TEXT) STRICT;")
    database = Database(folder / "bare.db", folder)
    texts = [json.dumps(record(number)) for number in range(count)]
    began = time.process_time()
    for number, text in enumerate(texts):
        with database.transaction() as connection:
            connection.execute(
                "INSERT INTO records VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
                (str(number), text),
            )
    put = count / (time.process_time() - began)
    began = time.process_time()
    for number in range(count):
        assert database.row("SELECT record FROM records WHERE id = ?", (str(number),))
    get = count / (time.process_time() - began)
    database.close()
    return put, get
