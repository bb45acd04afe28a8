"""How work is executed: a request, a handle, and what a runner promises.

A runner starts one container-like process per request, with the request's `root` visible to it as `/opt/ml`.
It knows nothing of jobs and endpoints. Runners never import each other; each passes the contract in
`tests/conformance/runner_contract.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

OutputSink = Callable[[list[str]], None]
"""Receives complete output lines (stdout and stderr interleaved, no line ends), in order, in the event loop."""


class ImageNotFoundError(LookupError):
    """No image answers to this URI; the message names it and says what can be done."""


class StartError(RuntimeError):
    """The process could not be started; the message says why."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One container to run.

    `entrypoint` and `arguments` follow Docker's rules: None means the image's own; an entrypoint without
    arguments drops the image's command; arguments without an entrypoint follow the image's entrypoint.
    """

    name: str
    """Unique among running requests, e.g. `training-job/churn/algo-1`; used in labels and messages."""
    image_uri: str
    root: Path
    """Directory on this machine that the container sees as /opt/ml."""
    arguments: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    hostname: str = "algo-1"
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Host name -> address that the container resolves it to; the process runner gives each host its own
    loopback address (127.0.0.1 for algo-1, 127.0.1.2 for algo-2, ...)."""
    memory: int | None = None
    """Limit in bytes; exceeding it ends the container and `RunExit.out_of_memory` says so."""
    cpus: float | None = None
    network: bool = True


@dataclass(frozen=True, slots=True)
class RunExit:
    """How a container ended. `code` is the exit status, or 128 + signal number."""

    code: int
    out_of_memory: bool = False


class RunHandle(Protocol):
    """A running container."""

    pid: int | None

    async def wait(self) -> RunExit:
        """Wait for the end; any number of callers. Returns after the last output line was delivered."""

    async def stop(self, grace: float) -> RunExit:
        """SIGTERM to the container's process group, SIGKILL after `grace` seconds; returns when nothing of it runs."""

    def address(self, port: int) -> tuple[str, int]:
        """Where the server reaches the container's `port`."""


class Runner(Protocol):
    """Starts containers."""

    def check(self, image_uri: str) -> None:
        """Raise ImageNotFoundError if this URI cannot be run."""

    def bind_port(self) -> int:
        """The port an inference container of this runner must listen on: 8080 where each has its own network,
        a free one where they share the machine's. Handed to it as SAGEMAKER_BIND_TO_PORT."""

    async def start(self, request: RunRequest, output: OutputSink) -> RunHandle:
        """Start a container. ImageNotFoundError, StartError. Whatever it runs dies with the server."""
