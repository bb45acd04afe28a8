"""The hosts of one job: they start together, and end together when one of them fails."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sageyard.runners.base import OutputSink, RunExit, RunHandle, Runner, RunRequest, Standby

SHUTDOWN_GRACE = 1.0


class End(Enum):
    """Why a cluster ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    OUT_OF_TIME = "out of time"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a cluster ended, and how each host did; `failed` is the number of the first host that failed by itself."""

    end: End
    exits: list[RunExit]
    failed: int | None = None


async def run_cluster(
    runner: Runner,
    hosts: Sequence[tuple[RunRequest, OutputSink]],
    stopping: asyncio.Event,
    *,
    seconds: float,
    grace: float,
    standbys: dict[str, Standby] | None = None,
) -> Outcome:
    """Run one container per host until all exit 0, one fails, `stopping` is set or `seconds` of real time are over;
    ImageNotFoundError and StartError. Hosts named in `standbys` start there, and are taken out of it. When cancelled,
    the containers are ended first."""
    waiting = {} if standbys is None else standbys
    deadline = time.monotonic() + seconds
    handles: list[RunHandle] = []
    try:
        for request, sink in hosts:
            handles.append(await waiting.pop(request.hostname, runner).start(request, sink))
        return await _watch(handles, stopping, deadline, grace)
    except BaseException:
        await _stop(handles, min(grace, SHUTDOWN_GRACE))
        raise


async def _watch(handles: list[RunHandle], stopping: asyncio.Event, deadline: float, grace: float) -> Outcome:
    waits = [asyncio.create_task(handle.wait()) for handle in handles]
    stop = asyncio.create_task(stopping.wait())
    running = set(waits)
    try:
        while running:
            left = max(0.0, deadline - time.monotonic())
            done, _ = await asyncio.wait({stop, *running}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            running -= done
            failed = next((number for number, wait in enumerate(waits) if wait in done and wait.result().code), None)
            if failed is not None:
                return Outcome(End.FAILED, await _stop(handles, grace), failed)
            if running and (stop in done or not done):
                end = End.STOPPED if stop in done else End.OUT_OF_TIME
                return Outcome(end, await _stop(handles, grace))
        return Outcome(End.COMPLETED, [wait.result() for wait in waits])
    finally:
        for task in (stop, *waits):
            task.cancel()


async def _stop(handles: list[RunHandle], grace: float) -> list[RunExit]:
    return await asyncio.gather(*(handle.stop(grace) for handle in handles))
