"""The control plane: create and describe, against moto_server under the same load generator.

    python -m tests.benchmarks --only control

Raw HTTP as boto3 writes it, with a fixed signature, from a process that does nothing else. Models and endpoint
configurations, because both servers keep them and neither has to run anything for them.
"""

import json
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvloop

from tests.benchmarks.figures import Figure, Scale, times
from tests.benchmarks.load import Result, load
from tests.benchmarks.moto_server import moto_server
from tests.conftest import ROLE, start_server

CONNECTIONS = 8
TITLE = f"Control plane: requests a second over {CONNECTIONS} connections"
BESIDE = "moto_server"
GOAL = 10
ROUNDS = 3
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/sagemaker/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=0"
)


def model(number: int) -> dict[str, Any]:
    return {
        "ModelName": f"m-{number}",
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"Image": IMAGE, "Environment": {"SAGEMAKER_REGION": "us-east-1"}},
    }


def endpoint_config(number: int) -> dict[str, Any]:
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": f"m-{number}",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": 1.0,
    }
    return {"EndpointConfigName": f"c-{number}", "ProductionVariants": [variant]}


OPERATIONS: dict[str, Callable[[int], dict[str, Any]]] = {
    "CreateModel": model,
    "DescribeModel": lambda number: {"ModelName": f"m-{number}"},
    "CreateEndpointConfig": endpoint_config,
    "DescribeEndpointConfig": lambda number: {"EndpointConfigName": f"c-{number}"},
}


def measure(scale: Scale) -> Sequence[Figure]:
    """Both servers run; each operation is asked of both in turns, of moto less often, for it is the slower one."""
    requests = scale.of(500, 1500)
    asked: dict[str, tuple[list[Result], list[Result]]] = {name: ([], []) for name in OPERATIONS}
    with tempfile.TemporaryDirectory() as state, moto_server() as (port, _):
        server = start_server(Path(state))
        try:
            for turn in range(ROUNDS):
                for name, (ours, theirs) in asked.items():
                    ours.append(ask(server.url, name, turn * requests, requests))
                    theirs.append(ask(f"http://127.0.0.1:{port}", name, turn * requests // 6, requests // 6))
        finally:
            server.stop()
    figures = []
    for name, sides in asked.items():
        mine, its = (statistics.median(each.throughput for each in side) for side in sides)
        figures.append(times(name, mine, its, "/s", GOAL))
    for name, sides in asked.items():
        shown = [
            f"{statistics.median(e.p50 for e in side):.2f}, {statistics.median(e.p99 for e in side):.2f} ms"
            for side in sides
        ]
        figures.append(Figure(f"{name}: p50, p99", *shown))
    return figures


def ask(url: str, operation: str, first: int, requests: int) -> Result:
    """One operation, on the models or configurations numbered from `first` on."""
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": f"SageMaker.{operation}",
        "authorization": SIGNATURE,
    }
    body = OPERATIONS[operation]
    result = uvloop.run(
        load(f"{url}/", lambda number: json.dumps(body(first + number)).encode(), headers, CONNECTIONS, requests)
    )
    assert result.failures == 0, (operation, result)
    return result
