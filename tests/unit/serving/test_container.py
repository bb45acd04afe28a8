"""One container, on the real process runner."""

import asyncio
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
