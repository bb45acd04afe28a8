"""ListMonitoringExecutions: filters, three orders, and tokens that stay valid while executions are added."""

import base64
import json
from dataclasses import replace

from sageyard.errors import ValidationError
from sageyard.monitoring.execution import KIND
from sageyard.resources.engine import Engine
from sageyard.resources.query import PAGE, PAGING, selection
from sageyard.resources.spec import Context, Document

OWN = PAGING | {"MonitoringScheduleName", "ScheduledTimeAfter", "ScheduledTimeBefore"}
SORT_MEMBERS = {
    "CreationTime": "CreationTime",
    "ScheduledTime": "ScheduledTime",
    "Status": "MonitoringExecutionStatus",
}
Place = tuple[float | str, int]
"""Where an execution stands in an order: the value sorted by, then the order of creation."""


def list_executions(engine: Engine, request: Document, context: Context) -> Document:
    """One page of execution summaries, by CreationTime and newest first unless the request says otherwise.

    SageMaker's SDK asks for the descending ScheduledTime and takes the first for the latest.
    """
    spec = engine.specs[KIND]
    wanted = selection(spec, {name: value for name, value in request.items() if name not in OWN}, context.region)
    rows = engine.store.select(replace(wanted, parent=request.get("MonitoringScheduleName"), limit=-1))
    after = request.get("ScheduledTimeAfter", float("-inf"))
    before = request.get("ScheduledTimeBefore", float("inf"))
    sort_by = SORT_MEMBERS[request.get("SortBy", "CreationTime")]
    descending = request.get("SortOrder", "Descending") == "Descending"
    last: Place | None = None
    if token := request.get("NextToken"):
        sort_by, descending, last = _opened(token)
    placed: list[tuple[Place, Document]] = sorted(
        (
            ((document[sort_by], row.id), document)
            for row in rows
            if after < row.document["ScheduledTime"] < before
            for document in [engine.document(row)]
        ),
        key=lambda entry: entry[0],
        reverse=descending,
    )
    if last is not None:
        placed = [entry for entry in placed if (entry[0] < last if descending else entry[0] > last)]
    size = request.get("MaxResults", PAGE)
    page, more = placed[:size], len(placed) > size
    return {
        "MonitoringExecutionSummaries": [document for _, document in page],
        "NextToken": _token(sort_by, descending, page[-1][0]) if more else None,
    }


def _token(sort_by: str, descending: bool, last: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort_by, descending, *last]).encode()).decode()


def _opened(token: str) -> tuple[str, bool, Place]:
    try:
        sort_by, descending, value, number = json.loads(base64.urlsafe_b64decode(token.encode()))
        text = sort_by == SORT_MEMBERS["Status"]
        if sort_by not in SORT_MEMBERS.values() or not isinstance(value, str if text else float | int):
            raise ValueError(token)
        return sort_by, bool(descending), (value, int(number))
    except (ValueError, TypeError):
        raise ValidationError(
            f"NextToken {token!r} is not valid: pass the token of the page before, unchanged"
        ) from None
