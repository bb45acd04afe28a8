"""One container of an endpoint's instance: started, pinged, invoked, restarted after a crash, stopped."""

import asyncio
from collections import deque
from dataclasses import replace
from pathlib import Path

from sageyard.runners.base import ImageNotFoundError, RunExit, RunHandle, Runner, RunRequest, StartError
from sageyard.serving.connection import Answer, BrokenConnectionError, Connection
from sageyard.serving.log_stream import LogStream

PING_TIMEOUT = 2.0
"""Seconds for one `/ping` (developer guide, `your-algorithms-inference-code`)."""
STOP_GRACE = 30.0
"""Seconds between SIGTERM and SIGKILL on scale-in, update and delete (same page)."""
FIRST_PING_DELAY, LONGEST_PING_DELAY = 0.02, 0.25
FIRST_BACKOFF, LONGEST_BACKOFF = 0.2, 30.0
STEADY_SECONDS = 60.0
"""A container that ran this long before it crashed is restarted as if it were its first crash."""
MOST_IDLE_CONNECTIONS = 128
PING = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"


class UnhealthyError(RuntimeError):
    """A container (`label`) that did not become healthy; the message says how it ended and its last output."""

    def __init__(self, label: str, reason: str) -> None:
        super().__init__(reason)
        self.label = label


class Container:
    """A container that is kept running until `stop`. All methods belong to the event loop's thread."""

    def __init__(
        self,
        runner: Runner,
        label: str,
        request: RunRequest,
        log: LogStream,
        startup_timeout: float,
    ) -> None:
        self.label = label
        """What messages call it: `primary`, or `container_2` of a pipeline."""
        self.healthy = False
        self.trouble: str | None = None
        """Why it is being restarted, while it is."""
        self.restarts = 0
        self._runner = runner
        self._request = request
        self._log = log
        self._startup_timeout = startup_timeout
        self._handle: RunHandle | None = None
        self._address = ("127.0.0.1", 0)
        self._idle: list[Connection] = []
        self._last_lines: deque[str] = deque(maxlen=8)
        self._stopping = False
        self._keeper: asyncio.Task[None] | None = None

    @property
    def root(self) -> Path:
        """What it sees as /opt/ml."""
        return self._request.root

    @property
    def pid(self) -> int | None:
        """Its process on this machine, if the runner has one."""
        return self._handle.pid if self._handle else None

    async def start(self) -> None:
        """Start it, wait until `/ping` answers 200 and keep it running from then on. UnhealthyError."""
        await self._launch()
        self._keeper = asyncio.get_running_loop().create_task(self._keep_running())

    async def stop(self, grace: float = STOP_GRACE) -> None:
        """SIGTERM, SIGKILL after `grace` seconds; returns when nothing of it runs."""
        self._stopping = True
        self.healthy = False
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        for connection in self._idle:
            connection.abort()
        self._idle.clear()
        if self._handle is not None:
            await self._handle.stop(grace)

    async def exchange(self, head: bytes, body: bytes, seconds: float, *, fresh: bool = False) -> Answer:
        """One request over a pooled connection, over a new one if `fresh`. BrokenConnectionError, TimeoutError."""
        idle = self._idle
        connection = None
        while idle and not fresh:
            connection = idle.pop()
            if not connection.closed:
                break
            connection = None
        if connection is None:
            async with asyncio.timeout(seconds):  # a container that has gone may leave an address that never answers
                connection = await self._connect()
        answer = await connection.exchange(head, body, seconds)
        if not connection.closed and len(idle) < MOST_IDLE_CONNECTIONS:
            idle.append(connection)
        else:
            connection.abort()
        return answer

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            if self._handle is not None and (own := self._handle.socket()) is not None:
                own.setblocking(False)
                try:
                    await loop.sock_connect(own, self._address)
                    _, connection = await loop.create_connection(lambda: Connection(loop), sock=own)
                except BaseException:
                    own.close()
                    raise
            else:
                _, connection = await loop.create_connection(lambda: Connection(loop), *self._address)
        except OSError as error:
            raise BrokenConnectionError(f"no connection to {self.label}: {error}", answered=False) from error
        return connection

    async def _launch(self) -> None:
        """Start the process and wait for health; leaves nothing running when it fails."""
        port = self._runner.bind_port()
        environment = {**self._request.environment, "SAGEMAKER_BIND_TO_PORT": str(port)}
        self._last_lines.clear()
        try:
            handle = await self._runner.start(replace(self._request, environment=environment), self._output)
        except (ImageNotFoundError, StartError) as error:
            raise UnhealthyError(self.label, str(error)) from error
        self._handle = handle
        self._address = handle.address(port)
        ended = asyncio.get_running_loop().create_task(handle.wait())
        try:
            await self._until_healthy(ended)
        except BaseException:
            await handle.stop(0)
            raise
        finally:
            ended.cancel()
        self.healthy = True

    async def _until_healthy(self, ended: "asyncio.Task[RunExit]") -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._startup_timeout
        delay = FIRST_PING_DELAY
        while loop.time() < deadline:
            if ended.done():
                raise UnhealthyError(self.label, f"it {describe_exit(ended.result())}{self._last_words()}")
            try:
                if (await self.exchange(PING, b"", PING_TIMEOUT)).status == 200:
                    return
            except (BrokenConnectionError, TimeoutError):
                pass
            await asyncio.wait({ended}, timeout=delay)
            delay = min(delay * 1.1, LONGEST_PING_DELAY)
        raise UnhealthyError(self.label, f"no 200 from /ping within {self._startup_timeout:g} s{self._last_words()}")

    async def _keep_running(self) -> None:
        loop = asyncio.get_running_loop()
        backoff = FIRST_BACKOFF
        while True:
            started = loop.time()
            assert self._handle is not None
            exit_ = await self._handle.wait()
            if self._stopping:
                return
            self.healthy = False
            self._drop_connections()
            if loop.time() - started > STEADY_SECONDS:
                backoff = FIRST_BACKOFF
            reason = describe_exit(exit_)
            while not self.healthy:
                self.restarts += 1
                self.trouble = f"the {self.label} container {reason}; restarting it in {backoff:g} s"
                self._log.write([f"[sageyard] {self.trouble}"])
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF)
                try:
                    await self._launch()
                except UnhealthyError as error:
                    reason = f"did not become healthy: {error}"
            self.trouble = None
            self._log.write([f"[sageyard] the {self.label} container is healthy again"])

    def _drop_connections(self) -> None:
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    def _output(self, lines: list[str]) -> None:
        self._last_lines.extend(lines)
        self._log.write(lines)

    def _last_words(self) -> str:
        lines = [line.strip() for line in self._last_lines if line.strip()]
        return f". Last output: {' | '.join(lines)}" if lines else ""


def describe_exit(exit_: RunExit) -> str:
    """`exited with code 1`, for messages."""
    return "ran out of memory" if exit_.out_of_memory else f"exited with code {exit_.code}"
