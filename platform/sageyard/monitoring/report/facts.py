"""What a report is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]
VIOLATED = "CompletedWithViolations"
_CHECKS = {"LessThanThreshold": "below threshold", "GreaterThanThreshold": "above threshold"}


@dataclass(frozen=True, slots=True)
class Past:
    """One execution of the timeline. `violations` is None where there is no such document."""

    name: str
    status: str
    scheduled: float
    url: str
    violations: Sequence[Json] | None = None
    statistics: Json = field(default_factory=dict)
    """Not of data quality: its statistics are large."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One execution with its documents, each empty where there is none, and the timeline up to it, oldest first."""

    schedule: str
    schedule_url: str
    kind: str
    """MonitoringType."""
    execution: Past
    endpoint: str = ""
    window: tuple[str, str] | None = None
    reason: str = ""
    statistics: Json = field(default_factory=dict)
    """What was measured; of Clarify's analyses analysis.json, which constraints are too."""
    baseline: Json = field(default_factory=dict)
    """The baseline's statistics."""
    constraints: Json = field(default_factory=dict)
    timeline: Sequence[Past] = ()
    documents: Sequence[tuple[str, str]] = ()
    """What was read: a title and an S3 URI."""


def check(violation: Json) -> str:
    """The constraint that is violated, in words."""
    name = str(violation.get("constraint_check_type", ""))
    return _CHECKS.get(name, name.removesuffix("_check").replace("_", " "))


def subject(violation: Json) -> str:
    """What a violation is about: a feature, a metric, or a metric of a facet or a label."""
    names = [str(violation[member]) for member in ("facet", "facet_value", "label") if member in violation]
    name = str(violation.get("feature_name") or violation.get("metric_name") or "")
    return " ".join([name, *names]).strip() or "?"


def entries(document: Json, member: str) -> list[Json]:
    """The objects in a list of a document; a document of another shape has none."""
    found = document.get(member)
    return [entry for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []
