"""The executions up to this one: how many violations each had, and which features or metrics they were about."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from sageyard.clock import utc
from sageyard.monitoring.report.facts import VIOLATED, Past, subject
from sageyard.monitoring.report.markup import Html, element, short

MOST_SUBJECTS = 12
_WORDS = {"Completed": "no violations", VIOLATED: "violations", "InProgress": "under way", "Stopped": "stopped"}


def timeline(executions: Sequence[Past], current: str | None = None) -> Html:
    """A table with a column for each execution, oldest first; `current` is marked."""
    days = [(day, len(list(same))) for day, same in groupby(f"{utc(past.scheduled):%d %b}" for past in executions)]
    hourly = all(utc(past.scheduled).minute == 0 for past in executions)
    times = [element("th", f"{utc(past.scheduled):{'%H' if hourly else '%H:%M'}}", scope="col") for past in executions]
    rows = [
        element("tr", element("th", "Violations", class_="name", scope="row"), [_total(p, current) for p in executions])
    ]
    about = [{subject(violation) for violation in past.violations or ()} for past in executions]
    ranked = sorted(Counter(name for names in about for name in names).items(), key=lambda one: (-one[1], one[0]))
    for name, _ in ranked[:MOST_SUBJECTS]:
        cells = [
            element(
                "td",
                element("span", "●", class_="bad", role="img", aria_label="violated")
                if name in names
                else element("span", ""),
            )
            for names in about
        ]
        rows.append(
            element("tr", element("th", short(name, 30), class_="name", scope="row", title=short(name, 300)), cells)
        )
    more = len(ranked) - MOST_SUBJECTS
    return element(
        "div",
        element(
            "table",
            element(
                "thead",
                element("tr", element("th", class_="name"), [element("th", day, colspan=n) for day, n in days]),
                element("tr", element("th", "UTC", class_="name"), times),
            ),
            element("tbody", rows),
            class_="times",
        ),
        element("p", f"and {more:,} more that were violated less often", class_="note") if more > 0 else None,
        class_="panel",
    )


def _total(past: Past, current: str | None) -> Html:
    number = len(past.violations) if past.violations is not None else 0
    kind = {"Completed": "good", VIOLATED: "bad", "Failed": "bad"}.get(past.status)
    mark = {"Completed": "✓", VIOLATED: f"{number:,}" if number else "!", "Failed": "✗"}.get(past.status, "…")
    words = f"{utc(past.scheduled):%d %B %Y %H:%M} UTC: "
    words += f"{number:,} violations" if number else _WORDS.get(past.status, past.status.lower())
    classes = " ".join(filter(None, [kind, "this" if past.name == current else None]))
    marked = "page" if past.name == current else None
    link = element("a", mark, href=past.url, class_=classes or None, title=words, aria_label=words, aria_current=marked)
    return element("td", link)
