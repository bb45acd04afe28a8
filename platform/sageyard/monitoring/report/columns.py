"""Data quality: each column's distribution, today's against the baseline's, the violated ones first."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sageyard.monitoring.report.charts import category_chart, histogram_chart
from sageyard.monitoring.report.distribution import categories, histogram, numbers
from sageyard.monitoring.report.facts import Facts, Json, check, entries
from sageyard.monitoring.report.figures import NOTHING, count, figure, percent
from sageyard.monitoring.report.markup import Html, element, short

MOST_CARDS = 60
MOST_ROWS = 1500
"""A chart is about 2 KB and a row 300 bytes: a report stays below a megabyte."""
_NUMBERS = (("mean", "Mean"), ("std_dev", "Deviation"), ("min", "Least"), ("max", "Greatest"))


def sections(facts: Facts) -> Iterator[Html]:
    """Cards with charts for the columns that differ most, and a table of all where that leaves some out."""
    pairs = ranked(facts)
    if not pairs:
        return
    violated, shown = _violated(facts), pairs[:MOST_CARDS]
    compared = bool(entries(facts.baseline, "features"))
    yield element("h2", "Columns", id="columns")
    yield element(
        "p",
        element("span", element("i", class_="now"), "now", class_="key"),
        element("span", element("i"), "baseline", class_="key")
        if compared
        else "There is no baseline to compare with.",
        "Violated columns first, then those that moved most."
        if len(shown) == len(pairs)
        else f"The {len(shown)} of {len(pairs):,} columns that are violated or moved most.",
        class_="note",
    )
    yield element("div", [_card(entry, old, violated, compared) for entry, old in shown], class_="cards")
    if len(shown) < len(pairs):
        yield element("details", element("summary", f"All {len(pairs):,} columns in a table"), _table(pairs, violated))


def ranked(facts: Facts) -> list[tuple[Json, Json]]:
    """Each column's statistics with its baseline's, empty without one: violated ones first, then what moved most."""
    before = {str(entry.get("name")): entry for entry in entries(facts.baseline, "features")}
    violated = _violated(facts)
    pairs = [(now, before.get(str(now.get("name")), {})) for now in entries(facts.statistics, "features")]
    return sorted(pairs, key=lambda pair: (str(pair[0].get("name")) not in violated, -_change(*pair)))


def _violated(facts: Facts) -> dict[str, list[Json]]:
    """Violations by the column that they are about."""
    found: dict[str, list[Json]] = {}
    for violation in facts.execution.violations or ():
        found.setdefault(str(violation.get("feature_name")), []).append(violation)
    return found


def anchor(name: str) -> str:
    """Where the card of a column is: no name is too strange for it."""
    return "column-" + name.encode(errors="replace").hex()[:80]


def _change(now: Json, before: Json) -> float:
    """How far a column has moved, to rank by: deviations of its mean, or the share that changed values, in tenths."""
    new, old = numbers(now), numbers(before)
    if new and old:
        spread = old.get("std_dev") or abs(old.get("mean", 0)) or 1.0
        return float(abs(new["mean"] - old["mean"]) / spread + abs(new["std_dev"] - old.get("std_dev", 0)) / spread)
    shares, known = categories(now), categories(before)
    if shares and known:
        return 5 * sum(abs(shares.get(key, 0) - known.get(key, 0)) for key in shares.keys() | known.keys())
    return 0.0


def _card(now: Json, before: Json, violated: Mapping[str, Sequence[Json]], compared: bool) -> Html:
    name = str(now.get("name"))
    broken = violated.get(name, ())
    kind = str(now.get("inferred_type"))
    facts = [
        element("dt", title) + element("dd", _against(written, earlier))
        for title, written, earlier in _rows(now, before)
    ]
    new = element("p", "Not a column of the baseline.", class_="note") if compared and not before else None
    return element(
        "article",
        element(
            "header",
            element("h3", short(name), title=short(name, 300)),
            element("span", f"{len(broken)} violated" if broken else kind, class_="badge bad" if broken else "badge"),
        ),
        _chart(now, before, name),
        element("dl", *map(Html, facts)),
        new,
        element("p", [element("span", words, class_="badge bad") for words in dict.fromkeys(map(check, broken))]),
        class_="card bad" if broken else "card",
        id=anchor(name),
    )


def _chart(now: Json, before: Json, name: str) -> Html:
    if shares := categories(now):
        return category_chart(categories(before), shares, name)
    if bins := histogram(before, now):
        return histogram_chart(bins, name)
    return element("p", "No values, or too many different ones to list.", class_="note")


def _rows(now: Json, before: Json) -> Iterator[tuple[str, str, str | None]]:
    """Title, value and the baseline's value; None where there is none."""
    new, old = numbers(now), numbers(before)
    if new:
        for member, title in _NUMBERS:
            yield title, figure(new.get(member)), figure(old[member]) if member in old else None
    strings, were = now.get("string_statistics") or {}, before.get("string_statistics") or {}
    if strings:
        earlier = figure(were.get("distinct_count")) if were else None
        yield "Different values", figure(strings.get("distinct_count")), earlier
    yield "Missing", percent(_missing(now)), percent(_missing(before)) if before else None


def _missing(entry: Json) -> float | None:
    block: dict[str, Any] = entry.get("numerical_statistics") or entry.get("string_statistics") or {}
    common = block.get("common", {})
    rows = common.get("num_present", 0) + common.get("num_missing", 0)
    return common.get("num_missing", 0) / rows if rows else None


def _against(now: str, before: str | None) -> list[object]:
    if before is None:
        return [now]
    return [element("span", f"{before} → ", class_="faint"), now]


def _table(pairs: Sequence[tuple[Json, Json]], violated: Mapping[str, Sequence[Json]]) -> Html:
    heads = ("Column", "Type", "Missing", "Mean or different values", "Baseline", "Violations")
    rows = []
    for now, before in pairs[:MOST_ROWS]:
        name = str(now.get("name"))
        middle = next(_rows(now, before))
        broken = len(violated.get(name, ()))
        rows.append(
            element(
                "tr",
                element("th", short(name), class_="name", scope="row"),
                element("td", now.get("inferred_type")),
                element("td", percent(_missing(now)), class_="number"),
                element("td", middle[1], class_="number"),
                element("td", middle[2] or NOTHING, class_="number"),
                element("td", str(broken) if broken else "", class_="number bad-text"),
            )
        )
    more = len(pairs) - MOST_ROWS
    head = [
        element("th", title, scope="col", class_="number" if place > 1 else None) for place, title in enumerate(heads)
    ]
    return element(
        "div",
        element("table", element("thead", element("tr", head)), element("tbody", rows)),
        element("p", f"and {count(more, 'column')} more in statistics.json", class_="note") if more > 0 else None,
        class_="panel",
    )
