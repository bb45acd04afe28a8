"""The control plane as its tables grow: 1,000, 10,000 and 100,000 training jobs.

    python -m tests.benchmarks --only scale

Beside every 100,000 jobs there are 10,000 models and 1,000,000 tags. The rows are written through the store, for a
hundred thousand jobs cannot be run; then a server starts on them, and every operation is asked over HTTP by one
connection. A search that needs an index of its own makes it when it is first asked: that pass is a line by itself.
"""

import json
import random
import sqlite3
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from sageyard.store.resources import Resources, Row

from tests.benchmarks.control import SIGNATURE, model
from tests.benchmarks.figures import Figure, Scale
from tests.benchmarks.load import load
from tests.conftest import ACCOUNT, REGION, ROLE, start_server

TITLE = "Control plane as it grows: milliseconds over HTTP, one request at a time"
BESIDE = "p50 with fewer jobs"
SIZES = (1_000, 10_000, 100_000)
CREATED = 1_700_000_000.0
DESCRIBE, LIST, SEARCH = 5.0, 20.0, 100.0
"""Goals in milliseconds: the 99th percentile of Describe, the median of the others."""


@dataclass(frozen=True)
class Asked:
    """One line of the table: an operation, its requests by number and size, and how many results each must have."""

    name: str
    operation: str
    request: Callable[[int, int], dict[str, Any]]
    results: Callable[[int], int] | None = None
    goal: float | None = None
    requests: int = 40
    member: str = "Results"


