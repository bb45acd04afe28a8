"""A serving process, real clients against it, and eyes on what it left on disk."""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config

HERE = Path(__file__).parent
ROLE = "arn:aws:iam::123456789012:role/r"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/parrot:1"
TEXT = "text/csv"


def until(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    """The first true value of `condition`; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def archive(files: dict[str, bytes]) -> bytes:
    """A tar.gz of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


class World:
    """A server of the test's own, started by command line."""

    def __init__(self, state: Path, *arguments: str) -> None:
        self.state = state
        self.bucket = state / "s3" / "bucket"
        self.bucket.mkdir(parents=True, exist_ok=True)
        self.arguments = arguments
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
        config = Config(retries={"total_max_attempts": 1}, max_pool_connections=32)
        self.sagemaker = boto3.client("sagemaker", endpoint_url=self.url, config=config, **keys)
        self.runtime = boto3.client("sagemaker-runtime", endpoint_url=self.url, config=config, **keys)
        self.start()

    def start(self) -> None:
        with (self.state / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, HERE / "server.py", self.state, str(self.port), HERE, *self.arguments],
                stdout=log,
                stderr=log,
            )
        until(self._answers, "the server answers")

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.state / "server.log").read_text()[-3000:]
        try:
            urllib.request.urlopen(self.url + "/endpoints/none/invocations", b"", timeout=5)
        except urllib.error.HTTPError as error:
            return error.code == 400
        except OSError:
            return False
        raise AssertionError("an endpoint called none")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    # resources

    def model(self, name: str, version: str = "", **container: Any) -> str:
        """A model whose archive holds version.txt; more members of its container by keyword."""
        if version:
            (self.bucket / f"{name}.tar.gz").write_bytes(archive({"version.txt": version.encode()}))
            container["ModelDataUrl"] = f"s3://bucket/{name}.tar.gz"
        self.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, **container}
        )
        return name

    def config(self, name: str, *variants: dict[str, Any], **members: Any) -> str:
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {"VariantName": "AllTraffic", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large", **variant}
                for variant in variants
            ],
            **members,
        )
        return name

    def endpoint(self, name: str, *variants: dict[str, Any], status: str = "InService", **members: Any) -> str:
        """An endpoint of its own config and, unless variants say otherwise, of its own plain model."""
        variants = variants or ({"ModelName": self.model(f"{name}-model")},)
        self.config(f"{name}-config", *variants, **members)
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-config")
        self.settled(name, status)
        return name

    def settled(self, name: str, status: str = "InService") -> dict[str, Any]:
        def look() -> Any:
            described = self.describe(name)
            return described if not described["EndpointStatus"].endswith("ing") else None

        described: dict[str, Any] = until(look, f"endpoint {name} settles")
        assert described["EndpointStatus"] == status, described
        return described

    def describe(self, name: str) -> dict[str, Any]:
        return dict(self.sagemaker.describe_endpoint(EndpointName=name))

    def gone(self, name: str) -> bool:
        try:
            self.describe(name)
        except self.sagemaker.exceptions.ClientError as error:
            return "Could not find" in str(error)
        return False

    def invoke(self, name: str, body: bytes | str = b"1,2", **members: Any) -> bytes:
        members = {"ContentType": TEXT, **members}
        return bytes(self.runtime.invoke_endpoint(EndpointName=name, Body=body, **members)["Body"].read())

    def about(self, name: str, **members: Any) -> dict[str, Any]:
        """What the container that answered says about itself."""
        return dict(json.loads(self.invoke(name, "about", **members)))

    # what it left

    def captured(self, name: str, variant: str = "AllTraffic") -> list[dict[str, Any]]:
        """All records delivered for a variant."""
        files = sorted((self.bucket / "capture" / name / variant).rglob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def log(self, name: str) -> str:
        folder = self.state / "logs" / "aws" / "sagemaker" / "Endpoints" / name
        return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())

    def metrics(self, name: str, dimensions: int = 2) -> dict[str, dict[str, Any]]:
        """Metric name -> datum, of an endpoint's only variant, whatever its endpoint configuration."""
        lines = (self.state / "metrics").read_text().splitlines() if (self.state / "metrics").exists() else []
        found = [json.loads(line) for line in lines]
        own = [
            item for item in found if item["Dimensions"][0]["Value"] == name and len(item["Dimensions"]) == dimensions
        ]
        return {item["MetricName"]: item for item in own}

    def processes(self, name: str, kind: str = "endpoints") -> list[int]:
        """What runs of an endpoint, or of one of the `components`: processes that were started with its folder, and
        their children."""
        folder = str(self.state / "work" / kind / "us-east-1" / name)
        found: list[int] = []
        for process in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(folder in part for part in process.cmdline()):
                    found += [process.pid, *(child.pid for child in process.children(recursive=True))]
        return found


def capture_config(percentage: int = 100, modes: tuple[str, ...] = ("Input", "Output"), **members: Any) -> Any:
    """A DataCaptureConfig into the test's bucket."""
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": percentage,
        "DestinationS3Uri": "s3://bucket/capture",
        "CaptureOptions": [{"CaptureMode": mode} for mode in modes],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
        **members,
    }


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The server that most tests share; endpoints have names of their own."""
    shared = World(tmp_path_factory.mktemp("serving"), "1.0")
    yield shared
    shared.stop()


@pytest.fixture
def own_world(tmp_path: Path) -> Iterator[World]:
    """A server of the test's own, to be killed and restarted."""
    own = World(tmp_path)
    yield own
    if own.process.poll() is None:
        own.stop()


@pytest.fixture
def name() -> str:
    """An endpoint name of the test's own."""
    return f"e-{os.urandom(4).hex()}"


@pytest.fixture
def new_capture() -> Callable[..., Any]:
    return capture_config


@pytest.fixture
def new_archive() -> Callable[[dict[str, bytes]], bytes]:
    return archive


@pytest.fixture
def wait() -> Callable[..., Any]:
    return until
