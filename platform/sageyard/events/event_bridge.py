"""All of EventBridge's work in one hand."""

import asyncio
from collections.abc import Callable

from sageyard.clock import Clock
from sageyard.cloud import Cloud
from sageyard.events.deliveries import Deliveries
from sageyard.events.state_source import StateSource
from sageyard.events.targets import Targets
from sageyard.events.timers import Timers
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Api
from sageyard.store.event_deliveries import EventDeliveries
from sageyard.store.full_disk import kept_up


class EventBridge:
    """State changes become events, rules and schedules reach their targets; `run` is its task."""

    def __init__(self, engine: Engine, cloud: Cloud, clock: Clock, api: Callable[[], Api]) -> None:
        self._store = EventDeliveries(engine.store.database)
        self.source = StateSource(engine, cloud.events)
        self.deliveries = Deliveries(self._store, Targets(cloud, clock, api), clock)
        self.timers = Timers(self._store, cloud.events, self.deliveries, clock, engine.account_id)

    async def run(self) -> None:
        """Work for ever."""
        await asyncio.gather(kept_up(self.source.run), self.deliveries.run(), self.timers.run())

    def wake(self) -> None:
        """The clock was moved."""
        self.timers.wake()
        self.deliveries.wake()

    async def close(self) -> None:
        """End what is under way; the next server takes it up."""
        await self.deliveries.close()

    async def reset(self) -> None:
        """Forget everything that waits."""
        await self.close()
        self._store.clear()
        self.source.changes.done(self.source.changes.newest())
