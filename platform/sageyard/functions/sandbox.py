"""One process that runs one function, one invocation after another.

The process is a container of the runner's: it dies with the server, has a memory limit and its own /opt/ml. The
protocol between the two is described in containers/lambda-python/README.md; its end of an invocation is a line of the
log, so that whatever the function has printed comes before it.
"""

import asyncio
import io
import json
import os
import shutil
import zipfile
from collections import deque
from contextlib import suppress
from pathlib import Path

from sageyard.clock import Clock, utc
from sageyard.cloud import Function, FunctionAnswer, Logs
from sageyard.functions.variables import function_variables, log_group
from sageyard.runners.base import RunExit, RunHandle, Runner, RunRequest

IMAGE = "lambda-python"
INIT_SECONDS = 10.0
"""What a function may take to be imported, besides its timeout."""
FLUSH_SECONDS = 0.2
TAIL = 4096
LARGEST_ANSWER = 6 * 1024 * 1024 + 100
MIB = 1024 * 1024


class Sandbox:
    """A process that is ready for its function; made by `start`."""

    def __init__(self, function: Function, folder: Path, stream: str, logs: Logs, clock: Clock) -> None:
        self.function = function
        self.healthy = True
        self.used = 0.0
        """When it was last used, by the event loop's clock."""
        self._folder = folder
        self._place = (function.region, log_group(function), stream)
        self._logs = logs
        self._clock = clock
        self._unsaved: list[tuple[int, str]] = []
        self._tail: deque[str] = deque(maxlen=1000)
        self._awaited: dict[str, asyncio.Event] = {}
        self._handle: RunHandle
        self._exit: asyncio.Task[RunExit]
        self._requests: int

    @classmethod
    async def start(
        cls,
        function: Function,
        folder: Path,
        runner: Runner,
        logs: Logs,
        clock: Clock,
    ) -> "Sandbox":
        """Unpack the code into the new `folder` and start a process there; StartError, ImageNotFoundError."""
        stream = f"{utc(clock.now()):%Y/%m/%d}/[{function.version}]{folder.name}"
        sandbox = cls(function, folder, stream, logs, clock)
        await asyncio.to_thread(_unpack, function, folder)
        await asyncio.to_thread(logs.create_stream, *sandbox._place)
        sandbox._requests = os.open(folder / "requests", os.O_RDWR | os.O_NONBLOCK)
        client = runner.client_environment(function.region)
        request = RunRequest(
            name=f"lambda/{function.name}/{folder.name}",
            image_uri=IMAGE,
            root=folder,
            environment=function_variables(function, client, stream, "/opt/ml/task"),
            hostname="lambda",
            memory=function.memory * MIB,
        )
        try:
            sandbox._handle = await runner.start(request, sandbox._write)
        except BaseException:
            os.close(sandbox._requests)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            raise
        sandbox._exit = asyncio.create_task(sandbox._handle.wait())
        return sandbox

    async def invoke(self, request_id: str, payload: bytes, arn: str, client_context: str) -> FunctionAnswer:
        """Carry out one invocation. After a timeout or the end of the process the sandbox is no longer `healthy`."""
        self._tail.clear()
        started = self._await(f"START RequestId: {request_id} ")
        reported = self._await(f"REPORT RequestId: {request_id}\t")
        document = {
            "event": payload.decode(),
            "arn": arn,
            "client_context": client_context,
            "timeout": self.function.timeout,
        }
        request = self._folder / "invocations" / f"{request_id}.request"
        await asyncio.to_thread(request.write_text, json.dumps(document), "utf-8")
        os.write(self._requests, f"{request_id}\n".encode())
        try:
            await self._until(started, INIT_SECONDS + self.function.timeout)
            await self._until(reported, self.function.timeout if started.is_set() else 0)
            answer, failed = await self._answer(request_id, reported.is_set())
        finally:
            self._awaited.clear()
            self.used = asyncio.get_running_loop().time()
        await self._save()
        tail = "\n".join(self._tail).encode()[-TAIL:]
        return FunctionAnswer(answer, self.function.version, failed, tail)

    async def _answer(self, request_id: str, reported: bool) -> tuple[bytes, bool]:
        response = self._folder / "invocations" / f"{request_id}.response"
        if not reported and not self._exit.done():
            self.healthy = False
            await self._handle.stop(0)
            text = f"Task timed out after {self.function.timeout:.2f} seconds"
            moment = f"{utc(self._clock.now()):%Y-%m-%dT%H:%M:%S.%f}"[:-3]
            self._write([f"{moment}Z {request_id} {text}", f"END RequestId: {request_id}", self._report(request_id)])
            return _error("Sandbox.Timedout", f"RequestId: {request_id} Error: {text}"), True
        try:
            found = json.loads(await asyncio.to_thread(response.read_text, "utf-8"))
        except FileNotFoundError:
            self.healthy = False
            ended = await self._exit
            how = "signal: killed" if ended.out_of_memory or ended.code == 137 else f"exit status {ended.code}"
            if not ended.code:
                how = "the process ended before it answered"
            text = f"RequestId: {request_id} Error: Runtime exited with error: {how}"
            if ended.out_of_memory:
                text += f": more than the function's {self.function.memory} MB were used"
            self._write([text, f"END RequestId: {request_id}", self._report(request_id)])
            return _error("Runtime.OutOfMemory" if ended.out_of_memory else "Runtime.ExitError", text), True
        finally:
            for left in (self._folder / "invocations").glob(f"{request_id}.*"):
                left.unlink()
        payload = found["payload"].encode()
        if len(payload) > LARGEST_ANSWER:
            text = f"Response payload size exceeded maximum allowed payload size ({LARGEST_ANSWER} bytes)."
            return _error("Function.ResponseSizeTooLarge", text), True
        return payload, found["failed"]

    def _report(self, request_id: str) -> str:
        return (
            f"REPORT RequestId: {request_id}\tDuration: {self.function.timeout * 1000:.2f} ms"
            f"\tMemory Size: {self.function.memory} MB"
        )

    def _await(self, line: str) -> asyncio.Event:
        """Set when a line that begins so is written."""
        return self._awaited.setdefault(line, asyncio.Event())

    def _write(self, lines: list[str]) -> None:
        """The runner's output sink."""
        now = int(self._clock.now() * 1000)
        self._tail.extend(lines)
        self._unsaved += [(now, line) for line in lines if line]  # CloudWatch takes no empty messages
        for start, event in self._awaited.items():
            if any(line.startswith(start) for line in lines):
                event.set()

    async def _until(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for an event, the end of the process, or so long; what is logged meanwhile is saved."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not event.is_set() and not self._exit.done() and (left := deadline - loop.time()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, FLUSH_SECONDS)):
                    await event.wait()
            if not event.is_set():
                await self._save()

    async def _save(self) -> None:
        lines, self._unsaved = self._unsaved, []
        if lines:
            await asyncio.to_thread(self._logs.append, *self._place, lines)

    @property
    def alive(self) -> bool:
        """Whether another invocation may be sent here."""
        return self.healthy and not self._exit.done()

    async def close(self) -> None:
        """End the process and remove its folder."""
        self.healthy = False
        await self._handle.stop(0)
        await self._save()
        os.close(self._requests)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


def _unpack(function: Function, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "invocations").mkdir(parents=True)
    os.mkfifo(folder / "requests", 0o600)
    _extract(function.code, folder / "task")
    for layer in function.layers:
        _extract(layer, folder / "layers")


def _extract(archive: bytes, folder: Path) -> None:
    """Unpack with the permissions of files, which `extractall` leaves out."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
        for member in zipped.infolist():
            path = Path(zipped.extract(member, folder))
            if (mode := member.external_attr >> 16 & 0o777) and path.is_file():
                path.chmod(mode | 0o600)


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
