"""Lambda: invokes functions, at once or behind the caller.

A process is kept for a minute after its last invocation and reused by the next one of the same function, unless that
was changed meanwhile. Sources: Lambda's API reference (Invoke), `invocation-async`, `lambda-concurrency`.
"""

import asyncio
import contextlib
import logging
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

from sageyard.clock import Clock
from sageyard.cloud import Function, FunctionAnswer, Logs
from sageyard.errors import AwsError
from sageyard.functions.destinations import Destinations
from sageyard.functions.sandbox import Sandbox
from sageyard.runners.base import ImageNotFoundError, Runner, StartError
from sageyard.store.function_queue import FunctionQueue, QueuedInvocation

logger = logging.getLogger(__name__)

Find = Callable[[str, str, str], Function]
"""A function by region, name or ARN, and qualifier. Blocks."""
IDLE_SECONDS = 60.0
AT_ONCE = 20
"""Processes that run functions at the same time; further invocations wait."""
RETRIES = (60.0, 120.0)
"""Seconds before a failed asynchronous invocation is repeated, as on AWS, by the server's clock."""
LONGEST_SLEEP = 60.0
THROTTLED = 1.0
PYTHON = re.compile(r"python3\.\d+")


class TooManyInvocationsError(AwsError):
    """The function's reserved concurrency is used up."""

    code = "TooManyRequestsException"
    http_status = 429


