"""The feature store in one hand: its database, both stores, and the work in the background."""

import asyncio
import logging
import sqlite3
from pathlib import Path

from sageyard.clock import Clock
from sageyard.cloud import Cloud
from sageyard.featurestore.groups import FeatureGroupHooks
from sageyard.featurestore.metadata import FeatureMetadata
from sageyard.featurestore.offline import OfflineStore
from sageyard.featurestore.online import MIGRATIONS, OnlineStore
from sageyard.featurestore.records import Records
from sageyard.resources.engine import Engine
from sageyard.store.database import Database

logger = logging.getLogger(__name__)

TICK = 1.0
"""Seconds between two looks for expired records."""
BATCH = 200
"""Records removed in one go, so that requests wait a few milliseconds at most."""


class FeatureStore:
    """What the server starts, resets and closes."""

    def __init__(self, engine: Engine, cloud: Cloud, clock: Clock, path: Path) -> None:
        self.clock = clock
        self.database = Database(path, MIGRATIONS)
        self.online = OnlineStore(self.database)
        self.offline = OfflineStore(self.database, engine, cloud, clock)
        self.metadata = FeatureMetadata(engine)
        self.records = Records(engine, self.online)
        self.groups = FeatureGroupHooks(self.online, self.offline, self.metadata, clock.now)

    async def run(self) -> None:
        """Remove what has expired and what deleted groups left, and keep the database's log short."""
        while True:
            try:  # a batch at a time: requests are served in between
                while self.records.purge(self.clock.now(), BATCH) or self.online.sweep(BATCH):  # noqa: ASYNC110
                    await asyncio.sleep(0)
                await asyncio.to_thread(self.database.checkpoint)
            except (sqlite3.Error, OSError):
                logger.exception("the purge of the online store is tried again")
            await asyncio.sleep(TICK)

    async def clear(self) -> None:
        """Forget every record, for a reset."""
        self.online.clear()
        self.records.forget()
        await asyncio.to_thread(self.offline.clear)

    async def close(self) -> None:
        """Let the batch on its way to S3 be finished; what was acknowledged is durable already."""
        await asyncio.to_thread(self.offline.close)
        self.database.close()
