"""The rest of AWS, as the engines use it (the protocols of `sageyard.cloud`), and their opening."""

import json
import logging
from collections.abc import Sequence
from typing import Any

from sageyard.aws.alarms import StoredAlarms
from sageyard.aws.event_rules import EventRules
from sageyard.aws.json_services import JsonServices
from sageyard.aws.log_store import LogStore
from sageyard.aws.moto_services import MotoServices
from sageyard.aws.mount import AwsMount
from sageyard.aws.stored_objects import StoredObjects
from sageyard.clock import Clock, ShiftedClock
from sageyard.cloud import Cloud, EventTimer
from sageyard.errors import AwsError
from sageyard.settings import Settings

logger = logging.getLogger(__name__)


class StoredLogs:
    """CloudWatch Logs from inside the server: `sageyard.cloud.Logs`."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    def create_stream(self, region: str, group: str, stream: str) -> None:
        """Create the group and the stream where they are missing."""
        self._store.ensure_stream(region, group, stream)

    def append(self, region: str, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Append (epoch milliseconds, message) pairs; the stream is created where it is missing."""
        try:
            self._store.append(region, group, stream, events)
        except AwsError:
            self._store.ensure_stream(region, group, stream)
            self._store.append(region, group, stream, events)

    def tail(self, region: str, group: str, stream: str, lines: int = 20) -> list[str]:
        """The last messages of a stream, oldest first."""
        return self._store.tail(region, group, stream, lines)


class EventBus:
    """EventBridge from inside the server: `sageyard.cloud.Events`."""

    def __init__(self, moto: MotoServices, services: JsonServices, rules: EventRules) -> None:
        self._moto = moto
        self._services = services
        self._rules = rules

    def put(self, region: str, detail_type: str, detail: dict[str, Any], resources: Sequence[str]) -> None:
        """PutEvents with source `aws.sagemaker`; without a rule that has a target, nothing happens and moto sleeps."""
        if not self._moto.has_event_targets():
            return
        entry = {
            "Source": "aws.sagemaker",
            "DetailType": detail_type,
            "Detail": json.dumps(detail, default=str),
            "Resources": list(resources),
        }
        try:
            self._services.call(region, "events", "PutEvents", {"Entries": [entry]})
        except AwsError as error:  # what happened has happened, whether or not a rule could be told
            logger.warning("%s was not delivered: %s", detail_type, error)

    def wanted(self) -> bool:
        """Whether there is a target of a rule, or an archive."""
        return self._moto.has_event_targets()

    def timers(self) -> list[EventTimer]:
        """Every enabled rule and schedule that fires by the clock; moto sleeps on where there can be none."""
        return self._rules.timers() if self._moto.has_event_timers() else []

    def complete(self, timer: EventTimer) -> None:
        """Delete a schedule that asked for it, after its last run."""
        self._rules.complete(timer)


def open_cloud(settings: Settings, clock: Clock | None = None) -> tuple[AwsMount, Cloud]:
    """Open the state below `settings.state_dir`: the mount for the app, the protocols for the engines.

    `clock` gives the times of objects, logs and records; real time where there is none. `AwsMount.close` ends it all.
    """
    mount = AwsMount(settings, clock or ShiftedClock())
    services = JsonServices(mount.services)
    cloud = Cloud(
        objects=StoredObjects(mount.storage),
        logs=StoredLogs(mount.logs),
        metrics=mount.metrics,
        events=EventBus(mount.services, services, mount.rules),
        endpoint_url=settings.endpoint_url,
        services=services,
        functions=mount.functions,
        alarms=StoredAlarms(services, mount.metrics),
    )
    return mount, cloud
