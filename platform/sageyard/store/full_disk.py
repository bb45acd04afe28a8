"""Work that must not get lost because the disk is full for a while."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from sageyard.errors import is_storage_full

logger = logging.getLogger(__name__)

SECONDS = 1.0
"""Between two attempts."""


async def saved(save: Callable[[], None]) -> None:
    """Save how work has ended; while the disk is full, again and again."""
    while True:
        try:
            return save()
        except OSError as error:
            if not is_storage_full(error):
                raise
            logger.error("waiting for space on the disk to save the end of something: %s", error)
        await asyncio.sleep(SECONDS)


async def kept_up(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Work without an end, begun again where a full disk has ended it."""
    while True:
        try:
            await work()
        except OSError as error:
            if not is_storage_full(error):
                raise
            logger.error("waiting for space on the disk to go on: %s", error)
        await asyncio.sleep(SECONDS)
