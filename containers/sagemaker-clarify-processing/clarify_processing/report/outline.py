"""What the report says, before it is a page, a notebook or a PDF file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .meaning import MEANING

DECIMALS = 4
MOST_FEATURES = 25


@dataclass(frozen=True)
class Heading:
    """A heading of level 2 or 3; the title is level 1."""

    level: int
    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Grid:
    """A table; its cells are texts, the cells of the columns named in `numbers` stand to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[str] = ()


@dataclass(frozen=True)
class Bars:
    """Horizontal bars, one a name, from `neutral` to the value."""

    caption: str
    values: Sequence[tuple[str, float]]
    neutral: float = 0.0


@dataclass(frozen=True)
class Curve:
    """A line over values of a feature; names of categories stand at equal distances."""

    caption: str
    points: Sequence[tuple[float | str, float]]


Block = Heading | Text | Grid | Bars | Curve


def outline(analysis: dict[str, Any], rows: int) -> list[Block]:
    """The report of an analysis.json."""
    blocks: list[Block] = [Text(f"{rows:,} rows were analysed.")]
    for key, title, subject in (
        ("pre_training_bias_metrics", "Bias in the data", "labels"),
        ("post_training_bias_metrics", "Bias in the predictions", "predicted labels"),
    ):
        if key in analysis:
            blocks += _bias(analysis[key], title, subject)
    explanations = analysis.get("explanations", {})
    if "kernel_shap" in explanations:
        blocks += _shap(explanations["kernel_shap"])
    if "pdp" in explanations:
        blocks += _dependence(explanations["pdp"])
    return blocks


def number(value: float | str | None) -> str:
    """A value as the report prints it."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else f"{value:.{DECIMALS}f}"


def _bias(section: dict[str, Any], title: str, subject: str) -> Iterator[Block]:
    yield Heading(2, title)
    label, good = section["label"], section["label_value_or_threshold"]
    yield Text(
        f"How the {subject} of one group differ from those of everybody else. The good outcome is {label} = {good}."
    )
    for facet, groups in section["facets"].items():
        for group in groups:
            yield Heading(3, f"{facet} = {group['value_or_threshold']}")
            around_zero = [
                (metric["name"], metric["value"])
                for metric in group["metrics"]
                if isinstance(metric["value"], float) and metric["name"] != "DI"
            ]
            if around_zero:
                yield Bars("Farther from 0 is a greater difference", around_zero)
            impact = [metric["value"] for metric in group["metrics"] if metric["name"] == "DI"]
            if impact and isinstance(impact[0], float):
                yield Bars("Disparate impact: 1 is parity", [("DI", impact[0])], neutral=1.0)
            yield Grid(
                ("Metric", "Value", "Meaning"),
                [
                    (
                        metric["description"],
                        number(metric["value"]),
                        metric.get("error") or MEANING.get(metric["name"], ""),
                    )
                    for metric in group["metrics"]
                ],
                numbers=("Value",),
            )


def _shap(labels: dict[str, Any]) -> Iterator[Block]:
    yield Heading(2, "What the predictions depend on")
    yield Text("How much each feature moves the model's output, over all rows (Kernel SHAP).")
    for label, values in labels.items():
        attributions = sorted(values["global_shap_values"].items(), key=lambda item: -abs(item[1]))
        yield Heading(3, label)
        expected = values.get("expected_value")
        if expected is not None:
            yield Text(f"Expected value of the model on the baseline: {number(float(expected))}.")
        more = len(attributions) - MOST_FEATURES
        yield Bars(
            "Global SHAP values" + (f", the largest {MOST_FEATURES} of {len(attributions)}" if more > 0 else ""),
            attributions[:MOST_FEATURES],
        )


def _dependence(features: Sequence[dict[str, Any]]) -> Iterator[Block]:
    yield Heading(2, "Partial dependence")
    yield Text("The model's mean output if every row had that value of the feature, and the rest of the row its own.")
    for feature in features:
        yield Heading(3, str(feature["feature_name"]))
        if "error" in feature:
            yield Text(feature["error"])
            continue
        for label, predictions in zip(feature["label_headers"], feature["model_predictions"], strict=True):
            pairs = zip(feature["feature_values"], predictions, strict=True)
            yield Curve(f"Mean output {label}", [(value, float(prediction)) for value, prediction in pairs])
