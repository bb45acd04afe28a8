"""One live server for the whole session, and real clients against it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

REPOSITORY = Path(__file__).parent.parent
ACCOUNT = "123456789012"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageyardExecutionRole"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that need a Docker Engine are left out where none answers; with SAGEYARD_TEST_DOCKER=1 they then fail."""
    marked = [item for item in items if item.get_closest_marker("docker")]
    if marked and os.environ.get("SAGEYARD_TEST_DOCKER") != "1" and not _engine_answers():
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]


def _engine_answers() -> bool:
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(condition: Callable[[], Any], seconds: float = 30.0, what: str = "the condition") -> Any:
    """The first true value of `condition`, polled; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true within {seconds} s")


@dataclass
class Server:
    """A running server, started by command line as a user would."""

    url: str
    state_dir: Path
    process: subprocess.Popen[bytes]

    def client(self, service: str, region: str = REGION) -> Any:
        """A plain boto3 client; no plugin, no retries that would hide a failure."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )

    def get(self, path: str) -> Any:
        """JSON of one of Sageyard's own endpoints."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def post(self, path: str, document: Any = None) -> Any:
        """POST JSON to one of Sageyard's own endpoints."""
        request = urllib.request.Request(self.url + path, json.dumps(document or {}).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def kill(self) -> None:
        """kill -9: nothing gets a chance to clean up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        """SIGTERM, as `sageyard down` does."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the server did not end within 20 s of SIGTERM") from None


def start_server(state_dir: Path, port: int | None = None, options: Sequence[str] = (), **environment: str) -> Server:
    """Start `sageyard up`, with further options, and wait until it answers."""
    port = port or free_port()
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sageyard", "up", "--port", str(port), "--state-dir", str(state_dir), *options],
            stdout=log,
            stderr=log,
            env=os.environ | {"SAGEYARD_LOG_LEVEL": "INFO"} | environment,
        )
    server = Server(f"http://127.0.0.1:{port}", state_dir, process)

    def ready() -> bool:
        assert process.poll() is None, (state_dir / "server.log").read_text()[-3000:]
        try:
            return bool(server.get("/_sageyard/health")["status"] == "ok")
        except OSError:
            return False

    eventually(ready, 60, "the server's readiness")
    return server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The session's server; tests use names of their own."""
    running = start_server(tmp_path_factory.mktemp("state"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


@pytest.fixture(scope="session")
def s3(server: Server) -> Any:
    return server.client("s3")


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> str:
    """A resource name of the test's own."""
    stem = "".join(c if c.isalnum() else "-" for c in request.node.name)[:30].strip("-")
    return f"{stem}-{os.urandom(4).hex()}"


@pytest.fixture
def bucket(s3: Any, unique: str) -> str:
    """A bucket of the test's own."""
    name = f"test-{os.urandom(6).hex()}"
    s3.create_bucket(Bucket=name)
    return name
