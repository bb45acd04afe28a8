"""Every fleet of the server, of endpoints and of inference components: started, its metrics published, retired."""

import asyncio
import logging
import shutil
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from sageyard.clock import Clock
from sageyard.cloud import Cloud
from sageyard.serving.capture import Capture
from sageyard.serving.component_plan import log_group
from sageyard.serving.deployment import Deployment
from sageyard.serving.fleet import Fleet, Owner, Variant, Yard
from sageyard.serving.invocation_metrics import NAMESPACE, InvocationMetrics
from sageyard.serving.spool import SpoolFolder

logger = logging.getLogger(__name__)

METRICS_SECONDS = 5.0
"""How soon after its end a minute's metrics are in CloudWatch."""
CLOSE_GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL when the server itself shuts down."""


class Fleets:
    """What runs for endpoints, and the background work on them."""

    def __init__(self, cloud: Cloud, clock: Clock, yard: Yard, spools: SpoolFolder) -> None:
        self._cloud = cloud
        self._clock = clock
        self._yard = yard
        self._spools = spools
        self._fleets: set[Fleet] = set()
        self._retirements: dict[Fleet, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._publisher: asyncio.Task[None] | None = None

    async def launch(
        self,
        deployment: Deployment,
        folder: Path,
        region: str,
        endpoint_name: str,
        tags: Mapping[str, str],
        counts: Mapping[str, int] | None = None,
        component: str | None = None,
    ) -> Fleet:
        """Start a fleet, of the instances that are planned or of fewer. `tags` are its owner's, `component` names
        the inference component whose copies it runs. DeploymentError."""
        variants = []
        for plan in deployment.variants:
            capture = None
            if plan.containers and deployment.capture and deployment.capture.get("EnableCapture"):
                capture = Capture(
                    deployment.capture, endpoint_name, plan.name, self._spools, self._clock, self._yard.random
                )
            yard = await self._yard.chosen(plan, tags)
            owner = None if component is None else _owner(component, plan.name)
            variant = Variant(yard, plan, endpoint_name, region, folder / plan.name, capture, owner)
            if component is not None:
                variant.metrics = InvocationMetrics.of_component(component, plan.count)
            variants.append(variant)
        fleet = Fleet(deployment, variants, folder, region, endpoint_name)
        await fleet.start(counts)
        if self._publisher is None or self._publisher.done():
            self._publisher = self.spawn(self._publish())
        self._fleets.add(fleet)
        return fleet

    def of(self, region: str, endpoint_name: str) -> list[Fleet]:
        """All fleets of an endpoint, its inference components' too."""
        return [fleet for fleet in self._fleets if (fleet.region, fleet.endpoint_name) == (region, endpoint_name)]

    def retire(self, fleet: Fleet) -> asyncio.Task[None]:
        """The task that drains and stops a fleet, begun if need be."""
        if fleet not in self._retirements:
            self._retirements[fleet] = self.spawn(self._retire(fleet))
        return self._retirements[fleet]

    async def put_metrics(self, *, everything: bool = False, fleets: list[Fleet] | None = None) -> None:
        """Put the metrics of minutes that have ended into CloudWatch, of all fleets or of these."""
        now = None if everything else self._clock.now()
        for fleet in list(self._fleets) if fleets is None else fleets:
            data = [datum for variant in fleet.variants for datum in variant.metrics.take(now)]
            if data:
                try:
                    await asyncio.to_thread(self._cloud.metrics.put, fleet.region, NAMESPACE, data)
                except Exception:
                    logger.exception("%d invocation metrics were not published", len(data))

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run work on fleets that ends with the server."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    async def close(self) -> None:
        """Stop everything and publish the last metrics."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(fleet.stop(CLOSE_GRACE) for fleet in self._fleets))
        await self.put_metrics(everything=True)
        self._fleets.clear()
        self._retirements.clear()

    async def _retire(self, fleet: Fleet) -> None:
        await fleet.drain()
        await fleet.stop()
        await self.put_metrics(everything=True, fleets=[fleet])
        await asyncio.to_thread(shutil.rmtree, fleet.folder, True)
        self._fleets.discard(fleet)
        self._retirements.pop(fleet, None)

    async def _publish(self) -> None:
        while True:
            await asyncio.sleep(METRICS_SECONDS)
            await self.put_metrics()

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("work on an endpoint ended with an error", exc_info=task.exception())


def _owner(component: str, variant_name: str) -> Owner:
    return Owner(
        run=f"component/{component}",
        shown=f"inference component {component}",
        noun="inference component",
        log_group=log_group(component),
        log_stream=f"{variant_name}/{{}}",
    )
