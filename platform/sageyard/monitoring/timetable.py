"""When a schedule fires: AWS's few cron forms, read as cron.

Forms: API reference, `ScheduleConfig`. AWS starts an execution up to 20 minutes late; here it starts at once.
"""

import math
import re
from itertools import islice, takewhile

from cronsim import CronSim

from sageyard.clock import utc

NOW = "NOW"
CAUGHT_UP = 24
"""How many missed times are made up for when the clock jumps, e.g. after a night with the server down."""

_FORM = re.compile(r"cron\(0 (\*|(\d{1,2})(?:/(\d{1,2}))?) \? \* \* \*\)")
_HINT = "use 'cron(0 * ? * * *)', 'cron(0 H ? * * *)' or 'cron(0 H/N ? * * *)' with H 0 to 23 and N 1 to 24, or 'NOW'"


def crontab(expression: str) -> str:
    """`cron(0 17/2 ? * * *)` as `0 17/2 * * *`; a form that AWS does not take raises ValueError.

    As in any cron, `17/12` is 17:00 only: hours count from 17 to the end of the day.
    """
    found = _FORM.fullmatch(expression)
    if found is None or int(found[2] or 0) > 23 or not 1 <= int(found[3] or 1) <= 24:
        raise ValueError(f"ScheduleExpression {expression!r} is not supported: {_HINT}")
    return f"0 {found[1]} * * *"


def daily(created: float) -> str:
    """The expression of a schedule that names none: daily, at the first full hour after its creation."""
    return f"cron(0 {(int(created) // 3600 + 1) % 24} ? * * *)"


def next_time(expression: str, after: float) -> float:
    """The first time after `after`, in epoch seconds."""
    return next(CronSim(crontab(expression), utc(after))).timestamp()


def previous_time(expression: str, before: float) -> float:
    """The last time before `before`, in epoch seconds."""
    return next(CronSim(crontab(expression), utc(math.ceil(before)), reverse=True)).timestamp()


def due_times(expression: str, first: float, now: float) -> list[float]:
    """The times from `first` to `now`, oldest first; of more than CAUGHT_UP only the last."""
    backwards = CronSim(crontab(expression), utc(math.floor(now) + 1), reverse=True)
    times = islice((moment.timestamp() for moment in backwards), CAUGHT_UP)
    return sorted(takewhile(lambda moment: moment >= first, times))
