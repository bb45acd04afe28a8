"""Tells EventBridge what has happened to resources.

The schema notes changes in their own transaction; this task tells them in order, soon after, so that no create waits
for a rule and nothing that was committed is lost by a kill. Told twice may be what a kill interrupts, as AWS says of
its own events.
"""

import asyncio
import logging

from sageyard.cloud import Events
from sageyard.events.state_events import DETAIL_TYPES, StateEvents
from sageyard.resources.engine import Engine
from sageyard.resources.spec import ResourceSpec
from sageyard.store.resources import Row
from sageyard.store.state_changes import StateChange, StateChanges

logger = logging.getLogger(__name__)

DELAY = 0.02
"""Seconds in which changes gather."""
BATCH = 50


class StateSource:
    """One per server; `run` is its task."""

    def __init__(self, engine: Engine, events: Events) -> None:
        self.changes = StateChanges(engine.store.database)
        self._events = events
        self._makers = StateEvents(engine)
        self._changed = asyncio.Event()
        engine.watchers.append(self._notice)

    def _notice(self, spec: ResourceSpec, before: Row | None, after: Row | None) -> None:
        if spec.kind in DETAIL_TYPES:
            self._changed.set()

    async def run(self) -> None:
        """Tell what is noted, now and after every change; where nobody could be told, forget it."""
        while True:
            if not self._events.wanted():
                self.changes.done(self.changes.newest())
            while changes := self.changes.oldest(BATCH):
                for change in changes:
                    await self._tell(change)
                    self.changes.done(change.id)
            await self._changed.wait()
            self._changed.clear()
            await asyncio.sleep(DELAY)

    async def _tell(self, change: StateChange) -> None:
        try:
            for event in self._makers.of(change):
                await asyncio.to_thread(
                    self._events.put, change.region, event.detail_type, event.detail, event.resources
                )
        except Exception:  # one that cannot be told must not keep the others waiting
            logger.exception("event of %s %s", change.kind, change.name)