@dataclass
class Measured:
    """Of one operation, by size: median, 99th percentile, and the first request's time."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)


def search(name: str, operator: str, value: str, **request: Any) -> dict[str, Any]:
    one = {"Name": name, "Operator": operator, "Value": value}
    return {"Resource": "TrainingJob", "SearchExpression": {"Filters": [one]}, **request}


def page(_: int) -> int:
    return 100


JOBS = "TrainingJobSummaries"
ASKED = [
    Asked("DescribeTrainingJob", "DescribeTrainingJob", lambda number, size: {"TrainingJobName": job(number % size)},
          goal=DESCRIBE, requests=500),
    Asked("DescribeModel", "DescribeModel", lambda number, size: {"ModelName": f"m-{number % (size // 10)}"},
          goal=DESCRIBE, requests=500),
    Asked("ListTags", "ListTags", lambda number, size: {"ResourceArn": arn(number % size)}, lambda _: 10,
          requests=200, member="Tags"),
    Asked("List, first page", "ListTrainingJobs", lambda *_: {"MaxResults": 100}, page, LIST, member=JOBS),
    Asked("List, in the middle", "ListTrainingJobs",
          lambda _, size: {"MaxResults": 100, "CreationTimeBefore": CREATED + size // 2}, page, LIST, member=JOBS),
    Asked("List, by name", "ListTrainingJobs", lambda *_: {"MaxResults": 100, "SortBy": "Name"},
          page, LIST, member=JOBS),
    Asked("List, a status", "ListTrainingJobs", lambda *_: {"StatusEquals": "Failed", "MaxResults": 20},
          lambda _: 20, LIST, member=JOBS),
    Asked("List, NameContains of one", "ListTrainingJobs",
          lambda number, size: {"NameContains": job(number % size)[-8:]}, lambda _: 1, LIST, member=JOBS),
    Asked("List, NameContains of all", "ListTrainingJobs", lambda *_: {"NameContains": "train", "MaxResults": 100},
          page, LIST, member=JOBS),
    Asked("Search, newest", "Search", lambda *_: {"Resource": "TrainingJob"}, page, SEARCH),
    Asked("Search, a tag of one", "Search", lambda number, size: search("Tags.run", "Equals", f"r{number % size}"),
          lambda _: 1, SEARCH),
    Asked("Search, a tag of a fifth", "Search", lambda *_: search("Tags.team", "Equals", "t3"), page, SEARCH),
    Asked("Search, a name's part", "Search",
          lambda number, size: search("TrainingJobName", "Contains", job(number % size)[-8:]), lambda _: 1, SEARCH),
    Asked("Search, a hyperparameter", "Search",
          lambda number, size: search("HyperParameters.seed", "Equals", str(number % size)), lambda _: 1, SEARCH),
    Asked("Search, a metric above", "Search",
          lambda *_: search("Metrics.accuracy", "GreaterThan", "0.5", SortBy="CreationTime"), page, SEARCH),
    Asked("Search, best metric first", "Search", lambda *_: {"Resource": "TrainingJob", "SortBy": "Metrics.accuracy"},
          page, SEARCH),
    Asked("CreateModel", "CreateModel", lambda number, _: model(10_000_000 + number), requests=300),
]  # fmt: skip


def measure(scale: Scale) -> Sequence[Figure]:
    """One server per size, in turn."""
    sizes = SIZES[: scale.of(2, 3)]
    measured = {one.name: Measured() for one in ASKED}
    bare: list[float] = []
    starts: list[float] = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            state = Path(folder)
            fill(state, size)
            begun = time.perf_counter()
            server = start_server(state)
            starts.append(1000 * (time.perf_counter() - begun))
            try:
                for one in ASKED:
                    ask(server.url, one, size, measured[one.name])
            finally:
                server.stop()
            bare.append(lookup(state, size))
    return [
        *(figure(one, measured[one.name], sizes) for one in ASKED),
        Figure(
            "The first search of a hyperparameter: its index is made",
            f"{measured['Search, a hyperparameter'].first[-1]:,.0f} ms",
            listed(measured["Search, a hyperparameter"].first[:-1], "{:.0f}"),
        ),
        Figure("The row of a job, read by bare SQLite: p50", f"{bare[-1]:.3f} ms", listed(bare[:-1], "{:.3f}")),
        Figure("From start to ready", f"{starts[-1]:,.0f} ms", listed(starts[:-1], "{:.0f}")),
    ]


def figure(one: Asked, found: Measured, sizes: Sequence[int]) -> Figure:
    """One operation: what it takes with the most jobs, and how much more that is than with the fewest."""
    goal, met = "", None
    if one.goal is not None:
        tested = found.p99[-1] if one.goal == DESCRIBE else found.p50[-1]
        goal, met = f"≤ {one.goal:g} ms", tested <= one.goal
    shown = f"{found.p50[-1]:.2f}, p99 {found.p99[-1]:.2f}"
    name = f"{one.name}, {sizes[-1]:,} jobs" if one is ASKED[0] else one.name
    return Figure(name, shown, listed(found.p50[:-1], "{:.2f}"), f"{found.p50[-1] / found.p50[0]:.2f} x", goal, met)


def listed(values: Sequence[float], form: str) -> str:
    return ", ".join(form.format(value) for value in values)


def ask(url: str, one: Asked, size: int, found: Measured) -> None:
    """Ask once, looking at the answer, and then again and again."""
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": f"SageMaker.{one.operation}",
        "authorization": SIGNATURE,
    }
    body = json.dumps(one.request(10_000, size)).encode()
    begun = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/", body, headers), timeout=120) as response:
        answer = json.load(response)
    found.first.append(1000 * (time.perf_counter() - begun))
    if one.results is not None:
        assert len(answer[one.member]) == one.results(size), (one.name, size, len(answer[one.member]))
    result = uvloop.run(
        load(f"{url}/", lambda number: json.dumps(one.request(number, size)).encode(), headers, 1, one.requests)
    )
    assert result.failures == 0, (one.name, result)
    found.p50.append(result.p50)
    found.p99.append(result.p99)


def fill(state: Path, size: int) -> None:
    """Jobs that ended, each with ten tags, and a model for every ten of them."""
    store, drawn = Resources(state / "sageyard.db"), random.Random(size)
    with store.database.transaction():
        for number in range(size):
            name, time_ = job(number), CREATED + number
            status = "Failed" if drawn.random() < 0.02 + 20 / size else "Completed"
            row = Row("TrainingJob", REGION, name, arn(number), status, time_, time_ + 600, document(number, drawn), {})
            tags = [
                ("run", f"r{number}"),
                ("team", f"t{number % 5}"),
                *((f"key-{extra}", "value") for extra in range(8)),
            ]
            store.insert(row, tags)
        for number in range(size // 10):
            described = model(number)
            name = described["ModelName"]
            model_arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/{name}"
            store.insert(Row("Model", REGION, name, model_arn, "", CREATED, CREATED, described, {}))
        for table in ("lineage_pending", "state_changes"):  # lineage and events of these rows are not measured here
            store.database.connection.execute(f"DELETE FROM {table}")
    store.database.close()


def job(number: int) -> str:
    return f"train-{number:07}"


def arn(number: int) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/{job(number)}"


def document(number: int, drawn: random.Random) -> dict[str, Any]:
    """A training job as Describe shows it, about 1.4 kB of JSON."""
    channel = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://bucket/data/{number}"}}}
    metrics = {"accuracy": drawn.random(), "validation:rmse": drawn.random()}
    return {
        "TrainingJobName": job(number),
        "HyperParameters": {"seed": str(number), "eta": str(drawn.choice([0.1, 0.2, 0.3])), "max_depth": "6"},
        "AlgorithmSpecification": {
            "TrainingImage": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/train:1",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": name, "Regex": f"{name}=([0-9.]+)"} for name in metrics],
        },
        "RoleArn": ROLE,
        "InputDataConfig": [{"ChannelName": name, **channel} for name in ("train", "validation")],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/output"},
        "ModelArtifacts": {"S3ModelArtifacts": f"s3://bucket/output/{job(number)}/output/model.tar.gz"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "FinalMetricDataList": [
            {"MetricName": name, "Value": value, "Timestamp": CREATED + number} for name, value in metrics.items()
        ],
        "TrainingTimeInSeconds": 500,
        "BillableTimeInSeconds": 500,
    }


def lookup(state: Path, size: int) -> float:
    """The median time of reading one row by its name and parsing its document: what Describe cannot do without."""
    connection = sqlite3.connect(state / "sageyard.db")
    taken = []
    for number in range(0, size, max(1, size // 500)):
        begun = time.perf_counter()
        query = "SELECT * FROM resources WHERE kind = ? AND region = ? AND name = ?"
        json.loads(connection.execute(query, ("TrainingJob", REGION, job(number))).fetchone()[9])
        taken.append(1000 * (time.perf_counter() - begun))
    connection.close()
    return statistics.median(taken)
