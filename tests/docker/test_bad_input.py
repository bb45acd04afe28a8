"""What goes wrong around containers ends in a FailureReason that says what it was, and leaves nothing running."""

import asyncio
import os
import re
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

from tests.conftest import Server, eventually, free_port, start_server
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


def test_an_endpoint_whose_image_is_missing_names_it(work: Work, docker_server: Server, unique: str) -> None:
    ended = work.deploy(unique, "busybox:1.36")
    assert ended["EndpointStatus"] == "Failed"
    assert "the Docker Engine has no image 'busybox:1.36'" in ended["FailureReason"]
    assert containers_of(docker_server) == []


@pytest.fixture(scope="module")
def without_python(tmp_path_factory: pytest.TempPathFactory, own_image: str) -> str:
    """The user's image once more, from which Python is gone; `train` is a shell script."""
    folder = tmp_path_factory.mktemp("without-python")
    (folder / "train").write_text("#!/bin/sh\necho trained > /opt/ml/model/m\n")
    (folder / "train").chmod(0o755)
    (folder / "Dockerfile").write_text(
        f"FROM {OWN}\nRUN rm -rf /usr/local/bin/python* /usr/local/lib/python*\nCOPY train /usr/local/bin/\n"
    )
    docker("build", "--quiet", "--tag", "sageyard-test/without-python", str(folder))
    return "sageyard-test/without-python"


def test_an_image_without_python_trains_and_says_so_where_python_is_asked_for(
    work: Work, docker_server: Server, without_python: str, unique: str
) -> None:
    trained = work.train(f"{unique}-1", without_python)
    assert trained["TrainingJobStatus"] == "Completed"
    assert work.model(trained) == {"m": b"trained\n"}
    entrypoint = {"ContainerEntrypoint": ["python3", "/opt/ml/code/train.py"]}
    failed = work.train(f"{unique}-2", without_python, AlgorithmSpecification=entrypoint)
    assert failed["TrainingJobStatus"] == "Failed"
    assert re.match("AlgorithmError: .*python3.* not found.*, exit code: 127", failed["FailureReason"], re.DOTALL)
    endpoint = work.deploy(unique, without_python)  # its `serve` is a Python program
    assert endpoint["EndpointStatus"] == "Failed"
    assert "exited with code 127" in endpoint["FailureReason"]
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


def test_while_the_engine_is_away_jobs_and_endpoints_fail_and_the_server_goes_on(
    own_image: str, tmp_path: Path, unique: str
) -> None:
    relay = Relay(tmp_path / "engine.sock")
    state = tmp_path / "state"
    server = start_server(state, options=["--runner", "docker"], DOCKER_HOST=f"unix://{tmp_path}/engine.sock")
    try:
        work = Work(server)
        assert work.deploy("serving", own_image)["EndpointStatus"] == "InService"
        relay.cut()
        job = work.train(unique, own_image)
        assert job["TrainingJobStatus"] == "Failed"
        assert re.match("InternalServerError: image .* could not be looked up: ", job["FailureReason"])
        endpoint = work.deploy(unique, own_image)
        assert endpoint["EndpointStatus"] == "Failed"
        assert "could not be started" in endpoint["FailureReason"]
        serving = work.sagemaker.describe_endpoint(EndpointName="serving")
        assert serving["EndpointStatus"] == "InService"
        assert server.get("/_sageyard/health")["status"] == "ok"
    finally:
        server.stop()
        lease.remove(connect(), lease.STATE_DIR, str(state))
    assert containers_of(server) == []
