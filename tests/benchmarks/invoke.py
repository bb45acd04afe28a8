"""InvokeEndpoint through the server against the container's own port: throughput, added latency, data capture.

    python -m tests.benchmarks --only invoke

XGBoost of 100 trees, trained by a training job, one instance. The same bytes go both ways in turns, from the same
load generator, which is this process and does nothing else meanwhile. Medians of the rounds.
"""

import contextlib
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import uvloop

from tests.benchmarks.figures import Figure, Scale, at_most, times
from tests.benchmarks.load import Result, load
from tests.conftest import ROLE, Server, start_server

TITLE = "InvokeEndpoint, XGBoost of 100 trees"
BESIDE = "container directly"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
BUCKET = "bench-invoke"
FEATURES = 30
ROUNDS = 3
CONNECTIONS = (2, 8, 32)
PACE = 3000
ROW = ",".join(f"{0.1 * number:.4f}" for number in range(FEATURES)).encode()
HEADERS = {
    "content-type": "text/csv",
    "authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/sagemaker/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, Signature=0",
}


def measure(scale: Scale) -> Sequence[Figure]:
    """Two endpoints of one model, the second with capture of every request."""
    with tempfile.TemporaryDirectory() as state:
        server = start_server(Path(state))
        try:
            client = server.client("sagemaker")
            train(server, client)
            with endpoint(client, "plain", capture=False) as url:
                ways = (f"{server.url}{url}", f"http://127.0.0.1:{container_port(server)}/invocations")
                figures = [*latency(ways, scale), *throughput(ways, scale), processor_time(server, ways[0], scale)]
            with endpoint(client, "capturing", capture=True) as url:
                return [*figures, *captured(server, f"{server.url}{url}", scale)]
        finally:
            server.stop()


def latency(ways: tuple[str, str], scale: Scale) -> list[Figure]:
    """With one client: nothing waits, so the difference is what the server's own work takes."""
    for way in ways:
        ask(way, 4, 500)
    through, direct = rounds(ways, 1, scale.of(1000, 3000))
    figures = []
    for name, goal in (("p50", 0.3), ("p99", 1.0)):
        ours, theirs = (statistics.median(getattr(each, name) for each in side) for side in (through, direct))
        figures.append(Figure(f"{name}, 1 client", f"{ours:.3f} ms", f"{theirs:.3f} ms", f"{ours / theirs:.2f} x"))
        figures.append(at_most(f"{name} added, 1 client", ours - theirs, goal, "ms"))
    return figures


def throughput(ways: tuple[str, str], scale: Scale) -> list[Figure]:
    """At several numbers of connections."""
    figures = []
    for connections in CONNECTIONS:
        through, direct = rounds(ways, connections, scale.of(2000, 8000))
        ours, theirs = (statistics.median(each.throughput for each in side) for side in (through, direct))
        figures.append(times(f"throughput, {connections} connections", ours, theirs, "/s", 0.9))
    return figures


def processor_time(server: Server, url: str, scale: Scale) -> Figure:
    """What a request costs the server and the container: on few cores they compete, with each other and the load
    generator, and the throughput ratio cannot be better than what is left of them."""
    process = psutil.Process(server.process.pid)
    container = process.children(recursive=True)

    def spent() -> tuple[float, float]:
        return _seconds(process), sum(_seconds(child) for child in container)

    before, requests = spent(), scale.of(2000, 8000)
    ask(url, 8, requests)
    ours, theirs = (1e6 * (end - begin) / requests for end, begin in zip(spent(), before, strict=True))
    return Figure("processor time a request: server, container", f"{ours:.0f} µs", f"{theirs:.0f} µs")


def _seconds(process: psutil.Process) -> float:
    times_spent = process.cpu_times()
    return float(times_spent.user + times_spent.system)


