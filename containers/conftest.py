"""What tests of images share: a container's `/opt/ml` in a temporary folder, and the image's entrypoint started."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server

import pytest

CONTAINERS = Path(__file__).parent
DEADLINE = 60


def clean_environment(base: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a container: none of the caller's SageMaker or AWS variables."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SAGEMAKER_", "SM_", "AWS_"))}
    return {**kept, "SAGEMAKER_BASE_DIR": str(base), "PYTHONUNBUFFERED": "1", **extra}


@dataclass
class TrainingFolder:
    """One host's `/opt/ml` before and after training."""

    base: Path
    image: str
    output: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def configure(
        self,
        hyperparameters: Mapping[str, object],
        channels: Mapping[str, str] | None = None,
        hosts: tuple[str, ...] = ("algo-1",),
        host: str = "algo-1",
    ) -> None:
        """Write the configuration files; `channels` is name -> ContentType."""
        config = self.base / "input" / "config"
        config.mkdir(parents=True, exist_ok=True)
        files = {
            "hyperparameters": {k: v if isinstance(v, str) else json.dumps(v) for k, v in hyperparameters.items()},
            "inputdataconfig": {
                name: {"ContentType": kind, "TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}
                for name, kind in (channels or {}).items()
            },
            "resourceconfig": {"current_host": host, "hosts": list(hosts), "network_interface_name": "eth0"},
        }
        for name, content in files.items():
            (config / f"{name}.json").write_text(json.dumps(content))

    def put(self, channel: str, name: str, content: str | bytes) -> None:
        """Put a file into a channel."""
        path = self.base / "input" / "data" / channel / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def start(self) -> subprocess.Popen[str]:
        """Start `<entrypoint> train`."""
        return subprocess.Popen(
            [sys.executable, str(CONTAINERS / self.image / "entrypoint.py"), "train"],
            env=clean_environment(self.base, self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def train(self) -> int:
        """Run `<entrypoint> train` to its end; its status. What it printed is in `output`."""
        process = self.start()
        self.output = process.communicate(timeout=DEADLINE)[0]
        return process.returncode

    @property
    def failure(self) -> str:
        """What the platform would show as the FailureReason."""
        path = self.base / "output" / "failure"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def training_folder(tmp_path: Path) -> type[TrainingFolder]:
    """The class; tests name the image."""
    return TrainingFolder


@dataclass
class Server:
    """A running `<entrypoint> serve`."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    def request(
        self, body: bytes = b"", content_type: str = "text/csv", accept: str = "", path: str = "/invocations"
    ) -> tuple[int, bytes, str]:
        """POST (to other paths than /invocations: GET); status, body and Content-Type of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        headers = {"Content-Type": content_type} | ({"Accept": accept} if accept else {})
        connection.request("POST" if path == "/invocations" else "GET", path, body or None, headers)
        answer = connection.getresponse()
        result = answer.status, answer.read(), answer.getheader("Content-Type", "")
        connection.close()
        return result


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def serving(image: str, base: Path, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Start the image's server on a free port, wait until it answers /ping, end it afterwards."""
    port = free_port()
    log = base / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, str(CONTAINERS / image / "entrypoint.py"), "serve"],
            env=clean_environment(base, {"SAGEMAKER_BIND_TO_PORT": str(port), **(environment or {})}),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    server = Server(process, port, log)
    try:
        end = time.monotonic() + DEADLINE
        while process.poll() is None:
            try:
                if server.request(path="/ping")[0] == 200:
                    break
            except OSError:
                assert time.monotonic() < end, log.read_text()
        yield server
    finally:
        process.terminate()
        process.wait(DEADLINE)


@pytest.fixture(scope="session")
def serve() -> object:
    """The context manager `serving(image, base, environment)`."""
    return serving
