"""When scheduled rules and schedules fire.

Sources: EventBridge's `eb-scheduled-rule-pattern` and EventBridge Scheduler's `schedule-types`: cron has six fields,
the last the year; days of the week are 1 (Sunday) to 7; a rule's rate first fires after one period, a schedule's at
its start.
"""

import re
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from sageyard.clock import utc
from sageyard.cloud import EventTimer

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS = {"minute": 60.0, "hour": 3600.0, "day": 86400.0}
RATE = re.compile(r"rate\(\s*(\d+)\s+(minute|hour|day)s?\s*\)")
CRON = re.compile(r"cron\((.*)\)")
AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
FARTHEST = 200_000
"""How many dates of a cron expression are looked at for one in a year that it names."""


def first_time(timer: EventTimer, now: float) -> float | None:
    """When a timer that is new fires first, in epoch seconds; None for never. ValueError for a bad expression."""
    if period := _period(timer.expression):
        if timer.begins is not None or timer.created is not None:
            return _unless_over(timer, max(timer.begins or 0.0, timer.created or 0.0))
        return now + period
    if found := AT.fullmatch(timer.expression):
        return datetime.fromisoformat(found[1]).replace(tzinfo=_zone(timer)).timestamp()
    return _unless_over(timer, _next_date(timer, max(now, timer.begins or 0.0)))


def next_time(timer: EventTimer, fired: float, now: float) -> float | None:
    """When a timer that has `fired` fires again: after `now`, what was missed is not made up for."""
    if period := _period(timer.expression):
        periods = max(1, int((now - fired) // period) + 1)
        return _unless_over(timer, fired + periods * period)
    if AT.fullmatch(timer.expression):
        return None
    return _unless_over(timer, _next_date(timer, now))


def _unless_over(timer: EventTimer, time: float | None) -> float | None:
    return None if time is None or (timer.ends is not None and time > timer.ends) else time


def _period(expression: str) -> float:
    found = RATE.fullmatch(expression)
    return float(found[1]) * UNITS[found[2]] if found else 0.0


def _zone(timer: EventTimer) -> tzinfo:
    if timer.timezone == "UTC":
        return UTC  # known even where the system has no list of time zones
    try:
        return ZoneInfo(timer.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{timer.timezone!r} is no time zone: write one like Europe/Berlin") from None


def _next_date(timer: EventTimer, after: float) -> float | None:
    found = CRON.fullmatch(timer.expression)
    fields = found[1].split() if found else []
    if len(fields) != 6:
        raise ValueError(
            f"{timer.expression!r} is no schedule: write rate(5 minutes), at(2026-11-21T08:00:00) or cron with the six "
            "fields minutes, hours, day of month, month, day of week and year"
        )
    *fields, years = fields
    fields[4] = _weekdays(fields[4])
    try:
        dates: Iterator[datetime] = CronSim(" ".join(fields).replace("?", "*"), utc(after).astimezone(_zone(timer)))
    except CronSimError as error:
        raise ValueError(f"{timer.expression!r} is no cron expression: {error}") from None
    wanted = _years(years)
    for date in islice(dates, FARTHEST):
        if wanted is None or date.year in wanted:
            return date.timestamp()
        if date.year > max(wanted):
            return None
    return None


def _weekdays(field: str) -> str:
    """AWS counts from 1, Sunday; cron from 0."""
    return re.sub(r"(?<![#/\w])\d", lambda digit: str(int(digit[0]) - 1), field)


def _years(field: str) -> set[int] | None:
    if field in {"*", "?"}:
        return None
    years: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("1970", "-", "2199") if span == "*" else span.partition("-")
        years |= set(range(int(first), int(last or (2199 if step else first)) + 1, int(step or 1)))
    return years
