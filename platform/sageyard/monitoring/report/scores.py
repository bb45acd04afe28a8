"""Model quality: each metric with its deviation against its threshold, and its way here over the executions."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from sageyard.monitoring.report.charts import curve_chart, line_chart
from sageyard.monitoring.report.facts import Facts, Json
from sageyard.monitoring.report.figures import NOTHING, figure
from sageyard.monitoring.report.markup import Html, element, short

CONSTANT = "_best_constant_classifier"
MOST_CLASSES = 20
_OPERATORS = {"LessThanThreshold": "at least", "GreaterThanThreshold": "at most"}
_CURVES = (
    ("receiver_operating_characteristic_curve", "ROC curve", "false_positive_rates", "true_positive_rates"),
    ("precision_recall_curve", "Precision and recall", "recalls", "precisions"),
)


def sections(facts: Facts) -> Iterator[Html]:
    """The table of metrics; a classification's confusion matrix and curves."""
    metrics = scores(facts.statistics)
    if not metrics:
        return
    constraints = _block(facts.constraints, "_constraints")
    broken = {violation.get("metric_name") for violation in facts.execution.violations or ()}
    past = [scores(one.statistics) for one in facts.timeline]
    named = [name for name, score in metrics.items() if "value" in score and not name.endswith(CONSTANT)]
    named.sort(key=lambda name: (name not in broken, name not in constraints))
    yield element("h2", "Metrics", id="metrics")
    heads = ("Metric", "Now", "Deviation", "Threshold", "", "Over the executions")
    yield element(
        "div",
        element(
            "table",
            element("thead", element("tr", [element("th", title, scope="col") for title in heads])),
            element("tbody", [_row(name, metrics, constraints, broken, past) for name in named]),
        ),
        class_="panel",
    )
    yield from _details(metrics)


def scores(statistics: Json) -> dict[str, Any]:
    """The metrics of a model quality statistics.json by name; empty for another document."""
    return {name: score for name, score in _block(statistics, "_metrics").items() if isinstance(score, Mapping)}


def _block(document: Json, ending: str) -> Json:
    found = (value for member, value in document.items() if member.endswith(ending) and isinstance(value, Mapping))
    return next(found, {})


def _row(name: str, metrics: Json, constraints: Json, broken: set[Any], past: list[dict[str, Any]]) -> Html:
    score, constraint = metrics[name], constraints.get(name) or {}
    threshold = number(constraint.get("threshold"))
    operator = _OPERATORS.get(str(constraint.get("comparison_operator")), "")
    constant = metrics.get(name + CONSTANT) or {}
    verdict: Html | None = None
    if name in broken:
        verdict = element("span", "✗ violated", class_="bad-text")
    elif threshold is not None:
        verdict = element("span", "✓ holds", class_="good-text")
    values = [number((one.get(name) or {}).get("value")) for one in past]
    title = f"{name} over {len(values)} executions, now {figure(score.get('value'))}"
    baseline = element("div", f"constant classifier {figure(constant['value'])}", class_="note") if constant else None
    deviation = figure(score.get("standard_deviation"))
    return element(
        "tr",
        element("th", short(name.replace("_", " ")), class_="name", scope="row"),
        element("td", element("strong", figure(score.get("value"))), baseline),
        element("td", NOTHING if deviation == NOTHING else f"± {deviation}"),
        element("td", f"{operator} {figure(threshold)}" if threshold is not None else NOTHING),
        element("td", verdict),
        element("td", element("div", line_chart(values, threshold, title, name in broken), class_="spark")),
    )


def _details(metrics: Json) -> Iterator[Html]:
    parts = []
    matrix = metrics.get("confusion_matrix")
    if isinstance(matrix, Mapping) and 0 < len(matrix) <= MOST_CLASSES:
        parts.append(_matrix(matrix))
    for member, title, x, y in _CURVES:
        curve = metrics.get(member)
        if isinstance(curve, Mapping) and curve.get(x) and len(curve[x]) == len(curve.get(y, ())):
            axes = x.replace("_", " ")[:-1], y.replace("_", " ")[:-1]
            chart = curve_chart(curve[x], curve[y], f"{title}: {axes[1]} by {axes[0]}", *axes)
            parts.append(element("div", element("h3", title), chart, class_="square"))
    if parts:
        yield element("h2", "Predictions against labels")
        yield element("div", element("div", parts, class_="row"), class_="panel")


def _matrix(matrix: Json) -> Html:
    names = list(matrix)
    highest = max((matrix[row].get(column, 0) for row in names for column in names), default=0) or 1
    rows = [
        element(
            "tr",
            element("th", short(row, 20), scope="row"),
            [
                element(
                    "td",
                    figure(number := matrix[row].get(column, 0)),
                    style=f"background:color-mix(in srgb,var(--now) {round(35 * number / highest)}%,transparent)",
                )
                for column in names
            ],
        )
        for row in names
    ]
    head = element(
        "tr", element("th", "label ↓ predicted →"), [element("th", short(n, 20), scope="col") for n in names]
    )
    table = element("table", element("thead", head), element("tbody", rows), class_="matrix")
    return element("div", element("h3", "Confusion matrix"), table)


def number(value: Any) -> float | None:
    """A value of a document that can be drawn."""
    finite = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if finite else None
