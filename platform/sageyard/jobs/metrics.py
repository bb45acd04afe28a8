"""Metrics that a training job's log lines carry.

MetricDefinitions name regular expressions; capture group 1 of a match is the value (training-metrics). The last
value of each goes to FinalMetricDataList, all go to CloudWatch in `/aws/sagemaker/TrainingJobs`.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

from sageyard.cloud import Metrics
from sageyard.errors import ValidationError
from sageyard.jobs.log_stream import Event
from sageyard.runners.images import repository

NAMESPACE = "/aws/sagemaker/TrainingJobs"
NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
XGBOOST_METRICS = (
    *("accuracy", "auc", "aucpr", "balanced_accuracy", "error", "f1", "f1_binary", "f1_macro", "gamma-nloglik"),
    *("logloss", "mae", "map", "mape", "merror", "mlogloss", "mphe", "mse", "ndcg", "poisson-nloglik", "precision"),
    *("r2", "recall", "rmse", "rmsle"),
)
PUT_LIMIT = 500


def built_in_definitions(image_uri: str) -> list[dict[str, str]]:
    """What SageMaker defines by itself for its built-in algorithms (xgboost-tuning); the first character after the
    round's number is a tab, which CloudWatch shows as `#011` on AWS."""
    if repository(image_uri) not in {"sagemaker-xgboost", "xgboost"}:
        return []
    return [
        {"Name": f"{part}:{metric}", "Regex": rf"\[[0-9]+\].*(?:#011|\s){part}-{metric}:{NUMBER}"}
        for part in ("train", "validation")
        for metric in XGBOOST_METRICS
    ]


class JobMetrics:
    """Reads log lines and remembers what they say; safe for one thread at a time per call.

    `series` are all values so far of the metric `followed`, in their order.
    """

    def __init__(self, definitions: Sequence[dict[str, str]], followed: str | None = None) -> None:
        self.followed = followed
        self.series: list[float] = []
        self._patterns = [(definition["Name"], _compile(definition)) for definition in definitions]
        self._final: dict[str, tuple[float, float]] = {}
        self._unpublished: list[tuple[str, float, float]] = []

    def scan(self, events: Sequence[Event]) -> None:
        """Look for metrics in (epoch milliseconds, line) pairs."""
        for milliseconds, line in events:
            for name, pattern in self._patterns:
                match = pattern.search(line)
                if match is None:
                    continue
                try:
                    value = float(match.group(1 if pattern.groups else 0))
                except (TypeError, ValueError):
                    continue  # the group took no part in the match, or is no number
                if not math.isfinite(value):
                    continue  # CloudWatch takes neither NaN nor infinity, and JSON has neither
                self._final[name] = (value, milliseconds / 1000)
                self._unpublished.append((name, value, milliseconds / 1000))
                if name == self.followed:
                    self.series.append(value)

    def final(self) -> list[dict[str, Any]]:
        """FinalMetricDataList."""
        return [
            {"MetricName": name, "Value": value, "Timestamp": int(time)} for name, (value, time) in self._final.items()
        ]

    def publish(self, metrics: Metrics, region: str, job_name: str) -> None:
        """Put what was read since the last call to CloudWatch."""
        values, self._unpublished = self._unpublished, []
        dimensions = [{"Name": "TrainingJobName", "Value": job_name}]
        data = [
            {"MetricName": name, "Dimensions": dimensions, "Timestamp": time, "Value": value, "Unit": "None"}
            for name, value, time in values
        ]
        for start in range(0, len(data), PUT_LIMIT):
            metrics.put(region, NAMESPACE, data[start : start + PUT_LIMIT])


def _compile(definition: dict[str, str]) -> re.Pattern[str]:
    try:
        return re.compile(definition["Regex"])
    except re.error as error:
        raise ValidationError(
            f"Invalid regular expression {definition['Regex']!r} in MetricDefinitions of metric "
            f"{definition['Name']!r}: {error}"
        ) from None
