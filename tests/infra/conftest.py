"""Sageyard's own image, built and started by Docker Compose."""

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.conftest import REPOSITORY, Server, eventually, free_port
from tests.local_mode.conftest import build_image, docker

IMAGE = "sageyard-test/server"


def compose_command() -> list[str]:
    """`docker compose`, else the older `docker-compose`."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
    return ["docker", "compose"] if plugin else ["docker-compose"]


@pytest.fixture(scope="session")
def image() -> str:
    """Sageyard's image, by the command that the Dockerfile names."""
    docker("build", "-f", "infra/Dockerfile", "-t", IMAGE, ".", cwd=REPOSITORY)
    return IMAGE


@pytest.fixture(scope="session")
def built_scikit_learn() -> str:
    """The image that Docker jobs of the tests run in, by the name that the engine has it under."""
    build_image("sagemaker-scikit-learn")
    return "sageyard/sagemaker-scikit-learn"


Compose = Callable[..., str]


@contextmanager
def project(file: str, environment: dict[str, str]) -> Iterator[Compose]:
    """`docker compose` with a project of its own that is up; it is taken down at the end, with its volumes."""
    name = f"sageyard-test-{uuid.uuid4().hex[:8]}"

    def run(*arguments: str) -> str:
        command = [*compose_command(), "-p", name, "-f", f"infra/{file}", *arguments]
        done = subprocess.run(command, cwd=REPOSITORY, env=os.environ | environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip()

    run("up", "-d")
    try:
        yield run
    finally:
        run("down", "--volumes")


@pytest.fixture(scope="session")
def compose(image: str) -> Iterator[Compose]:
    """`docker compose -f infra/compose.yaml`, up."""
    with project("compose.yaml", {"SAGEYARD_IMAGE": image, "SAGEYARD_PORT": str(free_port())}) as run:
        yield run


@pytest.fixture(scope="session")
def container(compose: Compose) -> str:
    return compose("ps", "-q", "sageyard")


@pytest.fixture(scope="session")
def composed(compose: Compose, container: str, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The server in the container; `process` is that of nobody here."""
    wait_until_healthy(container)
    address = docker("port", container, "4747").splitlines()[0]
    return Server(f"http://{address}", tmp_path_factory.mktemp("client"), process=None)  # type: ignore[arg-type]


def inspected(container: str) -> Any:
    return json.loads(docker("inspect", container))[0]


def wait_until_healthy(container: str) -> None:
    eventually(
        lambda: inspected(container)["State"]["Health"]["Status"] == "healthy", 60, f"the health of {container[:12]}"
    )
