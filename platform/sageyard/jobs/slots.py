"""How many jobs run at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Slots:
    """A fixed number of numbered places; jobs that find none wait in the order in which they came."""

    def __init__(self, count: int) -> None:
        self._free = sorted(range(1, count + 1), reverse=True)
        self._places = asyncio.Semaphore(count)

    @asynccontextmanager
    async def take(self, stopping: asyncio.Event, pending: Callable[[], None]) -> AsyncIterator[int | None]:
        """The number of a place for as long as the block runs; None if `stopping` was set before one was free.
        `pending` is called if there is a wait."""
        if not await self._acquire(stopping, pending):
            yield None
            return
        number = self._free.pop()
        try:
            yield number
        finally:
            self._free.append(number)
            self._places.release()

    async def _acquire(self, stopping: asyncio.Event, pending: Callable[[], None]) -> bool:
        if not self._places.locked():
            return await self._places.acquire()
        pending()
        place = asyncio.create_task(self._places.acquire())
        stop = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait([place, stop], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._places.release()
            raise
        finally:
            stop.cancel()
            place.cancel()
        return place.done() and not place.cancelled()
