"""CloudWatch metrics, as JSON lines that the platform picks up (model-monitor-byoc-cloudwatch).

Names: model-monitor-interpreting-cloudwatch: `feature_data_<f>` (a statistic set), `feature_non_null_<f>`,
`feature_baseline_drift_<f>`, and so on for a drift test of ours: `feature_wasserstein_<f>`; a model quality analysis
has its scores' (model-monitor-model-quality-metrics).
Dimensions: Endpoint and MonitoringSchedule, MonitoringSchedule alone for batch.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .profile import Feature


def write_metrics(
    base: Path, metrics: Iterable[Mapping[str, Any]], dimensions: Mapping[str, str], time: datetime | None
) -> None:
    """Write `<base>/output/metrics/cloudwatch/cloudwatch_metrics.jsonl`."""
    directory = base / "output" / "metrics" / "cloudwatch"
    directory.mkdir(parents=True, exist_ok=True)
    common = {
        "Timestamp": (time or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
    }
    with (directory / "cloudwatch_metrics.jsonl").open("w", encoding="utf-8") as lines:
        for metric in metrics:
            lines.write(json.dumps({**metric, **common}) + "\n")


def feature_metrics(feature: Feature, drift: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """The metrics of one feature of a data quality analysis; `drift` has values by test."""
    if feature.numeric:
        values = {
            "SampleCount": float(feature.present),
            "Sum": feature.sum,
            "Minimum": feature.min,
            "Maximum": feature.max,
        }
        yield {"MetricName": f"feature_data_{feature.name}", "StatisticValues": values, "Unit": "None"}
    yield {"MetricName": f"feature_non_null_{feature.name}", "Value": float(feature.present), "Unit": "Count"}
    for test, value in drift.items():
        yield {"MetricName": f"feature_{test}_{feature.name}", "Value": value, "Unit": "None"}
