"""Feature attributions: their ranking now against the baseline's, for each output of the model."""

import math
from collections.abc import Iterator, Mapping

from sageyard.monitoring.report.facts import Facts, Json
from sageyard.monitoring.report.figures import NOTHING, figure, percent
from sageyard.monitoring.report.markup import Html, element, short
from sageyard.monitoring.report.scores import number

MOST_FEATURES = 100
WORDS = (
    "Mean influence of a feature on the model's output (global SHAP value) and its rank. Below an nDCG of 0.9 the "
    "ranking counts as drifted."
)


def sections(facts: Facts) -> Iterator[Html]:
    """A table of features for each output."""
    now, before = _labels(facts.statistics), _labels(facts.constraints)
    if now:
        yield element("h2", "Feature attributions")
        yield element("p", WORDS, class_="note")
    for label, attributions in now.items():
        known = before.get(label, {})
        score = gain(attributions, known)
        title = short(label) + ("" if score is None else f": nDCG {figure(score)}")
        yield element("div", element("h3", title), _table(attributions, known), class_="panel")


def gain(now: Mapping[str, float], before: Mapping[str, float]) -> float | None:
    """The normalized discounted cumulative gain (developer guide, `clarify-model-monitor-feature-attribution-drift`);
    None where the features are not the same."""
    if not before or now.keys() != before.keys():
        return None
    ideal, found = (
        sum(abs(before[name]) / math.log2(place + 1) for place, name in enumerate(_ranked(by), 1))
        for by in (before, now)
    )
    return found / ideal if ideal else 1.0


def _labels(analysis: Json) -> dict[str, dict[str, float]]:
    explained = analysis.get("explanations", {}).get("kernel_shap", {})
    return {
        label: {
            name: value for name, given in values["global_shap_values"].items() if (value := number(given)) is not None
        }
        for label, values in explained.items()
    }


def _ranked(attributions: Mapping[str, float]) -> list[str]:
    """Ties stay in their order."""
    return sorted(attributions, key=lambda name: -abs(attributions[name]))


def _table(now: Mapping[str, float], before: Mapping[str, float]) -> Html:
    old = {name: place for place, name in enumerate(_ranked(before), 1)}
    total, whole = sum(map(abs, now.values())) or 1.0, sum(map(abs, before.values())) or 1.0
    rows = []
    for place, name in enumerate(_ranked(now)[:MOST_FEATURES], 1):
        share = abs(now[name]) / total
        moved = old.get(name, place) - place
        arrow = f"▲ {moved}" if moved > 0 else f"▼ {-moved}" if moved < 0 else ""
        bar = f"background:linear-gradient(to right,var(--now) {round(100 * share)}%,transparent 0);min-width:8em"
        rows.append(
            element(
                "tr",
                element("th", short(name), class_="name", scope="row"),
                element("td", place, class_="number"),
                element("td", old.get(name, NOTHING), class_="number"),
                element("td", arrow),
                element("td", element("strong", figure(now[name])), class_="number"),
                element("td", figure(before.get(name)), class_="number"),
                element("td", percent(share), class_="number"),
                element("td", percent(abs(before[name]) / whole) if name in before else NOTHING, class_="number"),
                element("td", element("div", " ", style=bar, role="img", aria_label=f"{percent(share)} of the sum")),
            )
        )
    heads = ("Feature", "Rank", "Baseline's", "", "SHAP value", "Baseline's", "Share", "Baseline's", "")
    head = element("thead", element("tr", [element("th", title, scope="col") for title in heads]))
    return element("table", head, element("tbody", rows))
