"""One CloudWatch log stream of an endpoint, written in batches off the event loop."""

import asyncio
import logging
from collections.abc import Iterable

from sageyard.clock import Clock
from sageyard.cloud import Logs

logger = logging.getLogger(__name__)

BATCH_DELAY = 0.25
"""Seconds for which lines are gathered: a container that logs every request must not cost a write for each."""


def log_group(endpoint_name: str) -> str:
    """The log group of an endpoint."""
    return f"/aws/sagemaker/Endpoints/{endpoint_name}"


class LogStream:
    """Lines go in from the event loop and out to CloudWatch Logs in order."""

    def __init__(self, logs: Logs, clock: Clock, region: str, group: str, stream: str) -> None:
        self.stream = stream
        self._logs = logs
        self._clock = clock
        self._region = region
        self._group = group
        self._pending: list[tuple[int, str]] = []
        self._task: asyncio.Task[None] | None = None

    async def create(self) -> None:
        """Create group and stream, so that clients that look before the first line find them."""
        await asyncio.to_thread(self._logs.create_stream, self._region, self._group, self.stream)

    def write(self, lines: Iterable[str]) -> None:
        """Append lines, stamped with the time of now."""
        now = int(self._clock.now() * 1000)
        self._pending.extend((now, line) for line in lines)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._drain(BATCH_DELAY))

    async def flush(self) -> None:
        """Write what is gathered; returns when it is durable."""
        if self._task is not None and not self._task.done():
            await self._task
        await self._drain(0)

    async def _drain(self, delay: float) -> None:
        if delay:
            await asyncio.sleep(delay)
        while self._pending:
            batch, self._pending = self._pending, []
            try:
                await asyncio.to_thread(self._logs.append, self._region, self._group, self.stream, batch)
            except Exception:
                logger.exception("%d lines of %s %s were not logged", len(batch), self._group, self.stream)
