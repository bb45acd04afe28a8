"""The Docker Engine: where it listens, and what it says when it cannot do something.

Any engine with the API of Docker 20.10 or newer, which Podman's socket speaks, too.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException

from sageyard.runners.base import StartError

FAILURES = (DockerException, requests.exceptions.RequestException, OSError)
"""What a call of the engine may raise."""
DOCKER_SOCKET = Path("/var/run/docker.sock")
SECONDS = 60
"""How long one answer of the engine may take, but for waits and streams."""


def address() -> str:
    """DOCKER_HOST, else Docker's socket, else Podman's where only that one is there."""
    if given := os.environ.get("DOCKER_HOST"):
        return given
    podman = [Path("/run/podman/podman.sock")]
    if folder := os.environ.get("XDG_RUNTIME_DIR"):
        podman.insert(0, Path(folder) / "podman" / "podman.sock")
    socket = DOCKER_SOCKET
    if not socket.exists():
        socket = next((path for path in podman if path.exists()), socket)
    return f"unix://{socket}"


def connect() -> Any:
    """A client of the engine's API; StartError where none answers."""
    try:
        environment = {**os.environ, "DOCKER_HOST": address()}
        return docker.from_env(environment=environment, timeout=SECONDS).api
    except FAILURES as error:
        raise StartError(
            f"no Docker Engine answers at {address()} ({reason(error)}). Start one, let DOCKER_HOST name it, see to "
            "it that you may use its socket, or run `sageyard up --runner process`"
        ) from error


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what the engine refuses into a StartError that says what was attempted."""
    try:
        yield
    except FAILURES as error:
        raise StartError(f"{what}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """The engine's own words."""
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation)
    return str(error) or type(error).__name__
