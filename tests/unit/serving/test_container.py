"""One container, on the real process runner."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from sageyard.clock import ShiftedClock
from sageyard.runners.base import RunRequest
from sageyard.runners.images import Images
from sageyard.runners.process import ProcessRunner
from sageyard.serving.container import Container, UnhealthyError
from sageyard.serving.log_stream import LogStream
from sageyard.settings import Settings


class Lines:
    """A log that remembers."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def create_stream(self, region: str, group: str, stream: str) -> None:
        pass

    def append(self, region: str, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        self.written += [message for _, message in events]

    def tail(self, region: str, group: str, stream: str, lines: int = 20) -> list[str]:
        return self.written[-lines:]


def new_container(folder: Path, logs: Lines, seconds: float, **environment: str) -> Container:
    (folder / "root").mkdir()
    request = RunRequest("c", "parrot", folder / "root", arguments=("serve",), environment=environment)
    runner = ProcessRunner(Settings(state_dir=folder), Images(Path(__file__).parent))
    return Container(runner, "primary", request, LogStream(logs, ShiftedClock(), "r", "g", "s"), seconds)


def test_a_container_that_never_listens_is_ended_at_the_time_limit(tmp_path: Path) -> None:
    async def scenario() -> None:
        container = new_container(tmp_path, Lines(), 0.6, DEAF="1")
        with pytest.raises(UnhealthyError, match=r"no 200 from /ping within 0\.6 s\. Last output: I hear nothing"):
            await container.start()
        assert not container.healthy
        assert container.pid is not None
        assert not psutil.pid_exists(container.pid)

    asyncio.run(scenario())


def test_a_port_that_somebody_else_took_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    class Slow(ProcessRunner):
        """Somebody else is quicker with the port that was free."""

        def bind_port(self) -> int:
            return int(taken.getsockname()[1])

    async def scenario() -> None:
        container = new_container(tmp_path, Lines(), 20)
        container._runner = Slow(Settings(state_dir=tmp_path), Images(Path(__file__).parent))
        with pytest.raises(UnhealthyError, match=r"it exited with code 1\. Last output: .*[Aa]ddress already in use"):
            await container.start()
        assert container.pid is not None
        assert not psutil.pid_exists(container.pid)

    with socket.create_server(("", 0)) as taken:
        asyncio.run(scenario())


def test_the_end_of_a_container_is_noticed_though_its_address_answers_nothing(tmp_path: Path) -> None:
    class Silent(ProcessRunner):
        """Gives it the address of a listener that accepts no more connections, as one that has gone does not."""

        def bind_port(self) -> int:
            return int(full.getsockname()[1])

    async def scenario() -> None:
        container = new_container(tmp_path, Lines(), 60, REFUSE_START="1")
        container._runner = Silent(Settings(state_dir=tmp_path), Images(Path(__file__).parent))
        with pytest.raises(UnhealthyError, match=r"it exited with code 7\. Last output: no model for you"):
            await asyncio.wait_for(container.start(), 20)

    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        for _ in range(3):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        asyncio.run(scenario())


def test_a_container_is_healthy_soon_after_it_listens_and_gone_after_stop(tmp_path: Path) -> None:
    async def scenario() -> None:
        logs = Lines()
        container = new_container(tmp_path, logs, 20)
        started = time.monotonic()
        await container.start()
        assert container.healthy
        assert time.monotonic() - started < 5
        answer = await container.exchange(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n", b"hi", 5)
        assert (answer.status, answer.body) == (200, b"hi")
        await container.stop(5)
        assert container.pid is not None
        assert not psutil.pid_exists(container.pid)

    asyncio.run(scenario())