class LambdaService:
    """Implements `sageyard.cloud.Functions`; `run` is its task."""

    def __init__(
        self,
        find: Find,
        queue: FunctionQueue,
        destinations: Destinations,
        runner: Runner,
        logs: Logs,
        clock: Clock,
        folder: Path,
    ) -> None:
        self._find = find
        self._destinations = destinations
        self._queue = queue
        self._runner = runner
        self._logs = logs
        self._clock = clock
        self._folder = folder
        self._free = asyncio.Semaphore(AT_ONCE)
        self._idle: list[Sandbox] = []
        self._busy: list[Function] = []
        self._all: set[Sandbox] = set()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    # -- invocations at once --------------------------------------------------------------------------------------

    async def invoke(
        self, region: str, function: str, payload: bytes, *, qualifier: str = "", client_context: str = ""
    ) -> FunctionAnswer:
        """Invoke by name or ARN and wait for the answer; AwsError where nothing could be run."""
        found = await asyncio.to_thread(self._find, region, function, qualifier)
        _check(found)
        if found.reserved is not None and sum(busy.arn == found.arn for busy in self._busy) >= found.reserved:
            raise TooManyInvocationsError(
                f"Rate Exceeded. {found.name} may run {found.reserved} times at once: wait, or raise it with "
                "PutFunctionConcurrency."
            )
        self._busy.append(found)
        try:
            async with self._free:
                return await self._run(found, payload, qualifier, client_context)
        finally:
            self._busy.remove(found)

    async def _run(self, function: Function, payload: bytes, qualifier: str, client_context: str) -> FunctionAnswer:
        sandbox = await self._sandbox(function)
        arn = f"{function.arn}:{qualifier}" if qualifier and not function.arn.endswith(qualifier) else function.arn
        try:
            answer = await sandbox.invoke(str(uuid.uuid4()), payload, arn, client_context)
        except BaseException:
            await self._close(sandbox)
            raise
        if sandbox.alive:
            self._idle.append(sandbox)
            asyncio.get_running_loop().call_later(IDLE_SECONDS, self._woken.set)
        else:
            await self._close(sandbox)
        return answer

    async def _sandbox(self, function: Function) -> Sandbox:
        """One that waits for this very function, or a new one."""
        for sandbox in [one for one in self._idle if one.function.arn == function.arn]:
            self._idle.remove(sandbox)
            if sandbox.alive and sandbox.function == function:
                return sandbox
            await self._close(sandbox)
        folder = self._folder / uuid.uuid4().hex
        try:
            sandbox = await Sandbox.start(function, folder, self._runner, self._logs, self._clock)
        except (StartError, ImageNotFoundError, OSError) as error:
            raise AwsError(f"{function.name} could not be started: {error}", code="ServiceException") from None
        self._all.add(sandbox)
        return sandbox

    async def _close(self, sandbox: Sandbox) -> None:
        self._all.discard(sandbox)
        await sandbox.close()

    # -- invocations behind the caller ----------------------------------------------------------------------------

    def enqueue(self, region: str, function: str, payload: bytes) -> None:
        """Invoke later; repeated twice where the function fails."""
        self._queue.add(region, function, payload, self._clock.now())
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._woken.set)

    def wake(self) -> None:
        """Look at the clock now: it was moved."""
        self._woken.set()

    async def run(self) -> None:
        """Invoke what is queued, for ever; end processes that nobody needs any more."""
        self._loop = asyncio.get_running_loop()
        for left in list(self._folder.glob("*")):  # of a server that was killed
            await asyncio.to_thread(rmtree, left, ignore_errors=True)
        while True:
            self._woken.clear()
            waiting = self._queue.waiting(AT_ONCE - len(self._tasks), set(self._tasks))
            now = self._clock.now()
            for queued in waiting:
                if queued.due <= now:
                    self._tasks[queued.id] = asyncio.create_task(self._carry_out(queued))
            due = min((queued.due for queued in waiting if queued.due > now), default=now + LONGEST_SLEEP)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(due - now, LONGEST_SLEEP)):
                    await self._woken.wait()
            await self._end_idle()

    async def _carry_out(self, queued: QueuedInvocation) -> None:
        try:
            function = await asyncio.to_thread(self._find, queued.region, queued.function, "")
            answer = await self.invoke(queued.region, queued.function, queued.payload)
            if answer.failed and queued.attempts < min(function.retries, len(RETRIES)):
                self._queue.again(queued, self._clock.now() + RETRIES[queued.attempts])
                return
            if answer.failed:
                logger.warning("an asynchronous invocation of %s failed: %s", queued.function, answer.payload.decode())
            await self._destinations.tell(function, queued, answer)
            self._queue.done(queued)
        except TooManyInvocationsError:
            self._queue.postpone(queued, self._clock.now() + THROTTLED)
        except AwsError as error:
            logger.warning("an asynchronous invocation of %s is given up: %s", queued.function, error.message)
            self._queue.done(queued)
        except Exception:
            logger.exception("invocation of %s", queued.function)
            self._queue.done(queued)
        finally:
            self._tasks.pop(queued.id, None)
            self._woken.set()

    async def _end_idle(self) -> None:
        """Keep processes that were used within the last minute."""
        now = asyncio.get_running_loop().time()
        for sandbox in [one for one in self._idle if not one.alive or now - one.used >= IDLE_SECONDS]:
            self._idle.remove(sandbox)
            await self._close(sandbox)

    async def close(self) -> None:
        """End every process; what is queued is taken up by the next server."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._idle.clear()
        await asyncio.gather(*(self._close(sandbox) for sandbox in list(self._all)), return_exceptions=True)

    async def reset(self) -> None:
        """Forget everything."""
        await self.close()
        self._queue.clear()


def _check(function: Function) -> None:
    """Refuse what is no Python archive."""
    if function.package == "Image":
        raise AwsError(
            f"{function.name} is a container image, which Sageyard does not run as a function: package its handler as "
            "a zip archive with a python3 runtime, or run the image as a SageMaker processing job.",
            code="InvalidParameterValueException",
        )
    if not PYTHON.fullmatch(function.runtime):
        raise AwsError(
            f"{function.name} has the runtime {function.runtime!r}; Sageyard runs functions in Python: write the "
            "handler in Python with Runtime python3.11 or newer, and start other programs from it.",
            code="InvalidRuntimeException",
        )
    if not function.code:
        raise AwsError(
            f"{function.name} has no code: upload an archive with UpdateFunctionCode.", code="InvalidZipFileException"
        )
