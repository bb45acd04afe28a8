"""Fires scheduled rules and schedules, by the server's clock.

When each fires next is a row, written together with what it fires: nothing is lost or doubled by a restart. What was
missed, while the server was down or when the clock was moved, fires once.
"""

import asyncio
import contextlib
import json
import logging
import uuid
from typing import Any

from sageyard.clock import Clock, iso
from sageyard.cloud import Events, EventTimer
from sageyard.events.deliveries import Deliveries
from sageyard.events.timetable import first_time, next_time
from sageyard.store.event_deliveries import EventDeliveries

logger = logging.getLogger(__name__)

LONGEST_SLEEP = 60.0


class Timers:
    """One per server; `run` is its task."""

    def __init__(
        self, store: EventDeliveries, events: Events, deliveries: Deliveries, clock: Clock, account_id: str
    ) -> None:
        self._store = store
        self._events = events
        self._deliveries = deliveries
        self._clock = clock
        self._account_id = account_id
        self._woken = asyncio.Event()
        self._turn = asyncio.Lock()

    def wake(self) -> None:
        """Look at the clock now: it was moved."""
        self._woken.set()

    async def refresh(self) -> None:
        """Rules or schedules may have changed: when this returns, what they fire next is durable."""
        await self._look()
        self._woken.set()

    async def run(self) -> None:
        """Fire for ever."""
        while True:
            self._woken.clear()
            due = await self._look()
            seconds = LONGEST_SLEEP if due is None else min(max(0.0, due - self._clock.now()), LONGEST_SLEEP)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()

    async def _look(self) -> float | None:
        async with self._turn:
            try:
                return await self.fire()
            except Exception:
                logger.exception("schedules of EventBridge")
                return None

    async def fire(self) -> float | None:
        """Fire what is due; answers when the next timer is, or None."""
        timers = await asyncio.to_thread(self._events.timers)
        known = self._store.due_times()
        if gone := known.keys() - {timer.arn for timer in timers}:
            self._store.forget_timers(gone)
        coming = []
        for timer in timers:
            try:
                due = self._fire(timer, known.get(timer.arn))
            except ValueError as error:
                logger.warning("%s never fires: %s", timer.arn, error)
                self._store.set_timer(timer.arn, _key(timer), None)
                continue
            if due is not None:
                coming.append(due)
            elif timer.deletes:
                await asyncio.to_thread(self._events.complete, timer)
        return min(coming, default=None)

    def _fire(self, timer: EventTimer, known: tuple[str, float | None] | None) -> float | None:
        now = self._clock.now()
        if known is None or known[0] != _key(timer):
            due = first_time(timer, now)
            self._store.set_timer(timer.arn, _key(timer), due)
        else:
            due = known[1]
        if due is None or due > now:
            return due
        following = next_time(timer, due, now)
        with self._store.database.transaction():
            for target in timer.targets:
                self._deliveries.add(timer.region, *self._event(timer, target, due))
            self._store.set_timer(timer.arn, _key(timer), following)
        return following

    def _event(self, timer: EventTimer, target: dict[str, Any], due: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """A target and its event; a schedule's context attributes are filled in."""
        schedule = ":schedule/" in timer.arn
        event: dict[str, Any] = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler" if schedule else "aws.events",
            "account": self._account_id,
            "time": iso(due),
            "region": timer.region,
            "resources": [timer.arn],
            "detail": {},
        }
        if not schedule:
            return {**target, "RuleArn": timer.arn, "RuleName": timer.arn.rpartition("/")[2]}, event
        text = json.dumps(target)
        for name, value in (
            ("schedule-arn", timer.arn),
            ("scheduled-time", iso(due)),
            ("execution-id", str(event["id"])),
            ("attempt-number", "1"),
        ):
            text = text.replace(f"<aws.scheduler.{name}>", value)
        filled: dict[str, Any] = json.loads(text)
        return filled, event


def _key(timer: EventTimer) -> str:
    """What makes a timer another one when it changes."""
    return f"{timer.expression} {timer.timezone} {timer.begins} {timer.ends}"
