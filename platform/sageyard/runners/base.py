"""How work is executed: a request, a handle, and what a runner promises.

A runner starts one container-like process per request, with the request's `root` visible to it as `/opt/ml`.
It knows nothing of jobs and endpoints. Runners never import each other; each passes the contract in
`tests/conformance/runner_contract.py`.
"""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

OutputSink = Callable[[list[str]], None]
"""Receives complete output lines (stdout and stderr interleaved, no line ends), in order, in the event loop."""

SHARED_CORES = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Variables of every container, where neither request nor image sets them. Containers share the cores: OpenMP threads
that spin at each barrier wait for one that was descheduled, and 100 XGBoost rounds on 400 rows take 2 s instead of
0.06 s beside another busy process."""


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
    """All hosts of the job: host name -> address that the container resolves it to. The process runner gives each
    host the loopback address named here; a runner that gives each a network address of its own resolves the names to
    those."""
    memory: int | None = None
    """Limit in bytes; exceeding it ends the container and `RunExit.out_of_memory` says so."""
    cpus: float | None = None
    gpus: bool = False
    """Give it the machine's GPUs, if there are any and the runner has to ask for them."""
    network: bool = True
    """Whether it reaches anything but itself and the other hosts of its job."""
    serves: bool = False
    """Whether the server connects to it, also where it has no network."""
    read_only: tuple[str, ...] = ()
    """Folders below `root` that the container must not change, kept so where the runner can see to it."""


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
        """SIGTERM to the container, SIGKILL after `grace` seconds; returns when nothing of it runs."""

    def address(self, port: int) -> tuple[str, int]:
        """Where the server reaches the container's `port`."""

    def socket(self) -> socket.socket | None:
        """A socket from which `address` is reached; None where any socket will do. OSError."""


class Standby(Protocol):
    """A container that has everything but its program, variables and files."""

    async def start(self, request: RunRequest, output: OutputSink) -> RunHandle:
        """Run the request's program in it, or in a new container where it does not fit or has ended; once.
        ImageNotFoundError, StartError."""

    async def discard(self) -> None:
        """Remove it, unused."""


class Runner(Protocol):
    """Starts containers."""

    @property
    def network_interface(self) -> str:
        """The interface by which hosts of one job talk, for resourceconfig.json."""

    @property
    def server_addresses(self) -> tuple[str, ...]:
        """Addresses, besides the settings' own, at which containers expect the server to listen; after `open`."""

    def open(self) -> None:
        """Get ready, and remove what a server that died left running. Blocks; StartError."""

    def close(self) -> None:
        """End what is left. Blocks."""

    def client_environment(self, region: str) -> dict[str, str]:
        """The variables by which AWS clients in a container reach this server; after `open`."""

    def check(self, image_uri: str) -> None:
        """Raise ImageNotFoundError if this URI cannot be run; StartError. Blocks."""

    def bind_port(self) -> int:
        """The port an inference container of this runner must listen on: 8080 where each has its own network,
        a free one where they share the machine's. Handed to it as SAGEMAKER_BIND_TO_PORT."""

    async def start(self, request: RunRequest, output: OutputSink) -> RunHandle:
        """Start a container. ImageNotFoundError, StartError. Whatever it runs dies with the server."""

    async def prepare(self, request: RunRequest) -> Standby | None:
        """Have a container ready for a later request of the same image, host, limits and network, and with this very
        `root`, which is emptied of nothing and filled until the start. None where it would save nothing.
        ImageNotFoundError, StartError."""
