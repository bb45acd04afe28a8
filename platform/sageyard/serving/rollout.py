"""An update under way: the new fleet beside the old one, the traffic moved stage by stage, and the way back.

Where it stands is in the endpoint's private notes after every stage, so that the next server goes on from there: same
shares of the traffic, and the baking period ends when it would have ended. Its waits are the server's clock's; one that
is moved past several stages goes through them in order. The time that starting instances takes is measured.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

from sageyard.clock import Clock
from sageyard.cloud import Alarms
from sageyard.resources.spec import Resource
from sageyard.serving.deployment import Deployment
from sageyard.serving.fleet import Fleet
from sageyard.serving.router import ServedEndpoint
from sageyard.serving.summary import pending_summary
from sageyard.serving.traffic import Stage, TrafficPlan, batch

TICK = 0.2
"""Seconds between two looks at the clock and the alarms."""

T = TypeVar("T")


class RolledBackError(Exception):
    """The update is given up; the message is the endpoint's FailureReason."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a rollout needs of the server and of the endpoint's hooks."""

    clock: Clock
    alarms: Alarms
    launch: Callable[[Deployment, Mapping[str, int] | None], Awaitable[Fleet]]
    """Starts a fleet, of the instances that are planned or of fewer. DeploymentError."""
    publish: Callable[[], Awaitable[None]]
    """Puts the metrics of minutes that have ended into CloudWatch."""


class Rollout:
    """One update of one endpoint. `fleet` is the new one, once it has been started."""

    def __init__(
        self, ground: Ground, resource: Resource, endpoint: ServedEndpoint, deployment: Deployment, plan: TrafficPlan
    ) -> None:
        self.fleet: Fleet | None = None
        self._ground = ground
        self._resource = resource
        self._endpoint = endpoint
        self._deployment = deployment
        self._plan = plan
        notes = resource.private.get("rollout") or {}
        self._stage = int(notes.get("stage", 0))
        self._since: float | None = notes.get("since")
        """When the baking period of the stage began, by the clock; None before it has."""
        self._spent = float(notes.get("spent", 0.0))
        """Seconds that the update has taken before that."""
        self._checked: float | None = self._since
        """Up to when the alarms are known to have been silent."""

    async def run(self) -> Fleet:
        """Bring the new fleet up and move all the traffic to it. RolledBackError, DeploymentError; the old fleet
        may then be small and the new one be in service, which `go_back` undoes."""
        if self._checked is None:
            await self._look(self._ground.clock.now())
        stages = self._plan.stages[self._stage :]
        first = stages[0].instances if self._plan.rolling else None
        self.fleet = await self._timed(lambda: self._ground.launch(self._deployment, first))
        for stage in stages:
            if self._plan.rolling and stage is not stages[0]:
                await self._next_batch(self.fleet, stage)
            await self._activate(self.fleet, stage)
            self._stage += 1
        return self.fleet

    async def go_back(self) -> None:
        """All traffic to the old fleet, which gets its instances back. DeploymentError: it could not get them."""
        old, new = self._endpoint.fleet, self._endpoint.incoming
        if old is None or new is None:
            return
        if self._plan.rolling:
            counts = {variant.name: len(variant.instances) for variant in old.variants}
            planned = {variant.name: variant.plan.count for variant in old.variants}
            steps = {name: batch(self._plan.rollback, count) for name, count in planned.items()}
            while counts != planned:
                counts = {name: min(planned[name], count + steps[name]) for name, count in counts.items()}
                await old.grow(counts)
                self._endpoint.shares = {
                    name: min(share, 1 - counts[name] / planned[name]) for name, share in self._endpoint.shares.items()
                }
        self._endpoint.incoming = None

    async def _next_batch(self, fleet: Fleet, stage: Stage) -> None:
        """The old fleet gives up what the new one has taken over, and the new one gets its next instances."""
        old, shares = self._endpoint.fleet, self._endpoint.shares
        if old is not None:
            kept = {
                variant.name: max(1, math.ceil(round(variant.plan.count * (1 - shares[variant.name]), 9)))
                for variant in old.variants
            }
            await old.shrink(kept)
        await self._timed(lambda: fleet.grow(stage.instances))

    async def _activate(self, fleet: Fleet, stage: Stage) -> None:
        """Give the new fleet its share of the traffic, and wait out the baking period."""
        self._show(stage, "ActivatingTraffic", f"Activating traffic on {_capacity(stage)}.")
        self._endpoint.shares = stage.shares
        self._endpoint.incoming = fleet
        if self._since is None:
            self._since = self._ground.clock.now()
        baking = f"Baking for {stage.wait:g} seconds ({stage.waits_for}) with traffic enabled on {_capacity(stage)}."
        self._show(stage, "Baking", baking)
        await self._bake(stage.wait, self._since)
        self._spent += stage.wait
        self._since += stage.wait

    async def _bake(self, wait: float, since: float) -> None:
        """Wait with the alarms in view."""
        left = math.inf if self._plan.timeout is None else self._plan.timeout - self._spent
        due = since + min(wait, left)
        while True:
            now = min(self._ground.clock.now(), due)
            await self._look(now)
            if now >= due:
                break
            await asyncio.sleep(TICK)
        if left < wait:
            raise self._timed_out()

    async def _look(self, now: float) -> None:
        """RolledBackError if an alarm has gone off since the last look."""
        if not self._plan.alarms:
            return
        await self._ground.publish()
        alarms, region = self._ground.alarms, self._resource.region
        ringing = await asyncio.to_thread(alarms.ringing, region, self._plan.alarms, self._checked, now)
        self._checked = now
        if ringing:
            raise RolledBackError(
                f"The update was rolled back because these CloudWatch alarms went off: {', '.join(ringing)}."
            )

    async def _timed(self, start: Callable[[], Awaitable[T]]) -> T:
        """Start instances within the time that is left, and add what it took to the account."""
        begun = monotonic()
        try:
            async with asyncio.timeout(None if self._plan.timeout is None else self._plan.timeout - self._spent):
                return await start()
        except TimeoutError as error:
            raise self._timed_out() from error
        finally:
            took = monotonic() - begun
            self._spent += took
            if self._since is not None and self.fleet is not None:
                self._since += took  # the next baking period begins that much later

    def _timed_out(self) -> RolledBackError:
        return RolledBackError(
            "The update was rolled back because it took longer than the MaximumExecutionTimeoutInSeconds of "
            f"{self._plan.timeout:g} seconds."
        )

    def _show(self, stage: Stage, status: str, message: str) -> None:
        """Note where the update stands, for DescribeEndpoint, EventBridge and the next server."""
        started = self._resource.document["PendingDeploymentSummary"]["StartTime"]
        now = self._ground.clock.now()
        self._resource.save(
            private={"rollout": {"stage": self._stage, "since": self._since, "spent": self._spent}},
            PendingDeploymentSummary=pending_summary(self._deployment, started, status, message, now, stage.capacity),
        )


def _capacity(stage: Stage) -> str:
    return f"{stage.noun} capacity of {sum(stage.instances.values())} instance(s)"
