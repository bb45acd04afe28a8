"""Model bias: for each group its metrics against the baseline's, and their way here over the executions."""

from collections.abc import Iterator
from typing import Any

from sageyard.monitoring.report.charts import line_chart
from sageyard.monitoring.report.facts import Facts, Json, entries
from sageyard.monitoring.report.figures import NOTHING, figure
from sageyard.monitoring.report.markup import Html, element, short
from sageyard.monitoring.report.scores import number

STAGES = {
    "post_training_bias_metrics": "Bias of the predictions",
    "pre_training_bias_metrics": "Bias of the labels",
}
PARITY = (
    "0 is parity, of disparate impact (DI) 1. A metric may lie as far from parity as the baseline's: it is violated "
    "where its whole confidence interval of 95% lies farther."
)
Key = tuple[str, str, str, str]
"""Stage, facet, group and metric."""


def sections(facts: Facts) -> Iterator[Html]:
    """A table of metrics for each stage and group."""
    past = [values(one.statistics) for one in facts.timeline]
    now, before = values(facts.statistics), values(facts.constraints)
    broken = {
        tuple(str(violation.get(member)) for member in ("facet", "facet_value", "metric_name"))
        for violation in facts.execution.violations or ()
    }
    for stage, title in STAGES.items():
        section = facts.statistics.get(stage)
        if not section:
            continue
        good = f"The good outcome is {short(section['label'])} = {short(section['label_value_or_threshold'])}."
        yield element("h2", title)
        yield element("p", f"{good} {PARITY}", class_="note")
        for facet, groups in section["facets"].items():
            for group in groups:
                yield _group(facet, group, [(stage, facet, name_of(group)), now, before, past], broken)


def values(analysis: Json) -> dict[Key, float]:
    """The metrics of an analysis.json that are numbers."""
    found = {}
    for stage in STAGES:
        for facet, groups in analysis.get(stage, {}).get("facets", {}).items():
            for group in groups:
                for metric in entries(group, "metrics"):
                    if (value := number(metric.get("value"))) is not None:
                        found[stage, facet, name_of(group), str(metric["name"])] = value
    return found


def name_of(group: Json) -> str:
    """A group as violations name it: of `(40.0, 80.0]`, whose end is the data's largest value, the threshold."""
    text = str(group["value_or_threshold"])
    return text[1:].partition(",")[0].removesuffix(".0") if text.startswith("(") else text


def _group(facet: str, group: Json, found: list[Any], broken: set[tuple[str, ...]]) -> Html:
    place, now, before, past = found
    rows = []
    for metric in sorted(entries(group, "metrics"), key=lambda one: (facet, place[2], one["name"]) not in broken):
        key = (*place, str(metric["name"]))
        bad = (facet, place[2], key[3]) in broken
        series = [one.get(key) for one in past]
        title = f"{key[3]} of {facet} over {len(series)} executions, now {figure(now.get(key))}"
        verdict = element("span", "✗ violated", class_="bad-text") if bad else None
        rows.append(
            element(
                "tr",
                element("th", short(metric.get("description", key[3])), class_="name", scope="row"),
                element("td", element("strong", figure(now.get(key))), class_="number"),
                element("td", figure(before[key]) if key in before else NOTHING, class_="number"),
                element("td", verdict or short(metric.get("error") or "", 120)),
                element("td", element("div", line_chart(series, before.get(key), title, bad), class_="spark")),
            )
        )
    heads = ("Metric", "Now", "Baseline", "", "Over the executions")
    table = element(
        "table",
        element("thead", element("tr", [element("th", head, scope="col") for head in heads])),
        element("tbody", rows),
    )
    return element(
        "div", element("h3", f"{short(facet)} = {short(group['value_or_threshold'])}"), table, class_="panel"
    )
