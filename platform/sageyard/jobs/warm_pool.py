"""Warm pools (train-warm-pools): what a training job with KeepAlivePeriodInSeconds leaves for the next one like it.

The next job gets its status, its cache folder, and from runners that have them containers which wait for a program.
Pools are this process's: the end of the server ends them.
"""

import asyncio
import json
import logging
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from sageyard.clock import Clock
from sageyard.resources.spec import Document, Resource
from sageyard.runners.base import ImageNotFoundError, Runner, RunRequest, Standby, StartError

logger = logging.getLogger(__name__)

CACHE = Path("sagemaker/warmpoolcache")
"""Below /opt/ml; what jobs leave there the next of the pool finds (train-warm-pools-persistent-cache)."""
FOLDER = "WarmPool"
LOOK_SECONDS = 0.2
SHAPE = ("InstanceType", "InstanceCount", "InstanceGroups", "VolumeKmsKeyId", "VolumeSizeInGB")
MATCHED = ("RoleArn", "VpcConfig", "EnableInterContainerTrafficEncryption", "EnableNetworkIsolation",
           "SessionChainingConfig")  # fmt: skip


def period(request: Document) -> int:
    """Seconds for which a job's resources are kept; 0 where there is to be no pool."""
    seconds: int = request["ResourceConfig"].get("KeepAlivePeriodInSeconds") or 0
    return seconds


def matching(request: Document, region: str, runner: str | None) -> str:
    """What two jobs of a pool have in common (train-warm-pools-matching-criteria), and their runner."""
    resources = request["ResourceConfig"]
    values = [resources.get(member) for member in SHAPE] + [request.get(member) for member in MATCHED]
    return json.dumps([region, runner, *values], sort_keys=True)


class WarmPool:
    """What one ended job keeps, until another takes it or its time is over."""

    def __init__(self, pools: "WarmPools", resource: Resource, key: str, image_uri: str) -> None:
        self.key = key
        self.image_uri = image_uri
        self.name = f"{FOLDER}/{uuid4().hex[:12]}"
        self.folder = pools.folder / self.name
        self.since = pools.clock.now()
        self._pools = pools
        self._resource = resource
        self._taken = asyncio.Event()
        self._preparing: asyncio.Task[dict[str, Standby]] | None = None

    @property
    def left(self) -> float:
        """Seconds until it ends; UpdateTrainingJob may have changed the period."""
        return self.since + period(self._resource.document) - self._pools.clock.now()

    def prepare(self, runner: Runner, requests: Sequence[RunRequest], roots: Sequence[Path]) -> None:
        """Keep the caches below `roots`, the ended hosts' /opt/ml, and begin to have containers like those of
        `requests` ready."""
        for request, root in zip(requests, roots, strict=True):
            cache = request.root / CACHE
            cache.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                (root / CACHE).rename(cache)
        self._preparing = asyncio.create_task(_prepare(runner, requests))

    async def keep(self) -> None:
        """Return when it is another job's, or has ended. When cancelled, it ends."""
        try:
            while not self._taken.is_set() and (left := self.left) > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._taken.wait(), min(left, LOOK_SECONDS))
        finally:
            if not self._taken.is_set():
                await self.end()

    async def end(self) -> None:
        """Terminated: nothing of it is left."""
        self._pools.forget(self)
        try:
            with suppress(LookupError):  # a reset has forgotten the job
                self._resource.save(WarmPoolStatus=self._end("Terminated"))
        finally:
            await asyncio.shield(self._discard())

    def take(self, job: str) -> None:
        """It is `job`'s from now on."""
        self._taken.set()
        self._resource.save(WarmPoolStatus=self._end("Reused") | {"ReusedByJob": job})

    async def standbys(self) -> dict[str, Standby]:
        """The waiting containers by host; none where its runner has none."""
        return await self._preparing if self._preparing is not None else {}

    def _end(self, status: str) -> Document:
        seconds = max(0, round(self._pools.clock.now() - self.since))
        return {"Status": status, "ResourceRetainedBillableTimeInSeconds": seconds}

    async def _discard(self) -> None:
        for standby in (await self.standbys()).values():
            await standby.discard()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)


class WarmPools:
    """The pools that are available."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        self.clock = clock
        self.folder = folder
        shutil.rmtree(folder / FOLDER, ignore_errors=True)  # of a server that died
        self._available: list[WarmPool] = []

    def add(self, pool: WarmPool) -> None:
        """Let it be found."""
        self._available.append(pool)

    def forget(self, pool: WarmPool) -> None:
        """It is no longer to be found."""
        self._available.remove(pool)

    def take(self, key: str, image_uri: str, job: str) -> WarmPool | None:
        """The pool for a job: one with its image, if there is any."""
        found = [pool for pool in self._available if pool.key == key and pool.left > 0]
        if not found:
            return None
        pool = max(found, key=lambda pool: pool.image_uri == image_uri)
        self.forget(pool)
        pool.take(job)
        return pool


async def _prepare(runner: Runner, requests: Sequence[RunRequest]) -> dict[str, Standby]:
    """Containers for all hosts, or none."""
    made: dict[str, Standby] = {}
    try:
        for request in requests:
            if (standby := await runner.prepare(request)) is not None:
                made[request.hostname] = standby
    except (ImageNotFoundError, StartError) as error:
        logger.warning("the next job of this warm pool starts cold: %s", error)
    return made
