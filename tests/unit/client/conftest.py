"""A small AWS for the plugin's tests: it records what arrives and ends jobs on time, with the server's long-poll."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sageyard.environment import PLUGIN_DIR

IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:sts::123456789012:assumed-role/Tester/session</Arn><UserId>AROA:session</UserId>
<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""


@dataclass
class Arrived:
    """One request as it arrived."""

    operation: str
    headers: dict[str, str]
    body: str


@dataclass
class SmallAws:
    """`busy` is how many seconds after its first Describe a job or endpoint is done."""

    url: str = ""
    busy: float = 0.0
    requests: list[Arrived] = field(default_factory=list)
    first: dict[str, float] = field(default_factory=dict)

    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]

    def answer(self, operation: str, headers: dict[str, str]) -> bytes:
        if operation.startswith("Describe") and operation.endswith(("Job", "Endpoint")):
            kind = operation.removeprefix("Describe")
            done_at = self.first.setdefault(operation, time.monotonic()) + self.busy
            held = float(headers.get("x-sageyard-wait", 0))
            threading.Event().wait(max(0.0, min(held, done_at - time.monotonic())))
            done = time.monotonic() >= done_at
            return json.dumps(self.description(kind, done)).encode()
        logs: dict[str, Any] = {
            "DescribeLogStreams": {"logStreams": [{"logStreamName": "job/algo-1"}]},
            "GetLogEvents": {"events": [], "nextForwardToken": "f/1", "nextBackwardToken": "b/1"},
        }
        return json.dumps(logs[operation]).encode() if operation in logs else IDENTITY

    @staticmethod
    def description(kind: str, done: bool) -> dict[str, Any]:
        status = ("InService" if done else "Creating") if kind == "Endpoint" else "Completed" if done else "InProgress"
        common = {f"{kind}Status": status, f"{kind}Name": "job", f"{kind}Arn": "arn:aws:sagemaker:us-east-1:1:x/job"}
        now = int(time.time())
        return common | {
            "SecondaryStatus": status,
            "LastModifiedTime": now,
            "CreationTime": now,
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            "SecondaryStatusTransitions": [{"Status": "Training", "StartTime": now, "StatusMessage": "Working"}],
        }


@pytest.fixture
def small_aws() -> Iterator[SmallAws]:
    """The small AWS, listening."""
    aws = SmallAws()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            operation = headers.get("x-amz-target", "").rpartition(".")[2] or body.partition("&")[0].rpartition("=")[2]
            aws.requests.append(Arrived(operation, headers, body))
            answer = aws.answer(operation, headers)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        aws.url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield aws
        listening.shutdown()
        thread.join()


@pytest.fixture
def at_home(small_aws: SmallAws, monkeypatch: pytest.MonkeyPatch) -> SmallAws:
    """The small AWS, with this process's clients pointed at it as `sageyard env` does."""
    monkeypatch.syspath_prepend(str(PLUGIN_DIR))
    for name in ("SAGEYARD_FAST_POLL", "AWS_PROFILE", "AWS_ENDPOINT_URL_STS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": small_aws.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "sageyard",
        "AWS_SECRET_ACCESS_KEY": "sageyard",
        "BOTOCORE_EXPERIMENTAL__PLUGINS": "sageyard=sageyard_client",
    }.items():
        monkeypatch.setenv(name, value)
    return small_aws
