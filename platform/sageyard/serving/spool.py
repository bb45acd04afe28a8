"""Captured records on their way to S3: appended to a file at once, delivered in files, each record exactly once.

A spool file is the whole truth about itself. Its first line names the object it becomes; every other complete line is
a record. The name is fixed when the file is opened, so delivering it again after a crash overwrites the same object
with the same bytes. `write()` without fsync survives the death of the process; a power cut may lose the last seconds.

A file is delivered when nothing was added for IDLE_SECONDS, when it is AGE_SECONDS old or SIZE_BYTES large, when the
hour of the clock changes, and on `flush`. AWS delivers within minutes; these are short so that captured data shows up
while one watches.
"""

import asyncio
import contextlib
import json
import logging
import os
from pathlib import Path
from uuid import uuid4

from sageyard.clock import utc
from sageyard.cloud import Objects

logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
AGE_SECONDS = 10.0
SIZE_BYTES = 8 * 1024 * 1024
FLUSH_SECONDS = 10.0
RETRY_DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0)


class SpoolFolder:
    """The folder of spool files of one server, and their delivery to S3."""

    def __init__(self, folder: Path, objects: Objects) -> None:
        self.folder = folder
        self._objects = objects
        self._deliveries: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Semaphore(1)
        self._closing = asyncio.Event()

    def recover(self) -> None:
        """Deliver what a former process left behind, in the background; call before anything is captured."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self.folder.glob("*.jsonl")):
            self.deliver(path)

    def deliver(self, path: Path) -> asyncio.Task[None]:
        """Deliver a closed spool file in the background and remove it. A file that cannot be delivered stays for the
        next start."""
        task = asyncio.get_running_loop().create_task(self._deliver(path))
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)
        return task

    def give_up_retrying(self) -> None:
        """The server ends: a delivery that fails from now on is left to the next start."""
        self._closing.set()

    async def close(self) -> None:
        """Wait for running deliveries."""
        self.give_up_retrying()
        await asyncio.gather(*self._deliveries)
        self._closing.clear()

    async def _deliver(self, path: Path) -> None:
        for delay in (*RETRY_DELAYS, None):
            try:
                async with self._one_at_a_time:
                    await asyncio.to_thread(self._put, path)
            except Exception as error:
                if delay is None or self._closing.is_set():
                    logger.warning("captured data in %s is kept for the next start: %r", path, error)
                    return
                logger.info("captured data in %s not delivered, trying again in %g s: %r", path, delay, error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), delay)
            else:
                return

    def _put(self, path: Path) -> None:
        head, _, records = path.read_bytes().partition(b"\n")
        records = records[: records.rfind(b"\n") + 1]  # a torn last line belongs to an answer that was never sent
        if records:
            target = json.loads(head)
            self._objects.put(target["bucket"], target["key"], records, "application/jsonl")
        path.unlink()


class Spool:
    """The growing file of one variant. Event-loop thread only."""

    def __init__(self, folder: SpoolFolder, bucket: str, prefix: str) -> None:
        self._folder = folder
        self._bucket = bucket
        self._prefix = prefix
        self._descriptor = -1
        self._path = Path()
        self._hour = 0
        self._size = 0
        self._opened = 0.0
        self._touched = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._deliveries: set[asyncio.Task[None]] = set()

    def append(self, line: bytes, now: float) -> None:
        """Append one record of the invocation at clock time `now`; a full disk is reported, not raised."""
        hour = int(now // 3600)
        if self._descriptor >= 0 and (hour != self._hour or self._size >= SIZE_BYTES):
            self._close()
        loop = asyncio.get_running_loop()
        try:
            if self._descriptor < 0:
                self._open(now, hour, loop)
            self._write(line)
        except OSError:
            logger.exception("an invocation was not captured: %s", self._path)
            self._close()  # what came after a half-written line would be lost with it
            return
        self._size += len(line)
        self._touched = loop.time()

    async def flush(self) -> None:
        """Deliver everything appended so far; returns when it is in S3, or after FLUSH_SECONDS: a bucket that is gone
        must not hold up a delete."""
        self._close()
        if self._deliveries:
            await asyncio.wait(self._deliveries, timeout=FLUSH_SECONDS)

    def _open(self, now: float, hour: int, loop: asyncio.AbstractEventLoop) -> None:
        moment = utc(now)
        name = f"{moment:%M-%S}-{moment.microsecond // 1000:03d}-{uuid4()}.jsonl"
        key = f"{self._prefix}/{moment:%Y/%m/%d/%H}/{name}"
        self._folder.folder.mkdir(parents=True, exist_ok=True)
        self._path = self._folder.folder / name
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._hour = hour
        self._size = 0
        self._opened = loop.time()
        self._timer = loop.call_at(self._opened + IDLE_SECONDS, self._check, loop)
        self._write(json.dumps({"bucket": self._bucket, "key": key}).encode() + b"\n")

    def _write(self, data: bytes) -> None:
        written = os.write(self._descriptor, data)
        while written < len(data):
            written += os.write(self._descriptor, data[written:])

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        due = min(self._touched + IDLE_SECONDS, self._opened + AGE_SECONDS)
        if loop.time() >= due:
            self._close()
        else:
            self._timer = loop.call_at(due, self._check, loop)

    def _close(self) -> None:
        if self._descriptor < 0:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        os.close(self._descriptor)
        self._descriptor = -1
        delivery = self._folder.deliver(self._path)
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)
