"""Reports of executions: read off S3, shown at a URL of the server, left beside the documents as `report.html`."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from sageyard.cloud import Cloud, ObjectNotFoundError, Objects, split_s3_uri
from sageyard.errors import ResourceNotFoundError
from sageyard.monitoring.definition import BY_CLARIFY, DATA_QUALITY
from sageyard.monitoring.report import page
from sageyard.monitoring.report.facts import VIOLATED, Facts, Past, entries
from sageyard.monitoring.report.reading import read_object
from sageyard.resources.engine import Engine
from sageyard.store.resources import Row, Selection

logger = logging.getLogger(__name__)

SCHEDULE, EXECUTION, JOB = "MonitoringSchedule", "MonitoringExecution", "ProcessingJob"
PREFIX = "/_sageyard/monitoring"
FILE = "report.html"
LATEST = "latest"
MOST_PAST = 30
"""Executions in a timeline."""
MOST_SCHEDULES = 100
_SHOWN = {"Completed", VIOLATED}
_BASELINE = ("baseline_constraints", "baseline_statistics")


@dataclass(frozen=True, slots=True)
class _Place:
    """An execution with where its documents lie: what the database knows, so that S3 can be read off the event loop."""

    past: Past
    row: Row
    report: str | None = None
    baseline: tuple[str | None, str | None] = (None, None)
    window: tuple[str, str] | None = None


class Reports:
    """The reports of one server's executions. Coroutines belong to the event loop and block nothing."""

    def __init__(self, engine: Engine, cloud: Cloud) -> None:
        self.engine = engine
        self.cloud = cloud

    async def publish(self, region: str, execution: str, status: str) -> None:
        """Write an execution's report beside its documents; `status` is the one that it is about to have.

        It is a by-product: what goes wrong is logged and changes nothing. A report.html of the container's own stays.
        """
        try:
            row = self.engine.store.get(EXECUTION, region, execution)
            if row is None or status not in _SHOWN or (place := self._place(row, status)).report is None:
                return
            timeline = self._timeline(row, place)
            await asyncio.to_thread(self._write, place, timeline)
        except Exception:
            logger.exception("no report of monitoring execution %s", execution)

    async def execution(self, region: str, schedule: str, execution: str) -> str:
        """The page of an execution, by its name or `latest`; AwsError where there is none."""
        self._schedule(region, schedule)
        if execution == LATEST:
            rows = self._last(region, schedule, 1)
        else:
            row = self.engine.store.get(EXECUTION, region, execution)
            rows = [row] if row is not None and row.parent == schedule else []
        if not rows:
            raise ResourceNotFoundError(f"Monitoring schedule {schedule} has no execution {execution!r} in {region}.")
        place = self._place(rows[0])
        return await asyncio.to_thread(self._report, place, self._timeline(rows[0], place))

    async def schedule(self, region: str, schedule: str) -> str:
        """The page of a schedule; AwsError where there is none."""
        row = self._schedule(region, schedule)
        places = self._places(region, schedule)
        past = await asyncio.to_thread(self._past, places)
        return page.schedule(schedule, row.document["MonitoringType"], past, f"{PREFIX}?region={region}")

    async def schedules(self, region: str) -> str:
        """The page of all schedules of a region."""
        rows = self.engine.store.select(Selection(SCHEDULE, region, limit=MOST_SCHEDULES))
        listed = []
        for row in rows:
            past = await asyncio.to_thread(self._past, self._places(region, row.name))
            listed.append((row.name, self.url(region, row.name), row.document["MonitoringType"], past))
        return page.schedules(listed, region)

    def url(self, region: str, *steps: str) -> str:
        """The page of a schedule, or of an execution of it."""
        path = "/".join([PREFIX, *(quote(step, safe="") for step in steps)])
        return f"{self.cloud.endpoint_url}{path}?region={region}"

    # -- what the database knows ----------------------------------------------------------------------------------

    def _schedule(self, region: str, name: str) -> Row:
        return self.engine.find(self.engine.specs[SCHEDULE], {"MonitoringScheduleName": name}, region)

    def _last(self, region: str, schedule: str, limit: int, before: float | None = None) -> list[Row]:
        """Newest first."""
        wanted = Selection(EXECUTION, region, parent=schedule, created_before=before, limit=limit)
        return self.engine.store.select(wanted)

    def _places(self, region: str, schedule: str) -> list[_Place]:
        return [self._place(row) for row in reversed(self._last(region, schedule, MOST_PAST))]

    def _timeline(self, row: Row, place: _Place) -> list[_Place]:
        """The executions up to this one, oldest first, itself the last."""
        earlier = self._last(row.region, row.parent, MOST_PAST - 1, before=row.created)
        return [*(self._place(other) for other in reversed(earlier)), place]

    def _place(self, row: Row, status: str | None = None) -> _Place:
        url = self.url(row.region, row.parent, row.name)
        past = Past(row.name, status or row.status, row.document["ScheduledTime"], url)
        job = self.engine.store.get(JOB, row.region, row.name)
        if job is None:
            return _Place(past, row)
        variables = job.document.get("Environment") or {}
        window = (variables["start_time"], variables["end_time"]) if "start_time" in variables else None
        uris = {
            one["S3Input"]["LocalPath"].rstrip("/"): one["S3Input"]["S3Uri"]
            for one in job.document.get("ProcessingInputs", [])
            if "S3Input" in one
        }
        baseline = [uris.get(variables.get(variable, "").rpartition("/")[0]) for variable in _BASELINE]
        outputs = job.document.get("ProcessingOutputConfig", {}).get("Outputs", [])
        report = outputs[0]["S3Output"]["S3Uri"].rstrip("/") if outputs else None
        return _Place(past, row, report, (baseline[0], baseline[1]), window)

    # -- what is in S3: these block -------------------------------------------------------------------------------

    def _write(self, place: _Place, timeline: Sequence[_Place]) -> None:
        bucket, key = split_s3_uri(f"{place.report}/{FILE}")
        objects = self.cloud.objects
        try:
            if page.GENERATOR_MARK not in objects.read(bucket, key)[:1000]:
                return
        except ObjectNotFoundError:
            pass
        objects.put(bucket, key, self._report(place, timeline).encode(), "text/html; charset=utf-8")

    def _report(self, place: _Place, timeline: Sequence[_Place]) -> str:
        row, objects = place.row, self.cloud.objects
        past = self._past(timeline)
        constraints, statistics = place.baseline
        kind = row.document["MonitoringType"]
        title = "Analysis" if kind in BY_CLARIFY else "Statistics"
        uris = {
            title: _measured(place),
            "Violations": f"{place.report}/constraint_violations.json" if place.report else None,
            "Constraints of the baseline": constraints,
            "Statistics of the baseline": statistics,
        }
        facts = Facts(
            schedule=row.parent,
            schedule_url=self.url(row.region, row.parent),
            kind=kind,
            execution=past[-1],
            endpoint=row.document.get("EndpointName", ""),
            window=place.window,
            reason=row.document.get("FailureReason", ""),
            statistics=_document(objects, uris[title]),
            baseline=_document(objects, statistics),
            constraints=_document(objects, constraints),
            timeline=past,
            documents=[(title, uri) for title, uri in uris.items() if uri],
        )
        return page.report(facts)

    def _past(self, places: Sequence[_Place]) -> list[Past]:
        """The executions with their violations, and their statistics where those are small."""
        result = []
        for place in places:
            past = place.past
            if place.report and past.status in _SHOWN:
                found = _document(self.cloud.objects, f"{place.report}/constraint_violations.json")
                past = replace(past, violations=entries(found, "violations") if "violations" in found else None)
                if place.row.document["MonitoringType"] != DATA_QUALITY:
                    past = replace(past, statistics=_document(self.cloud.objects, _measured(place)))
            result.append(past)
        return result


def _measured(place: _Place) -> str | None:
    """The URI of what an execution has measured: statistics.json, of Clarify's analysis.json."""
    name = "analysis.json" if place.row.document["MonitoringType"] in BY_CLARIFY else "statistics.json"
    return f"{place.report}/{name}" if place.report else None


def _document(objects: Objects, uri: str | None) -> dict[str, Any]:
    """A JSON object in S3; empty where there is none."""
    if uri is None:
        return {}
    try:
        return read_object(objects.read(*split_s3_uri(uri)))
    except (ObjectNotFoundError, ValueError):
        return {}
