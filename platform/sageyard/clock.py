"""The server's clock: real time plus an offset that tests and demos may move forward."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where every module gets the time from; nothing else reads it."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""


class ShiftedClock:
    """Real time plus an offset in seconds.

    The offset only grows: a schedule that fired must not find itself in the past again.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset

    def now(self) -> float:
        return time.time() + self.offset

    def advance(self, seconds: float) -> float:
        """Move the clock forward and return the new time; negative seconds raise ValueError."""
        if seconds < 0:
            raise ValueError(f"the clock cannot be moved by {seconds} s: it only moves forward")
        self.offset += seconds
        return self.now()


def utc(seconds: float) -> datetime:
    """The aware UTC datetime of an epoch time."""
    return datetime.fromtimestamp(seconds, UTC)


def iso(seconds: float) -> str:
    """`2026-11-21T08:15:30Z`: how SageMaker writes times inside files and variables."""
    return utc(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")
