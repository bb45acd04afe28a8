"""One container from its start to its end."""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from docker.errors import APIError, NotFound

from sageyard.runners.base import OutputSink, RunExit
from sageyard.runners.docker.engine import FAILURES, reason
from sageyard.runners.docker.namespace import NetworkNamespace
from sageyard.runners.output import Lines

logger = logging.getLogger(__name__)

LOST = RunExit(137)
"""What is reported of a container that went away with its engine."""


@dataclass(frozen=True, slots=True)
class Started:
    """A container that the engine has started."""

    id: str
    address: str
    pid: int | None
    network: str
    namespace: NetworkNamespace | None = None


class ContainerHandle:
    """Implements `base.RunHandle`. Made in the event loop; a thread of its own reads the output until the end."""

    def __init__(self, api: Any, executor: Executor, container: Started, sink: OutputSink) -> None:
        self.pid = container.pid
        self.id = container.id
        self._api = api
        self._executor = executor
        self._container = container
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[RunExit] = self._loop.create_future()

    def follow(self, output: Iterator[bytes], ended: Callable[[], None], remove: Callable[[], None]) -> None:
        """Begin to read. In the thread, `ended` is called when the container has ended, before `wait` returns, and
        `remove` afterwards."""
        arguments = (output, ended, remove)
        threading.Thread(target=self._follow, args=arguments, name=f"container {self.id[:12]}", daemon=True).start()

    def address(self, port: int) -> tuple[str, int]:
        """The container's own address in the server's network, or in its own where that is all it has."""
        return self._container.address, port

    def socket(self) -> socket.socket | None:
        """One of the container's own network, where it has no other."""
        namespace = self._container.namespace
        return namespace.socket() if namespace is not None else None

    async def wait(self) -> RunExit:
        """Wait for the end of the container and of its output."""
        return await asyncio.shield(self._end)

    async def stop(self, grace: float) -> RunExit:
        """SIGTERM to the container's program, SIGKILL to all of it after `grace` seconds."""
        if not self._end.done() and grace > 0:
            await self._signal("SIGTERM")
            await asyncio.wait([self._end], timeout=grace)
        if not self._end.done():
            await self._signal("SIGKILL")
        return await self.wait()

    async def _signal(self, name: str) -> None:
        with suppress(*FAILURES):  # it has ended already, or its engine has
            await self._loop.run_in_executor(self._executor, self._api.kill, self.id, name)

    def _follow(self, output: Iterator[bytes], ended: Callable[[], None], remove: Callable[[], None]) -> None:
        lines = Lines()
        try:
            for data in output:
                self._deliver(lines.feed(data))
            self._deliver(lines.end())
            code = self._api.wait(self.id, timeout=None)["StatusCode"]
            state = self._api.inspect_container(self.id)["State"]
            result = RunExit(code, out_of_memory=bool(state["OOMKilled"]) and code != 0)
        except FAILURES as error:
            self._deliver([f"[sageyard] the Docker Engine lost this container: {reason(error)}"])
            result = LOST
        try:
            ended()
        except FAILURES as error:
            logger.warning("after the end of container %s: %s", self.id[:12], reason(error))
        self._tell(self._finish, result)
        remove()

    def _finish(self, result: RunExit) -> None:
        if not self._end.done():
            self._end.set_result(result)

    def _deliver(self, lines: list[str]) -> None:
        if lines:
            self._tell(self._sink, lines)

    def _tell(self, function: Callable[[Any], None], argument: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: the server ends
            self._loop.call_soon_threadsafe(function, argument)


def discard(api: Any, identity: str) -> None:
    """Remove a container, running or not."""
    try:
        api.remove_container(identity, v=True, force=True)
    except NotFound:
        pass
    except APIError as error:
        if error.status_code != 409:  # its removal is under way
            raise
