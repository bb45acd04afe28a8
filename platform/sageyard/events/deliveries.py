"""Brings events to targets: at least once, repeated where that may help, to a dead-letter queue at last.

Source: EventBridge's user guide, `eb-rule-retry-policy` and `eb-rule-dlq`.
"""

import asyncio
import contextlib
import logging
import uuid
from typing import Any

from sageyard.clock import Clock
from sageyard.errors import AwsError
from sageyard.events.target_input import target_input
from sageyard.events.targets import Targets
from sageyard.store.event_deliveries import Delivery, EventDeliveries

logger = logging.getLogger(__name__)

AT_ONCE = 10
MOST_RETRIES = 185
LONGEST_DELAY = 300.0
LONGEST_SLEEP = 60.0
NAMESPACE = uuid.UUID("0b1f6a0e-6c3f-4b43-9d51-6a2f5f3c1d5e")
"""Of the tokens by which a target knows a repeated delivery."""


class Deliveries:
    """One per server; `run` is its task."""

    def __init__(self, store: EventDeliveries, targets: Targets, clock: Clock) -> None:
        self._store = store
        self._targets = targets
        self._clock = clock
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, region: str, target: dict[str, Any], event: dict[str, Any]) -> None:
        """Take an event for a target; it is durable when this returns. From any thread."""
        self._store.add(region, target, event, self._clock.now())
        self.wake()

    def wake(self) -> None:
        """Look at what waits, now. From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Deliver for ever."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            waiting = self._store.waiting(AT_ONCE - len(self._tasks), set(self._tasks))
            now = self._clock.now()
            for delivery in waiting:
                if delivery.due <= now:
                    self._tasks[delivery.id] = asyncio.create_task(self._deliver(delivery))
            due = min((delivery.due for delivery in waiting if delivery.due > now), default=now + LONGEST_SLEEP)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(due - now, LONGEST_SLEEP)):
                    await self._woken.wait()

    async def _deliver(self, delivery: Delivery) -> None:
        target = delivery.target
        token = str(uuid.uuid5(NAMESPACE, f"{delivery.id} {delivery.event.get('id')}"))
        try:
            payload = target_input(target, delivery.event, self._clock.now())
            await self._targets.send({"Region": delivery.region, **target}, payload, token)
        except OSError as error:
            limit = (target.get("RetryPolicy") or {}).get("MaximumRetryAttempts", MOST_RETRIES)
            if delivery.attempts < limit:
                self._store.again(delivery, self._clock.now() + min(2.0**delivery.attempts, LONGEST_DELAY))
            else:
                await self._give_up(delivery, error)
        except Exception as error:
            if not isinstance(error, AwsError):
                logger.exception("delivery to %s", target["Arn"])
            await self._give_up(delivery, error)
        else:
            self._store.done(delivery)
        finally:
            self._tasks.pop(delivery.id, None)
            self._woken.set()

    async def _give_up(self, delivery: Delivery, error: Exception) -> None:
        logger.warning("an event for %s was not delivered: %s", delivery.target["Arn"], error)
        if queue := (delivery.target.get("DeadLetterConfig") or {}).get("Arn"):
            payload = target_input(delivery.target, delivery.event, self._clock.now())
            try:
                await self._targets.send({"Arn": queue}, payload, str(uuid.uuid4()))
            except (AwsError, OSError) as failure:
                logger.warning("nor to the dead-letter queue %s: %s", queue, failure)
        self._store.done(delivery)

    async def close(self) -> None:
        """End deliveries under way; the next server takes them up."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
