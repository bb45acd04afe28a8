"""Which stretch of captured data an execution analyses.

Sources: API reference, `ScheduleConfig` and `EndpointInput`; a report of the window 22:00 to 23:00 lies under hour 23.
"""

import math
import re
from dataclasses import dataclass

from sageyard.clock import iso, utc
from sageyard.monitoring.timetable import NOW, previous_time
from sageyard.resources.spec import Document

HOUR = 3600
LONGEST = 24 * HOUR

_DURATION = re.compile(r"([+-]?)P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_UNITS = (7 * LONGEST, LONGEST, HOUR, 60, 1)


def offset(text: str) -> int:
    """`-PT5H` as -18000 seconds; what is no duration, or looks ahead, raises ValueError."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"offset {text!r} is not an ISO 8601 duration: write it like '-PT5H' or '-P1D'")
    seconds = sum(int(count or 0) * unit for count, unit in zip(found.groups()[1:], _UNITS, strict=True))
    if seconds and found[1] != "-":
        raise ValueError(f"offset {text!r} looks ahead of the scheduled time: write it with a minus, like '-PT5H'")
    return -seconds


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` to before `end`, in whole epoch seconds."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{iso(self.start)} to {iso(self.end)}"

    @property
    def hours(self) -> list[str]:
        """The folders of captured data that the window touches: `2026/11/21/08`, oldest first."""
        first = self.start - self.start % HOUR
        return [utc(hour).strftime("%Y/%m/%d/%H") for hour in range(first, self.end, HOUR)]


def last_hour(now: float) -> Window:
    """The 60 minutes up to now, which a run on demand analyses: it touches the current hour and the one before.

    The end is rounded up: inferenceTime is in whole seconds, and what was captured in this one belongs to the window.
    """
    end = math.floor(now) + 1
    return Window(end - HOUR, end)


def analysis_window(timing: Document, data: Document, expression: str, scheduled: float) -> Window:
    """The window of the execution scheduled for `scheduled`; one that AWS refuses raises ValueError.

    `timing` is a ScheduleConfig, whose DataAnalysisStartTime and DataAnalysisEndTime count from the scheduled time,
    at most 24 hours apart; `data` an EndpointInput, whose StartTimeOffset and EndTimeOffset do the same and apply
    where the first are not set. Where nothing is set, the window is what was captured since the time before: [H-1, H)
    for an hourly schedule, a day for a daily one.
    """
    start = timing.get("DataAnalysisStartTime") or data.get("StartTimeOffset")
    end = timing.get("DataAnalysisEndTime") or data.get("EndTimeOffset")
    if expression == NOW and not (timing.get("DataAnalysisStartTime") and timing.get("DataAnalysisEndTime")):
        raise ValueError(
            "ScheduleExpression 'NOW' needs the window to analyse: set DataAnalysisStartTime and DataAnalysisEndTime, "
            "for example '-PT1H' and '-PT0H'"
        )
    at = math.ceil(scheduled)
    until = at + (offset(end) if end else 0)
    since = at + offset(start) if start else until - round(at - previous_time(expression, at))
    if since >= until:
        raise ValueError(f"the window from {start} to {end or '-PT0H'} is empty: the start must lie before the end")
    if timing.get("DataAnalysisStartTime") and until - since > LONGEST:
        raise ValueError(
            f"DataAnalysisStartTime {start!r} and DataAnalysisEndTime {end or '-PT0H'!r} are more than 24 hours apart: "
            "choose a shorter window"
        )
    return Window(since, until)
