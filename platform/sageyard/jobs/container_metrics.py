"""Metrics that monitoring containers leave as files (model-monitor-byoc-cloudwatch).

JSON lines in `/opt/ml/output/metrics/cloudwatch/*.jsonl`: MetricName, Timestamp, Dimensions, and Value or
StatisticValues. They are published in the namespaces that AWS's samples query.
"""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sageyard.cloud import Metrics

logger = logging.getLogger(__name__)

FOLDER = "output/metrics/cloudwatch"
ENDPOINT_NAMESPACE = "aws/sagemaker/Endpoints"
BATCH_NAMESPACE = "aws/sagemaker/ModelMonitoring"
MEMBERS = {"MetricName", "Dimensions", "Value", "StatisticValues", "Values", "Counts", "Unit", "StorageResolution"}
PUT_LIMIT = 500


def publish(root: Path, metrics: Metrics, region: str, environment: dict[str, str], now: float) -> None:
    """Put the metrics of one host to CloudWatch; lines that are no metrics are logged and left out. Blocks."""
    by_namespace: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((root / FOLDER).glob("*.jsonl")):
        for datum in _read(path, now):
            by_namespace.setdefault(_namespace(datum, environment), []).append(datum)
    for namespace, data in by_namespace.items():
        for start in range(0, len(data), PUT_LIMIT):
            metrics.put(region, namespace, data[start : start + PUT_LIMIT])


def _read(path: Path, now: float) -> Iterator[dict[str, Any]]:
    for line in path.read_text(errors="replace").splitlines():
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            datum = {name: value for name, value in entry.items() if name in MEMBERS and value is not None}
            datum["Timestamp"] = _seconds(entry["Timestamp"]) if entry.get("Timestamp") else now
            if not isinstance(datum["MetricName"], str) or not datum.keys() & {"Value", "StatisticValues", "Values"}:
                raise ValueError("a metric needs MetricName, and Value or StatisticValues")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            logger.warning("%s: %r is no metric: %s", path.name, line[:200], error)
            continue
        yield datum


def _namespace(datum: dict[str, Any], environment: dict[str, str]) -> str:
    names = {dimension.get("Name") for dimension in datum.get("Dimensions") or []}
    if "ExplainabilityMethod" in names:
        kind = "explainability-metrics"
    elif "BiasStage" in names:
        kind = "bias-metrics"
    elif environment.get("analysis_type") == "MODEL_QUALITY":
        kind = "model-metrics"
    else:
        kind = "data-metrics"
    return f"{ENDPOINT_NAMESPACE if names & {'Endpoint', 'EndpointName'} else BATCH_NAMESPACE}/{kind}"


def _seconds(timestamp: float | str) -> float:
    if isinstance(timestamp, str):
        time = datetime.fromisoformat(timestamp)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    return float(timestamp)
