"""CloudWatch metrics of a monitoring job, as JSON lines that the platform picks up (model-monitor-byoc-cloudwatch).

Names and dimensions: clarify-model-monitor-bias-drift-cw and clarify-feature-attribute-drift-cw.
"""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from .drift import number, written

STAGES = {"pre_training_bias_metrics": "Pre-training", "post_training_bias_metrics": "Post-Training"}
INFINITE = 2.348543e108
"""What stands for infinity in CloudWatch."""

Point = tuple[str, float, dict[str, str]]
"""Name, value and dimensions."""


def write_metrics(base: Path, analysis: Mapping[str, Any], dimensions: Mapping[str, str], time: datetime) -> None:
    """Write `<base>/output/metrics/cloudwatch/cloudwatch_metrics.jsonl`."""
    directory = base / "output" / "metrics" / "cloudwatch"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "cloudwatch_metrics.jsonl").open("w", encoding="utf-8") as lines:
        for name, value, own in (*_bias(analysis), *_attributions(analysis)):
            metric = {
                "MetricName": name,
                "Timestamp": f"{time:%Y-%m-%dT%H:%M:%SZ}",
                "Dimensions": [{"Name": key, "Value": text} for key, text in (*dimensions.items(), *own.items())],
                "Value": math.copysign(INFINITE, value) if math.isinf(value) else value,
                "Unit": "None",
            }
            lines.write(json.dumps(metric) + "\n")


def _bias(analysis: Mapping[str, Any]) -> Iterator[Point]:
    for key, stage in STAGES.items():
        section = analysis.get(key, {"facets": {}})
        for facet, groups in section["facets"].items():
            for group in groups:
                dimensions = {
                    "BiasStage": stage,
                    "Label": section["label"],
                    "LabelValue": written(section["label_value_or_threshold"]),
                    "Facet": facet,
                    "FacetValue": written(group["value_or_threshold"]),
                }
                for metric in group["metrics"]:
                    if (value := number(metric["value"])) is not None:
                        yield f"bias_metric_{metric['name']}", value, dimensions


def _attributions(analysis: Mapping[str, Any]) -> Iterator[Point]:
    for label, explained in analysis.get("explanations", {}).get("kernel_shap", {}).items():
        dimensions = {"ExplainabilityMethod": "KernelShap", "Label": label}
        for feature, value in explained["global_shap_values"].items():
            yield f"feature_{feature}", value, dimensions | {"ValueType": "GlobalShapValues"}
        yield "ExpectedValue", explained["expected_value"], dimensions | {"ValueType": "ExpectedValue"}
