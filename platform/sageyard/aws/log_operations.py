"""CloudWatch Logs on the wire (JSON 1.1): the operations that jobs, endpoints and the SDKs live on.

What the SDKs depend on: events in a stable order with an inclusive start, always a nextForwardToken, an empty list when
nothing is new; no nextToken from DescribeLogStreams when all fit; FilterLogEvents' events only count on pages with a
nextToken, so every page with events carries one, and an empty page without it ends the listing.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from sageyard.aws.exchange import ServiceAnswer, ServiceRequest, json_answer
from sageyard.aws.log_store import LogEvent, LogGroup, LogStore
from sageyard.errors import AwsError

EVER = 1 << 62
PAGE = 10_000
TERM = re.compile(r'([-?]?)(?:"([^"]*)"|(\S+))')


def invalid(message: str) -> AwsError:
    """InvalidParameterException."""
    return AwsError(message, code="InvalidParameterException")


class LogOperations:
    """One method for each operation; `answer` finds it by name."""

    def __init__(self, store: LogStore, account_id: str) -> None:
        self._store = store
        self._account_id = account_id
        self._operations: dict[str, Callable[[str, dict[str, Any]], dict[str, object]]] = {
            "CreateLogGroup": self.create_log_group,
            "DeleteLogGroup": self.delete_log_group,
            "DescribeLogGroups": self.describe_log_groups,
            "PutRetentionPolicy": self.put_retention_policy,
            "DeleteRetentionPolicy": self.delete_retention_policy,
            "CreateLogStream": self.create_log_stream,
            "DeleteLogStream": self.delete_log_stream,
            "DescribeLogStreams": self.describe_log_streams,
            "PutLogEvents": self.put_log_events,
            "GetLogEvents": self.get_log_events,
            "FilterLogEvents": self.filter_log_events,
        }

    def knows(self, request: ServiceRequest) -> bool:
        """Whether this is one of the operations answered here."""
        return request.service == "logs" and request.operation in self._operations

    def answer(self, request: ServiceRequest) -> ServiceAnswer:
        """Run one operation."""
        try:
            parameters = json.loads(request.body or b"{}")
        except ValueError:
            raise AwsError("the request body is not JSON", code="SerializationException") from None
        try:
            return json_answer(self._operations[request.operation](request.region, parameters))
        except KeyError as missing:
            raise invalid(f"1 validation error detected: {missing} must not be null") from None

    def _arn(self, region: str, group: str) -> str:
        return f"arn:aws:logs:{region}:{self._account_id}:log-group:{group}"

    @staticmethod
    def _group(parameters: dict[str, Any]) -> str:
        if identifier := parameters.get("logGroupIdentifier"):
            name: str = identifier.partition(":log-group:")[2].removesuffix(":*") or identifier
            return name
        group: str = parameters["logGroupName"]
        return group

    def create_log_group(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """CreateLogGroup."""
        name = parameters["logGroupName"]
        if not re.fullmatch(r"[.\-_/#A-Za-z0-9]{1,512}", name):
            raise invalid(f"{name!r} is no log group name: 1 to 512 of letters, digits and . - _ / #")
        self._store.create_group(
            region, name, parameters.get("kmsKeyId"), parameters.get("logGroupClass") or "STANDARD"
        )
        return {}

    def delete_log_group(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """DeleteLogGroup."""
        self._store.delete_group(region, parameters["logGroupName"])
        return {}

    def describe_log_groups(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """DescribeLogGroups: by prefix, by pattern (part of the name), by identifiers."""
        prefix, pattern = parameters.get("logGroupNamePrefix") or "", parameters.get("logGroupNamePattern") or ""
        wanted = {self._group({"logGroupIdentifier": name}) for name in parameters.get("logGroupIdentifiers") or []}
        groups = [
            group
            for group in self._store.groups(region)
            if group.name.startswith(prefix)
            and pattern.lower() in group.name.lower()
            and (not wanted or group.name in wanted)
        ]
        page, token = _page(groups, parameters)
        return {"logGroups": [self._describe(region, group) for group in page], **token}

    def _describe(self, region: str, group: LogGroup) -> dict[str, object]:
        arn = self._arn(region, group.name)
        described: dict[str, object] = {
            "logGroupName": group.name,
            "creationTime": group.created,
            "metricFilterCount": 0,
            "arn": f"{arn}:*",
            "logGroupArn": arn,
            "storedBytes": 0,
            "logGroupClass": group.log_class,
        }
        if group.retention is not None:
            described["retentionInDays"] = group.retention
        if group.kms_key is not None:
            described["kmsKeyId"] = group.kms_key
        return described

    def put_retention_policy(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """PutRetentionPolicy."""
        self._store.set_retention(region, parameters["logGroupName"], int(parameters["retentionInDays"]))
        return {}

    def delete_retention_policy(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """DeleteRetentionPolicy."""
        self._store.set_retention(region, parameters["logGroupName"], None)
        return {}

    def create_log_stream(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """CreateLogStream."""
        name = parameters["logStreamName"]
        if not re.fullmatch(r"[^:*]{1,512}", name):
            raise invalid(f"{name!r} is no log stream name: 1 to 512 characters, without : and *")
        self._store.create_stream(region, parameters["logGroupName"], name)
        return {}

    def delete_log_stream(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """DeleteLogStream."""
        self._store.delete_stream(region, parameters["logGroupName"], parameters["logStreamName"])
        return {}

    def describe_log_streams(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """DescribeLogStreams, by name or by the time of the last event."""
        group, prefix = self._group(parameters), parameters.get("logStreamNamePrefix") or ""
        streams = self._store.streams(region, group, prefix)
        if parameters.get("orderBy") == "LastEventTime":
            if prefix:
                raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
            streams.sort(key=lambda stream: stream.last or 0)
        if parameters.get("descending"):
            streams.reverse()
        page, token = _page(streams, parameters)
        described = []
        for stream in page:
            times = {
                "firstEventTimestamp": stream.first,
                "lastEventTimestamp": stream.last,
                "lastIngestionTime": stream.ingested,
            }
            described.append(
                {
                    "logStreamName": stream.name,
                    "creationTime": stream.created,
                    **{name: time for name, time in times.items() if time is not None},
                    "uploadSequenceToken": "1",
                    "arn": f"{self._arn(region, group)}:log-stream:{stream.name}",
                    "storedBytes": 0,
                }
            )
        return {"logStreams": described, **token}

    def put_log_events(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """PutLogEvents; sequence tokens are accepted and ignored, as on AWS since 2023."""
        events = [(int(event["timestamp"]), str(event["message"])) for event in parameters["logEvents"]]
        self._store.append(region, parameters["logGroupName"], parameters["logStreamName"], events)
        return {"nextSequenceToken": "1"}

    def get_log_events(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """GetLogEvents. A token is a place in the stream: `f/time:id` reads on behind it, `b/time:id` before it."""
        group, stream = self._group(parameters), parameters["logStreamName"]
        start, end = int(parameters.get("startTime") or 0), _end(parameters)
        limit = min(int(parameters.get("limit") or PAGE), PAGE)
        token = parameters.get("nextToken")
        forward = token.startswith("f/") if token else bool(parameters.get("startFromHead"))
        place = _place(token) if token else ((start, 0) if forward else (EVER, EVER))
        read = self._store.after if forward else self._store.before
        events = read(region, group, stream, start, end, place, limit)
        if events:
            first, last = (events[0].time, events[0].id), (events[-1].time, events[-1].id)
        elif token or forward:
            first = last = place
        else:
            first = last = (start, 0)
        return {
            "events": [
                {"timestamp": event.time, "message": event.message, "ingestionTime": event.ingested} for event in events
            ],
            "nextForwardToken": f"f/{last[0]}:{last[1]}",
            "nextBackwardToken": f"b/{first[0]}:{first[1]}",
        }

    def filter_log_events(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """FilterLogEvents: terms, "phrases", -exclusions and ?alternatives; no JSON patterns."""
        group = self._group(parameters)
        streams = list(parameters.get("logStreamNames") or [])
        if prefix := parameters.get("logStreamNamePrefix"):
            streams = [stream.name for stream in self._store.streams(region, group, prefix)]
            if not streams:
                return {"events": [], "searchedLogStreams": []}
        limit = min(int(parameters.get("limit") or PAGE), PAGE)
        matches = _filter(parameters.get("filterPattern") or "")
        start, end = int(parameters.get("startTime") or 0), _end(parameters, inclusive=True)
        place = _place(parameters["nextToken"]) if parameters.get("nextToken") else (start, 0)
        events: list[LogEvent] = []
        while len(events) < limit and (found := self._store.across(region, group, streams, start, end, place, PAGE)):
            for event in found:
                place = (event.time, event.id)
                if matches(event.message):
                    events.append(event)
                    if len(events) == limit:
                        break
        result: dict[str, object] = {
            "events": [
                {
                    "logStreamName": event.stream,
                    "timestamp": event.time,
                    "message": event.message,
                    "ingestionTime": event.ingested,
                    "eventId": str(event.id),
                }
                for event in events
            ],
            "searchedLogStreams": [],
        }
        if events:
            result["nextToken"] = f"f/{place[0]}:{place[1]}"
        return result


def _page(items: list[Any], parameters: dict[str, Any]) -> tuple[list[Any], dict[str, str]]:
    limit = min(int(parameters.get("limit") or 50), 50)
    token = parameters.get("nextToken") or "0"
    if not token.isdecimal():
        raise invalid("The specified nextToken is invalid.")
    first = int(token)
    more = {"nextToken": str(first + limit)} if first + limit < len(items) else {}
    return items[first : first + limit], more


def _end(parameters: dict[str, Any], *, inclusive: bool = False) -> int:
    end = parameters.get("endTime")
    return EVER if end is None else int(end) + inclusive


def _place(token: str) -> tuple[int, int]:
    if not (match := re.fullmatch(r"[fb]/(-?\d+):(\d+)", token)):
        raise invalid("The specified nextToken is invalid.")
    return int(match[1]), int(match[2])


def _filter(pattern: str) -> Callable[[str], bool]:
    if pattern.lstrip().startswith(("{", "[", "%")):
        raise invalid(f'The filter pattern {pattern!r} is not supported: use terms, "phrases", -exclusions, ?any')
    terms = [(match[1], match[2] or match[3] or "") for match in TERM.finditer(pattern)]
    some = [term for sign, term in terms if sign == "?"]

    def matches(message: str) -> bool:
        if some and not any(term in message for term in some):
            return False
        return all((term in message) != (sign == "-") for sign, term in terms if sign != "?")

    return matches
