"""What has become worse since the baseline, which is the analysis.json of data before: constraint_violations.json.

Schemas, sentences and the threshold of 0.90: developer guide, clarify-model-monitor-bias-drift-violations and
clarify-model-monitor-model-attribution-drift-violations. A bias metric may lie as far from parity as the baseline's;
it is a violation if its whole confidence interval lies farther (clarify-model-monitor-bias-drift).
"""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .bias.deviation import Margins
from .errors import AnalysisError

FILE = "constraint_violations.json"
VERSION = "1.0"
STAGES = {"pre_training_bias_metrics": "pre_training_bias", "post_training_bias_metrics": "post_training_bias"}
NEUTRAL = {"DI": 1.0}
"""Parity, where it is not 0."""
LEAST_GAIN = 0.9
"""Below this normalized discounted cumulative gain a ranking of features has drifted."""
TOLERANCE = 1e-9

Json = dict[str, Any]


def read_baseline(path: Path) -> Json:
    """The baseline's analysis.json; AnalysisError if it is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AnalysisError(f"There is no file {path.name} of baseline constraints: correct its S3 URI.") from None
    except ValueError as error:
        raise AnalysisError(f"The baseline constraints {path.name} are not valid JSON: {error}.") from None
    if not isinstance(document, dict) or not document.keys() & {*STAGES, "explanations"}:
        raise AnalysisError(
            f"The baseline constraints {path.name} are no analysis.json: they have neither {', nor '.join(STAGES)}, "
            "nor explanations. Give the analysis.json that a Clarify baselining job wrote."
        )
    return document


def violations(analysis: Json, baseline: Json, margins: Margins) -> list[Json]:
    """Of every metric that analysis and baseline both have a value for, and of the ranking of features.

    AnalysisError names what the baseline lacks.
    """
    found: list[Json] = []
    stages = [key for key in STAGES if key in analysis]
    if stages and not any(key in baseline for key in stages):
        raise AnalysisError(_lacks(" and ".join(stages)))
    for key in stages:
        if key in baseline:
            found += _bias(key, analysis[key], baseline[key], margins)
    explained = analysis.get("explanations", {}).get("kernel_shap")
    if explained:
        before = baseline.get("explanations", {}).get("kernel_shap")
        if not before:
            raise AnalysisError(_lacks("explanations.kernel_shap"))
        found += _attributions(explained, before)
    return found


def write_violations(found: list[Json], output: Path) -> str:
    """Write constraint_violations.json; answers the exit message, whose first word is the execution's status."""
    document = json.dumps({"version": VERSION, "violations": found}, indent=2)
    (output / FILE).write_text(document + "\n", encoding="utf-8")
    if found:
        return f"CompletedWithViolations: Job completed successfully with {len(found)} violations."
    return "Completed: Job completed successfully with no violations."


def number(value: Any) -> float | None:
    """A metric's value: JSON has no infinity, so that is a text; None has none."""
    return None if value is None else float(value)


def gain(now: Mapping[str, float], before: Mapping[str, float]) -> float:
    """The normalized discounted cumulative gain of today's ranking, by the attributions of the baseline, from 0 to 1.

    Their signs are left out: those of `agg_method` median may be negative.
    """
    worth = {name: abs(value) for name, value in before.items()}
    ideal = _discounted(sorted(worth, key=lambda name: -worth[name]), worth)
    ranked = sorted(worth, key=lambda name: -abs(now[name]))
    return _discounted(ranked, worth) / ideal if ideal else 1.0


def _discounted(ranked: list[str], worth: Mapping[str, float]) -> float:
    return sum(worth[name] / math.log2(place + 1) for place, name in enumerate(ranked, 1))


def _bias(key: str, now: Json, before: Json, margins: Margins) -> Iterator[Json]:
    for facet, groups in now["facets"].items():
        if facet not in before["facets"]:
            raise AnalysisError(_lacks(f"the facet {facet!r} in {key}, only {', '.join(before['facets'])}"))
        known = {_group(each["value_or_threshold"]): each for each in before["facets"][facet]}
        if not any(_group(each["value_or_threshold"]) in known for each in groups):
            theirs, ours = (
                ", ".join(each["value_or_threshold"] for each in each_side)
                for each_side in (before["facets"][facet], groups)
            )
            raise AnalysisError(
                f"The baseline constraints have for the facet {facet!r} in {key} the groups {theirs}, this analysis "
                f"has {ours}: none is the same. Numbers are compared with a threshold where many are different, else "
                "they are categories. Make the baseline with data like what is monitored."
            )
        for group in groups:
            value = group["value_or_threshold"]
            if _group(value) not in known:
                continue  # a category that came up since
            limits = {metric["name"]: number(metric["value"]) for metric in known[_group(value)]["metrics"]}
            for metric in group["metrics"]:
                name, measured = metric["name"], number(metric["value"])
                limit = limits.get(name)
                if measured is None or limit is None:
                    continue
                neutral = NEUTRAL.get(name, 0.0)
                margin = margins.get((STAGES[key], facet, value, name), 0.0)
                if abs(measured - neutral) - margin > abs(limit - neutral) + TOLERANCE:
                    yield {
                        "facet": facet,
                        "facet_value": written(value),
                        "metric_name": name,
                        "constraint_check_type": "bias_drift_check",
                        "description": f"Metric value {measured} doesn't meet the baseline constraint requirement "
                        f"{limit}",
                    }


def _group(text: str) -> str:
    """What a group goes by in every dataset: `(40, 80]` ends with the largest value of this one."""
    return f"> {written(text)}" if text.startswith("(") else text


def written(value: str) -> str:
    """A group as the configuration's `value_or_threshold` has it: of `(40.0, 80.0]` the threshold."""
    if not value.startswith("("):
        return value
    threshold = value[1:].partition(",")[0]
    return threshold.removesuffix(".0")


def _attributions(now: Json, before: Json) -> Iterator[Json]:
    for label, explained in now.items():
        if label not in before:
            raise AnalysisError(_lacks(f"the label {label!r} in explanations.kernel_shap, only {', '.join(before)}"))
        values, worth = explained["global_shap_values"], before[label]["global_shap_values"]
        if values.keys() != worth.keys():
            raise AnalysisError(
                f"The baseline constraints explain the features {', '.join(worth)}, this analysis explains "
                f"{', '.join(values)}. Make the baseline with the columns of what is monitored, named by headers."
            )
        score = gain(values, worth)
        if score < LEAST_GAIN:
            yield {
                "label": label,
                "metric_name": "shap",
                "constraint_check_type": "feature_attribution_drift_check",
                "description": f"Feature attribution drift {score} exceeds threshold {LEAST_GAIN}",
            }


def _lacks(what: str) -> str:
    return (
        f"The baseline constraints lack {what}. Give the analysis.json of a baselining job with the same analysis "
        "configuration."
    )
