"""Whole pages: the report of an execution, and the lists that lead to it."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from itertools import chain

from sageyard import __version__
from sageyard.clock import utc
from sageyard.monitoring.report import attributions, bias, columns, scores
from sageyard.monitoring.report.facts import VIOLATED, Facts, Json, Past, check, subject
from sageyard.monitoring.report.figures import count, figure, readable
from sageyard.monitoring.report.markup import Html, element, short
from sageyard.monitoring.report.timeline import timeline

logger = logging.getLogger(__name__)

GENERATOR = f"Sageyard {__version__}"
GENERATOR_MARK = b'<meta name="generator" content="Sageyard '
"""At the beginning of a report of ours, which may be written anew."""
MOST_VIOLATIONS = 200
SECTIONS: Mapping[str, Callable[[Facts], Iterator[Html]]] = {
    "DataQuality": columns.sections,
    "ModelQuality": scores.sections,
    "ModelBias": bias.sections,
    "ModelExplainability": attributions.sections,
}
"""What a monitoring type adds to what all have: status, violations, timeline and documents."""
_KINDS = {
    "DataQuality": "Data quality",
    "ModelQuality": "Model quality",
    "ModelBias": "Model bias",
    "ModelExplainability": "Model explainability",
}
_MARKS = {"Completed": ("✓ Completed", "good"), "Failed": ("✗ Failed", "bad")}


def report(facts: Facts) -> str:
    """The report of one execution. A user's own container may write documents of any form: what cannot be drawn is
    left out, and the report says so."""
    try:
        return _report(facts, _own(facts))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        logger.info("statistics of %s cannot be drawn: %r", facts.execution.name, error)
        words = "The statistics are not in the form that Model Monitor's analyzer writes: no charts."
        timeline = [replace(past, statistics={}) for past in facts.timeline]
        bare = replace(facts, statistics={}, baseline={}, constraints={}, timeline=timeline)
        return _report(bare, [element("p", words, class_="note")])


def _report(facts: Facts, own: Iterable[Html]) -> str:
    violations = facts.execution.violations or ()
    words, kind = _MARKS.get(facts.execution.status, (facts.execution.status, ""))
    if facts.execution.status == VIOLATED:
        words, kind = f"▲ {count(len(violations), 'violation')}" if violations else "▲ Violations", "bad"
    top = [
        element(
            "p",
            element("a", facts.schedule, href=facts.schedule_url),
            f" · {_KINDS.get(facts.kind, facts.kind)} · {utc(facts.execution.scheduled):%d %B %Y, %H:%M} UTC",
            class_="path",
        ),
        element("h1", _title(facts)),
        element("span", words, class_=f"status {kind}"),
        _tiles(facts),
        element("div", facts.reason, class_="panel reason") if facts.reason else None,
    ]
    parts = chain(top, _violations(violations, facts), _history(facts), own, _documents(facts))
    return _document(f"{facts.schedule}: {_title(facts)}", parts)


def schedules(rows: Sequence[tuple[str, str, str, Sequence[Past]]], region: str) -> str:
    """The list of schedules: name, URL, monitoring type and their last executions, oldest first."""
    parts = [element("h1", "Monitoring schedules"), element("p", region, class_="path")]
    for name, url, kind, executions in rows:
        parts.append(element("h2", element("a", name, href=url)))
        parts.append(element("p", _KINDS.get(kind, kind), class_="note"))
        nothing = element("p", "No executions yet.", class_="note")
        parts.append(timeline(executions) if executions else nothing)
    if not rows:
        parts.append(element("p", "There are none in this region."))
    return _document("Monitoring schedules", parts)


def schedule(name: str, kind: str, executions: Sequence[Past], home: str) -> str:
    """One schedule: its timeline, and its executions, newest first."""
    rows = [
        element(
            "tr",
            element("td", element("a", f"{utc(past.scheduled):%d %B %Y, %H:%M}", href=past.url)),
            element("td", past.status),
            element("td", figure(len(past.violations)) if past.violations is not None else "", class_="number"),
        )
        for past in reversed(executions)
    ]
    heads = element(
        "tr",
        element("th", "Scheduled (UTC)", scope="col"),
        element("th", "Status", scope="col"),
        element("th", "Violations", scope="col", class_="number"),
    )
    table = element("div", element("table", element("thead", heads), element("tbody", rows)), class_="panel")
    return _document(
        name,
        [
            element(
                "p", element("a", "Monitoring schedules", href=home), f" · {_KINDS.get(kind, kind)}", class_="path"
            ),
            element("h1", name),
            *([timeline(executions), element("h2", "Executions"), table] if executions else ["No executions yet."]),
        ],
    )


def _title(facts: Facts) -> str:
    status, violations = facts.execution.status, facts.execution.violations or ()
    if status == VIOLATED and violations:
        names = list(dict.fromkeys(short(subject(violation), 30) for violation in violations))
        more = f" and {len(names) - 2:,} more" if len(names) > 2 else ""
        if more:
            return f"{names[0]}, {names[1]}{more} broke their constraints"
        return " and ".join(names) + (" broke its constraints" if len(names) == 1 else " broke their constraints")
    if status == "Completed" and facts.execution.violations is None:
        return "Analysed, and compared with nothing"
    endings = {
        "Completed": "All constraints hold",
        "Failed": "The analysis failed",
        "Stopped": "The analysis was stopped",
    }
    return endings.get(status, f"The analysis is {status}")


def _tiles(facts: Facts) -> Html:
    rows = facts.statistics.get("dataset", {}).get("item_count")
    baseline = facts.baseline.get("dataset", {}).get("item_count")
    tiles = [
        ("Endpoint", facts.endpoint or None),
        ("Window (UTC)", " to ".join(_moment(moment) for moment in facts.window) if facts.window else None),
        ("Rows", figure(rows) if rows is not None else None),
        ("Rows of the baseline", figure(baseline) if baseline is not None else None),
        ("Columns", f"{len(features):,}" if (features := facts.statistics.get("features")) else None),
    ]
    shown = [element("div", element("dt", title), element("dd", value)) for title, value in tiles if value]
    return element("dl", shown, class_="tiles")


def _moment(text: str) -> str:
    return text.removesuffix("Z").replace("T", " ").removesuffix(":00")


def _violations(violations: Sequence[Json], facts: Facts) -> Iterator[Html]:
    """A group of rows for each column or metric."""
    if not violations:
        return
    linked = {str(now.get("name")) for now, _ in columns.ranked(facts)[: columns.MOST_CARDS]}
    groups: dict[str, list[Json]] = {}
    for violation in violations[:MOST_VIOLATIONS]:
        groups.setdefault(subject(violation), []).append(violation)
    bodies = []
    for name, same in groups.items():
        words = element("a", short(name), href=f"#{columns.anchor(name)}") if name in linked else short(name)
        head = element("th", words, class_="name", scope="rowgroup", rowspan=len(same))
        bodies.append(
            element("tbody", [element("tr", None if place else head, _found(one)) for place, one in enumerate(same)])
        )
    heads = ("Metric" if "metric_name" in violations[0] else "Column", "Check", "What was found")
    more = len(violations) - MOST_VIOLATIONS
    yield element("h2", "Violations", id="violations")
    yield element(
        "div",
        element(
            "table",
            element("thead", element("tr", [element("th", title, scope="col") for title in heads])),
            bodies,
            class_="groups",
        ),
        element("p", f"and {more:,} more in constraint_violations.json", class_="note") if more > 0 else None,
        class_="panel",
    )


def _found(violation: Json) -> list[Html]:
    words = str(violation.get("description", ""))
    return [
        element("td", check(violation)),
        element("td", short(readable(words), 600), class_="words", title=short(words, 600)),
    ]


def _history(facts: Facts) -> Iterator[Html]:
    if facts.timeline:
        yield element("h2", "Over the executions")
        yield timeline(facts.timeline, facts.execution.name)


def _own(facts: Facts) -> Iterator[Html]:
    """What the monitoring type adds."""
    if facts.kind in SECTIONS:
        yield from SECTIONS[facts.kind](facts)


def _documents(facts: Facts) -> Iterator[Html]:
    if facts.documents:
        listed = [element("dt", title) + element("dd", element("code", uri)) for title, uri in facts.documents]
        yield element("details", element("summary", "Documents"), element("dl", *map(Html, listed)))


@cache
def _style() -> Html:
    return Html((resources.files(__package__) / "style.css").read_text(encoding="utf-8"))


def _document(title: str, parts: Iterator[Html | None] | Sequence[object]) -> str:
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="generator", content=GENERATOR),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", _style()),
    )
    return "<!DOCTYPE html>\n" + element("html", head, element("body", element("main", *parts)), lang="en") + "\n"
