"""Transitions by the clock, for resource types with no real work behind them."""

import asyncio
from dataclasses import replace

from sageyard.clock import Clock
from sageyard.resources.spec import Hooks, Resource, ResourceSpec
from sageyard.wire.model import ServiceModel

SETTLING = 0.2
"""Seconds on the server's clock from creation to the settled status; AWS takes minutes."""

STOPPED = ("Stopped", "STOPPED", "Completed")
"""How types call it; an inference experiment that is stopped is Completed."""


class TimedHooks(Hooks):
    """Settles a record, and truthfully: what AWS provisions becomes ready, a job that nothing runs fails.

    The clock is looked at anew several times a second, so that moving it forward settles what is waiting.
    """

    clock: Clock
    status = ""
    stopped: str | None = None
    reason: str | None = None

    def settle(self, clock: Clock, noun: str, status: str, stopped: str | None, *, failed: bool) -> None:
        """Where `run` and `stop` lead; a family's own hooks extend this class and are told so, too."""
        self.clock = clock
        self.status = status
        self.stopped = stopped
        self.reason = f"Sageyard records {noun}s but does not run them yet." if failed else None

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        before, due = resource.status, resource.document["CreationTime"] + SETTLING
        while (left := due - self.clock.now()) > 0:  # noqa: ASYNC110 - the clock may be moved meanwhile
            await asyncio.sleep(min(left, 0.05))
        if resource.exists and resource.status == before:
            resource.save(status=self.status, FailureReason=self.reason)

    async def stop(self, resource: Resource) -> None:
        resource.save(status=self.stopped)


def timed(model: ServiceModel, spec: ResourceSpec, clock: Clock) -> ResourceSpec:
    """The specification of a type that no family file gives behaviour; hooks of a family's own are kept, and those
    that extend TimedHooks are told where they lead."""
    hooks = TimedHooks() if type(spec.hooks) is Hooks else spec.hooks
    if not isinstance(hooks, TimedHooks):
        return replace(spec, update_status="")
    stopping = f"Stop{spec.kind}" in model.operations and not spec.restartable
    failed = stopping and bool(spec.failed_status)
    target = spec.failed_status if failed else spec.success_status
    if spec.initial_status in {"", target}:
        return replace(spec, update_status="")
    stopped = next((status for status in STOPPED if status in spec.statuses), None)
    hooks.settle(clock, spec.noun, target, stopped, failed=failed)
    return replace(spec, update_status="", hooks=hooks)