def captured(server: Server, url: str, scale: Scale) -> list[Figure]:
    """Requests at a fixed pace; then every answer is looked for in S3, by its event id."""
    warm = ask(url, 4, 500)
    paced = ask(url, 32, PACE * scale.of(3, 10), rate=PACE)
    answered = warm.requests + paced.requests
    records, ids = delivered(server, answered)
    return [
        Figure(
            f"with capture 100%, offered {PACE:,}/s",
            f"{paced.throughput:,.0f} /s",
            goal=f"≥ {PACE:,} /s",
            met=paced.throughput > 0.99 * PACE,
        ),
        Figure("p50, p99 at that pace", f"{paced.p50:.2f}, {paced.p99:.2f} ms"),
        Figure(
            f"captured in S3, of {answered:,} answered",
            f"{records:,}" + (f", {records - ids} twice" if records != ids else ""),
            goal="all, once",
            met=records == ids == answered,
        ),
    ]


def delivered(server: Server, expected: int, seconds: float = 30.0) -> tuple[int, int]:
    """Records in S3 and how many different event ids they have; waits until there are as many as expected."""
    s3, seen = server.client("s3"), {}
    deadline = time.monotonic() + seconds
    while sum(map(len, seen.values())) < expected and time.monotonic() < deadline:
        time.sleep(0.5)
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="capture/"):
            for item in page.get("Contents", []):
                if item["Key"] not in seen:
                    lines = s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read().splitlines()
                    seen[item["Key"]] = [json.loads(line)["eventMetadata"]["eventId"] for line in lines]
    ids = [event for events in seen.values() for event in events]
    return len(ids), len(set(ids))


def rounds(ways: tuple[str, str], connections: int, requests: int) -> tuple[list[Result], list[Result]]:
    """Results of both ways, asked in turns."""
    through, direct = [], []
    for _ in range(ROUNDS):
        through.append(ask(ways[0], connections, requests))
        direct.append(ask(ways[1], connections, requests))
    return through, direct


def ask(url: str, connections: int, requests: int, rate: float | None = None) -> Result:
    """One run of the load generator; every request must be answered with success."""
    result = uvloop.run(load(url, ROW, HEADERS, connections, requests, rate=rate))
    assert result.failures == 0, result
    return result


def train(server: Server, client: Any) -> None:
    """A model named `bench`, from a training job of 100 rounds."""
    chance = random.Random(7)
    rows = [[chance.gauss(0, 1) for _ in range(FEATURES)] for _ in range(500)]
    lines = [",".join([str(int(row[0] + row[1] > 0)), *(f"{value:.5f}" for value in row)]) for row in rows]
    s3 = server.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="train/train.csv", Body="\n".join(lines).encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train"}
    client.create_training_job(
        TrainingJobName="bench",
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={"objective": "binary:logistic", "num_round": "100", "max_depth": "5"},
        InputDataConfig=[
            {"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )  # fmt: skip
    job = ended(lambda: client.describe_training_job(TrainingJobName="bench"), "TrainingJobStatus", "Completed")
    container = {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    client.create_model(ModelName="bench", ExecutionRoleArn=ROLE, PrimaryContainer=container)


@contextlib.contextmanager
def endpoint(client: Any, name: str, *, capture: bool) -> Iterator[str]:
    """The path of an endpoint in service; deleted afterwards."""
    variant = {"VariantName": "v", "ModelName": "bench", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    config = {
        "EnableCapture": capture,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/capture",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
    }
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], DataCaptureConfig=config)
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    ended(lambda: client.describe_endpoint(EndpointName=name), "EndpointStatus", "InService")
    yield f"/endpoints/{name}/invocations"
    client.delete_endpoint(EndpointName=name)


def ended(describe: Any, member: str, wanted: str) -> Any:
    """The description once its status is settled; it must be the wanted one."""
    while (described := describe())[member] in {"InProgress", "Creating"}:
        time.sleep(0.05)
    assert described[member] == wanted, described
    return described


def container_port(server: Server) -> int:
    """The port that the server's one container listens on, read off its environment."""
    return next(
        int(port)
        for child in psutil.Process(server.process.pid).children(recursive=True)
        if (port := child.environ().get("SAGEMAKER_BIND_TO_PORT"))
    )
