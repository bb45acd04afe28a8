"""EventBridge's rules and schedules as moto keeps them; what a rule matches is delivered by whom the app names.

moto matches patterns. Its own targets are replaced, for it knows few of them, sends to disabled rules and refuses a
whole PutEvents for one target that it lacks; only archives are left to it.
"""

import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from sageyard.aws.bridges import moto
from sageyard.aws.exchange import ServiceRequest
from sageyard.aws.moto_services import READING, MotoServices
from sageyard.clock import iso
from sageyard.cloud import EventTimer

logger = logging.getLogger(__name__)

TIMED = ("cloudformation", "events", "scheduler")
"""Services whose requests may change what fires by the clock."""
Deliver = Callable[[str, dict[str, Any], dict[str, Any]], None]
"""Told of a region, a target as PutTargets had it, and an event for it; durable on return."""


class EventRules:
    """Rules of every region, read and reached into in moto's own thread."""

    def __init__(self, services: MotoServices, account_id: str) -> None:
        self._services = services
        self._account_id = account_id
        self.deliver: Deliver | None = None
        self.changed: Callable[[], Awaitable[None]] | None = None
        """Called when rules or schedules may have changed, before their client has its answer."""

    def install(self, replaying: Callable[[], bool]) -> None:
        """Replace how moto's rules send; while its journal is replayed, they are silent."""
        rules = self

        def send_to_targets(rule: Any, original_event: dict[str, Any], transform_input: bool = True) -> None:
            if rule.state != "ENABLED" or not rule.event_pattern.get_pattern():
                return
            if not _matches(rule, original_event):
                return
            event = {name: value for name, value in original_event.items() if name != "ingestion-time"}
            event["time"] = _time(event["time"])
            for target in rule.targets:
                if _is_archive(target):
                    _archive(rule, target, original_event)
                elif ":event-bus/" in target["Arn"]:
                    _pass_on(target["Arn"], event)
                elif rules.deliver is not None and not replaying():
                    rules.deliver(rule.region_name, {**target, "RuleArn": rule.arn, "RuleName": rule.name}, event)

        moto("events.models").Rule.send_to_targets = send_to_targets
        # SDKs send the real time as a schedule's start, which a clock that was moved has left behind.
        moto("scheduler.models").Schedule._validate_start_date = lambda schedule, start_date: start_date

    def timers(self) -> list[EventTimer]:
        """Every enabled rule and schedule that fires by the clock. Blocks."""
        return self._services.inside(lambda: [*self._rules(), *self._schedules()])

    def _rules(self) -> list[EventTimer]:
        return [
            EventTimer(rule.arn, region, rule.scheduled_expression, tuple(rule.targets))
            for region, backend in list(moto("events.models").events_backends[self._account_id].items())
            for rule in backend.event_buses["default"].rules.values()
            if rule.scheduled_expression and rule.state == "ENABLED"
        ]

    def _schedules(self) -> list[EventTimer]:
        return [
            EventTimer(
                schedule.arn,
                region,
                schedule.schedule_expression,
                (schedule.target,),
                timezone=schedule.schedule_expression_timezone,
                begins=_seconds(schedule.start_date),
                ends=_seconds(schedule.end_date),
                created=schedule.creation_date,
                deletes=schedule.action_after_completion == "DELETE",
            )
            for region, backend in list(moto("scheduler.models").scheduler_backends[self._account_id].items())
            for group in backend.schedule_groups.values()
            for schedule in group.schedules.values()
            if schedule.state == "ENABLED"
        ]

    def complete(self, timer: EventTimer) -> None:
        """Delete a schedule, as its client could have done. Blocks."""
        group, name = timer.arn.split("/")[-2:]
        self._services.delete_schedule(timer.region, group, name)


def changes_timers(request: ServiceRequest) -> bool:
    """Whether a request may change what fires by the clock."""
    return request.service in TIMED and not request.operation.startswith((*READING, "PutEvents"))


def _matches(rule: Any, event: dict[str, Any]) -> bool:
    try:
        return bool(rule.event_pattern.matches_event(event))
    except Exception as error:  # a pattern that compares the wrong things must not keep other rules from the event
        logger.warning("the pattern of %s cannot be matched: %s", rule.arn, error)
        return False


def _is_archive(target: dict[str, Any]) -> bool:
    """The target of the rule behind an archive: an ARN of EventBridge that names nothing."""
    _, _, service, _, _, resource = target["Arn"].split(":", 5)
    return service == "events" and not resource.strip(":")


def _archive(rule: Any, target: dict[str, Any], event: dict[str, Any]) -> None:
    """Keep an event in moto's archive, which the target's template names."""
    found = re.search(r'"archive-arn": "[^"]*archive/([^"]+)"', target["InputTransformer"]["InputTemplate"])
    if found:
        rule._send_to_events_archive(found[1], event)


def _pass_on(bus: str, event: dict[str, Any]) -> None:
    """Put an event on another bus."""
    _, _, _, region, account, _ = bus.split(":", 5)
    entry = {
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "Resources": event["resources"],
        "EventBusName": bus,
    }
    moto("events.models").events_backends[account][region].put_events([entry])


def _time(value: object) -> str:
    return iso(float(value)) if isinstance(value, int | float) else str(value)


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
