"""A container's output on its way to CloudWatch Logs."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from sageyard.clock import Clock
from sageyard.cloud import Logs

Event = tuple[int, str]
FLUSH_SECONDS = 0.2
BATCH = 1000


class LogStream:
    """One stream: lines are written from the event loop, and appended in batches by a thread.

    `seen` is called in that thread with every batch before it is appended. Empty lines are left out, as
    CloudWatch takes no empty messages.
    """

    def __init__(
        self,
        logs: Logs,
        clock: Clock,
        region: str,
        group: str,
        name: str,
        seen: Callable[[Sequence[Event]], None] | None = None,
    ) -> None:
        self.name = name
        self.last_lines: deque[str] = deque(maxlen=20)
        self._logs = logs
        self._clock = clock
        self._place = (region, group, name)
        self._seen = seen
        self._events: list[Event] = []
        self._written = asyncio.Event()
        self._closing = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def write(self, lines: list[str]) -> None:
        """Take lines, in order; the runner's output sink."""
        now = int(self._clock.now() * 1000)
        lines = [line for line in lines if line]
        self.last_lines.extend(lines)
        self._events += [(now, line) for line in lines]
        self._written.set()

    def note(self, line: str) -> None:
        """Add a line of the server's own, which is not the container's last word."""
        self._events.append((int(self._clock.now() * 1000), line))
        self._written.set()

    async def close(self) -> None:
        """Return when every line is durable."""
        self._closing.set()
        self._written.set()
        await asyncio.shield(self._task)

    async def _run(self) -> None:
        await asyncio.to_thread(self._logs.create_stream, *self._place)
        while self._events or not self._closing.is_set():
            await self._written.wait()
            if not self._closing.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), FLUSH_SECONDS)
            self._written.clear()
            events, self._events = self._events, []
            if events:
                await asyncio.to_thread(self._append, events)

    def _append(self, events: list[Event]) -> None:
        if self._seen is not None:
            self._seen(events)
        for start in range(0, len(events), BATCH):
            self._logs.append(*self._place, events[start : start + BATCH])
