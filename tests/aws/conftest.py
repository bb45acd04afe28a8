"""A server of the AWS services, started by the session and killed by it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).parents[2]
SERVER = Path(__file__).with_name("aws_server.py")


class AwsProcess:
    """One server process over one state folder; `kill` is kill -9."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start and wait until it answers."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "platform")}
        command = [sys.executable, str(SERVER), str(self.port), str(self.state_dir)]
        self.process = subprocess.Popen(command, env=environment)
        deadline = time.monotonic() + 20
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 0.2):
                    return
            except OSError:
                assert self.process.poll() is None, "the server ended at its start"
                assert time.monotonic() < deadline, "the server did not start within 20 s"
                time.sleep(0.02)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it as a user would."""
        self.process.terminate()
        self.process.wait(20)

    def restart(self) -> None:
        """Kill and start again."""
        self.kill()
        self.start()

    def client(self, service: str, region: str = "us-east-1", **config):
        """A real boto3 client."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(retries={"max_attempts": 1}, **config),
        )

    def reset(self) -> None:
        """Forget everything."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST"), timeout=10).close()

    def memory(self) -> int:
        """Resident bytes of the process."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="session")
def aws_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsProcess]:
    """The server that tests share."""
    server = AwsProcess(tmp_path_factory.mktemp("state"))
    yield server
    server.stop()


@pytest.fixture
def aws(aws_process: AwsProcess) -> AwsProcess:
    """The shared server, empty."""
    aws_process.reset()
    return aws_process


@pytest.fixture
def own_aws(tmp_path: Path) -> Iterator[AwsProcess]:
    """A server of one's own, to be killed."""
    server = AwsProcess(tmp_path / "state")
    yield server
    server.kill()


@pytest.fixture
def s3(aws: AwsProcess):
    """An S3 client with a bucket `bucket`."""
    client = aws.client("s3")
    client.create_bucket(Bucket="bucket")
    return client
