"""Retry policies of steps: which failures, how often, how long after the one before."""

from typing import Any

DEFAULT_BACKOFF = 2.0
DEFAULT_INTERVAL = 1.0


def delay(policies: list[dict[str, Any]], types: frozenset[str], failures: int, elapsed: float) -> float | None:
    """Seconds until the next attempt after so many failures; None: there is none.

    `types` are the exception types of the last failure; `elapsed` is seconds since the first attempt.
    """
    for policy in policies:
        if not types & set(policy.get("ExceptionType", ())):
            continue
        wait = float(policy.get("IntervalSeconds", DEFAULT_INTERVAL)) * float(
            policy.get("BackoffRate", DEFAULT_BACKOFF)
        ) ** (failures - 1)
        if failures > policy.get("MaxAttempts", failures):
            return None
        if "ExpireAfterMin" in policy and elapsed + wait > policy["ExpireAfterMin"] * 60:
            return None
        return wait
    return None
