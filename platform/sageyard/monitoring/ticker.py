"""Fires schedules at their times, on the server's clock."""

import asyncio
import contextlib
import hashlib
import logging

from sageyard.clock import Clock, utc
from sageyard.monitoring.definition import job_prefix
from sageyard.monitoring.execution import MonitoringExecutionHooks
from sageyard.monitoring.timetable import NOW, daily, due_times, next_time
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Resource
from sageyard.store.resources import NameTakenError, Row

logger = logging.getLogger(__name__)

SCHEDULE = "MonitoringSchedule"
DUE = "next_time"
"""The private note of a schedule that says when it fires next: an epoch time, or None for never."""
LONGEST_SLEEP = 60.0  # the timer does not run while the machine is suspended: afterwards this late at most


class Ticker:
    """One task for all schedules. A schedule's next time is kept with it, so nothing is missed by a restart."""

    def __init__(self, engine: Engine, clock: Clock, executions: MonitoringExecutionHooks) -> None:
        self.engine = engine
        self.clock = clock
        self.executions = executions
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look at the clock and the schedules now: one of them has changed."""
        self._woken.set()

    def arm(self, schedule: Resource, status: str) -> None:
        """Set the schedule's status and its next time, counted from now; NOW fires at once."""
        expression = _expression(schedule.document, schedule.document["CreationTime"])
        now = self.clock.now()
        schedule.save(status=status, private={DUE: now if expression == NOW else next_time(expression, now)})
        self.wake()

    async def run(self) -> None:
        """Fire schedules for ever."""
        while True:
            self._woken.clear()
            due = self.fire()
            seconds = LONGEST_SLEEP if due is None else min(max(0.0, due - self.clock.now()), LONGEST_SLEEP)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):  # wait_for of Python 3.11 can lose a cancellation
                    await self._woken.wait()

    def fire(self) -> float | None:
        """Add the executions that are due; answers the next time that any schedule is due, or None."""
        coming: list[float] = []
        for row in list(self.engine.store.in_statuses(SCHEDULE, ["Scheduled"])):
            try:
                due = self._fire(row, self.clock.now())
            except Exception:
                logger.exception("monitoring schedule %s", row.name)
            else:
                coming += [due] if due is not None else []
        return min(coming, default=None)

    def _fire(self, row: Row, now: float) -> float | None:
        due: float | None = row.private.get(DUE)
        if due is None or due > now:
            return due
        expression = _expression(row.document, row.created)
        for scheduled in [due] if expression == NOW else due_times(expression, due, now):
            with contextlib.suppress(NameTakenError):  # added before a crash that came before the save below
                self.executions.add(row, execution_name(row, scheduled), scheduled)
        due = None if expression == NOW else next_time(expression, now)
        if (schedule := self.engine.resource(SCHEDULE, row.region, row.name)) is not None:
            schedule.save(private={DUE: due})
        return due


def execution_name(schedule: Row, scheduled: float) -> str:
    """`<type's prefix>-YYYYMMDDHHMM-<24 hex digits>`, the same whenever it is asked for."""
    digest = hashlib.sha256(f"{schedule.arn}|{schedule.created}|{scheduled}".encode()).hexdigest()[:24]
    return f"{job_prefix(schedule.document['MonitoringType'])}-{utc(scheduled):%Y%m%d%H%M}-{digest}"


def _expression(document: dict[str, object], created: float) -> str:
    config = document["MonitoringScheduleConfig"]
    assert isinstance(config, dict)
    return str(config.get("ScheduleConfig", {}).get("ScheduleExpression") or daily(created))
