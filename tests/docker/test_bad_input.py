"""What goes wrong around containers ends in a FailureReason that says what it was, and leaves nothing running."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sageyard.runners.base import RunRequest
from sageyard.runners.docker import lease
from sageyard.runners.docker.container import LOST
from sageyard.runners.docker.engine import address, connect
from sageyard.runners.docker.runner import DockerRunner
from sageyard.serving.container import Container, UnhealthyError
from sageyard.settings import Settings

from tests.conftest import Server, eventually, free_port
from tests.docker.conftest import OWN, Work, containers_of, docker

pytestmark = pytest.mark.docker


def test_a_job_whose_image_is_missing_names_it(work: Work, docker_server: Server, unique: str) -> None:
    ended = work.train(unique, "busybox:1.36")
    assert ended["TrainingJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("ClientError: the Docker Engine has no image 'busybox:1.36'")
    assert "nothing is pulled by itself" in ended["FailureReason"]
    assert containers_of(docker_server) == []


def test_an_entrypoint_that_is_not_there_is_named(
    work: Work, docker_server: Server, own_image: str, unique: str
) -> None:
    ended = work.train(unique, own_image, AlgorithmSpecification={"ContainerEntrypoint": ["/no/such/program"]})
    assert ended["TrainingJobStatus"] == "Failed"
    assert "/no/such/program" in ended["FailureReason"]
    assert ended["FailureReason"].endswith("exit code: 127")
    eventually(lambda: containers_of(docker_server) == [], 10, "the removal of the container")


def test_a_job_that_takes_too_much_memory_is_ended_and_says_so(
    work: Work, docker_server: Server, own_image: str, unique: str
) -> None:
    """An ml.t3.medium has 4 GiB."""
    script = "block = bytearray(1)\nwhile True: block *= 2; block[::4096] = bytes([1]) * len(block[::4096])"
    ended = work.train(unique, own_image, script, ResourceConfig={"InstanceType": "ml.t3.medium"})
    assert ended["TrainingJobStatus"] == "Failed"
    assert "more memory" in ended["FailureReason"]
    assert "exit code: 137" in ended["FailureReason"]
    eventually(lambda: containers_of(docker_server) == [], 10, "the removal of the container")


def test_an_endpoint_whose_container_ends_fails_with_its_last_words(
    work: Work, docker_server: Server, unique: str, own_image: str
) -> None:
    ended = work.deploy(unique, "python:3.11-slim")  # has no program `serve`
    assert ended["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in ended["FailureReason"]
    assert "serve" in ended["FailureReason"]
    eventually(lambda: containers_of(docker_server) == [], 10, "the removal of the container")


class Words:
    """A log stream that keeps nothing."""

    def write(self, lines: list[str]) -> None:
        """Take lines."""


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import time; print('loading', flush=True); time.sleep(600)", "no 200 from /ping within 2 s.*loading"),
        ("import socket, time; s = socket.create_server(('', 8080)); time.sleep(600)", "no 200 from /ping within 2 s"),
    ],
    ids=["nobody listens", "nobody answers"],
)
def test_a_container_that_never_answers_ping_is_ended_in_its_time(
    own_image: str, tmp_path: Path, script: str, said: str
) -> None:
    runner = DockerRunner(Settings(state_dir=tmp_path))
    runner.open()
    request = RunRequest("endpoint/1", OWN, tmp_path, entrypoint=("python", "-c", script))
    log: Any = Words()
    try:
        with pytest.raises(UnhealthyError, match=said):
            asyncio.run(Container(runner, "primary", request, log, 2.0).start())
        eventually(lambda: not docker("ps", "-q", "--filter", f"label=com.sageyard.state-dir={tmp_path}"), 10)
    finally:
        runner.close()


def test_a_server_without_an_engine_does_not_start_and_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sageyard", "up", "--runner", "docker", "--state-dir", str(tmp_path)]
    environment = os.environ | {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    done = subprocess.run(
        [*command, "--port", str(free_port())], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert f"no Docker Engine answers at unix://{tmp_path}/none.sock" in done.stderr
    assert "--runner process" in done.stderr


class Relay:
    """A socket that leads to the engine until it is cut."""

    def __init__(self, path: Path) -> None:
        self._engine = address().removeprefix("unix://")
        self._connections: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(self._engine)
            self._connections += [client, engine]
            for source, target in ((client, engine), (engine, client)):
                threading.Thread(target=_copy, args=(source, target), daemon=True).start()

    def cut(self) -> None:
        """What an engine that stops does to its clients."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            connection.close() if connection.fileno() < 0 else connection.shutdown(socket.SHUT_RDWR)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture
def relayed(own_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[DockerRunner, Relay]]:
    """A runner whose engine can go away."""
    relay = Relay(tmp_path / "engine.sock")
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")
        runner = DockerRunner(Settings(state_dir=tmp_path / "state"))
        runner.open()
    yield runner, relay
    runner.close()
    lease.remove(connect(), lease.STATE_DIR, str(tmp_path / "state"))


def test_a_container_whose_engine_goes_away_has_ended(relayed: tuple[DockerRunner, Relay], tmp_path: Path) -> None:
    runner, relay = relayed

    async def main() -> tuple[Any, list[str]]:
        lines: list[str] = []
        request = RunRequest("job/algo-1", OWN, tmp_path, entrypoint=("sleep", "600"))
        handle = await runner.start(request, lines.extend)
        relay.cut()
        return await handle.wait(), lines

    result, lines = asyncio.run(main())
    assert result == LOST
    assert "the Docker Engine lost this container" in lines[-1]
