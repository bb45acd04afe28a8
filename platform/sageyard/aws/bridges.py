"""Where moto's services meet our own: S3, Logs and CloudWatch's numbers.

moto's Lambda reads code from S3, its EventBridge writes to log groups, its CloudWatch answers for metrics. These
methods of moto's backends are replaced so that there is one truth for each. While the journal is being replayed, writes
are dropped: what they wrote is already there.
"""

from datetime import datetime
from importlib import import_module
from typing import Any

from sageyard.aws.log_store import LogStore
from sageyard.aws.metric_store import MetricStore, epoch
from sageyard.aws.s3.errors import S3Error
from sageyard.aws.s3.storage import Storage
from sageyard.clock import utc
from sageyard.errors import ValidationError

STATISTICS = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")


def moto(module: str) -> Any:
    """A module of moto, imported now; untyped, for it is moto's inside that is reached into."""
    return import_module(f"moto.{module}")


def naive(seconds: float) -> datetime:
    """UTC without a zone, as moto has its times."""
    return utc(seconds).replace(tzinfo=None)


class Bridges:
    """Our stores, as moto's backends see them."""

    def __init__(self, storage: Storage, logs: LogStore, metrics: MetricStore) -> None:
        self._storage = storage
        self._logs = logs
        self._metrics = metrics
        self.replaying = False

    def set_replaying(self, replaying: bool) -> None:
        """Drop writes from now on, or no longer."""
        self.replaying = replaying

    def install(self) -> None:
        """Replace the methods; imports the three services of moto."""
        self._install_s3()
        self._install_logs()
        self._install_cloudwatch()

    def _install_s3(self) -> None:
        models, missing_bucket = moto("s3.models"), moto("s3.exceptions").MissingBucket
        storage, bridges = self._storage, self

        def get_bucket(backend: Any, bucket_name: str) -> Any:
            try:
                bucket = storage.buckets.get(bucket_name)
            except S3Error:
                raise missing_bucket(bucket=bucket_name) from None
            return models.FakeBucket(bucket.name, backend.account_id, bucket.region)

        def get_object(backend: Any, bucket_name: str, key_name: str, *arguments: Any, **_: Any) -> Any:
            get_bucket(backend, bucket_name)
            try:
                stored = storage.objects.find(bucket_name, key_name, arguments[0] if arguments else None)
            except S3Error:
                return None
            value = storage.blobs.path(stored.blob).read_bytes()
            return models.FakeKey(key_name, value, backend.account_id, backend.region_name, bucket_name=bucket_name)

        def put_object(backend: Any, bucket_name: str, key_name: str, value: bytes | str, **_: Any) -> Any:
            get_bucket(backend, bucket_name)
            data = value.encode() if isinstance(value, str) else value
            if not bridges.replaying:
                storage.put(bucket_name, key_name, storage.receive(data, {}), "binary/octet-stream")
            return models.FakeKey(key_name, data, backend.account_id, backend.region_name, bucket_name=bucket_name)

        backend = models.S3Backend
        backend.get_bucket = backend.head_bucket = get_bucket
        backend.get_object = backend.head_object = get_object
        backend.put_object = put_object

    def _install_logs(self) -> None:
        logs, bridges = self._logs, self

        def ensure_log_group(backend: Any, log_group_name: str) -> None:
            if not bridges.replaying:
                logs.ensure_group(backend.region_name, log_group_name)

        def create_log_stream(backend: Any, log_group_name: str, log_stream_name: str) -> None:
            if not bridges.replaying:
                logs.ensure_stream(backend.region_name, log_group_name, log_stream_name)

        def put_log_events(backend: Any, log_group_name: str, log_stream_name: str, log_events: Any) -> tuple[str, Any]:
            if not bridges.replaying:
                logs.ensure_stream(backend.region_name, log_group_name, log_stream_name)
                events = [(int(event["timestamp"]), event["message"]) for event in log_events]
                logs.append(backend.region_name, log_group_name, log_stream_name, events)
            return "1", {}

        backend = moto("logs.models").LogsBackend
        backend.ensure_log_group = ensure_log_group
        backend.create_log_stream = create_log_stream
        backend.put_log_events = put_log_events

    def align_log_groups(self, region: str) -> None:
        """Let moto know the groups that exist: its metric filters, subscriptions and tags hang on them."""
        models = moto("logs.models")
        backend = models.logs_backends[self._storage.account_id][region]
        names = {group.name for group in self._logs.groups(region)}
        for name in names - backend.groups.keys():
            backend.groups[name] = models.LogGroup(self._storage.account_id, region, name)
        for name in backend.groups.keys() - names:
            del backend.groups[name]

    def _install_cloudwatch(self) -> None:
        metrics, bridges = self._metrics, self

        def put_metric_data(backend: Any, namespace: str, metric_data: list[dict[str, Any]]) -> None:
            for position, datum in enumerate(metric_data, 1):
                backend._validate_parameters_put_metric_data(datum, position)
            if not bridges.replaying:
                metrics.put(backend.region_name, namespace, metric_data)

        def get_metric_statistics(
            backend: Any,
            namespace: str,
            metric_name: str,
            start_time: Any,
            end_time: Any,
            period: int,
            stats: list[str],
            dimensions: list[dict[str, str]],
            unit: str | None = None,
        ) -> list[dict[str, Any]]:
            start, end = _range(start_time, end_time)
            points = metrics.datapoints(
                backend.region_name, namespace, metric_name, dimensions, start, end, period, unit
            )
            return [
                {
                    "Timestamp": naive(point.time),
                    "Unit": point.unit,
                    **{name: point.statistic(name) for name in STATISTICS if name in (stats or ())},
                }
                for point in points
            ]

        def get_metric_data(
            backend: Any, queries: list[dict[str, Any]], start_time: Any, end_time: Any, scan_by: str = ""
        ) -> list[dict[str, Any]]:
            start, end = _range(start_time, end_time)
            results = []
            for query in queries:
                if "MetricStat" not in query:
                    raise ValidationError(f"{query['Id']}: expressions are not implemented, only MetricStat")
                wanted = query["MetricStat"]
                metric, statistic = wanted["Metric"], wanted["Stat"]
                points = metrics.datapoints(
                    backend.region_name,
                    metric["Namespace"],
                    metric["MetricName"],
                    metric.get("Dimensions"),
                    start,
                    end,
                    int(wanted["Period"]),
                    wanted.get("Unit"),
                )
                if scan_by != "TimestampAscending":
                    points.reverse()
                if query.get("ReturnData", True) not in {False, "false"}:
                    results.append(
                        {
                            "id": query["Id"],
                            "label": query.get("Label") or metric["MetricName"],
                            "timestamps": [naive(point.time) for point in points],
                            "values": [point.statistic(statistic) for point in points],
                            "status_code": "Complete",
                        }
                    )
            return results

        def list_metrics(
            backend: Any,
            next_token: str | None,
            namespace: str | None,
            metric_name: str | None,
            dimensions: list[dict[str, str]] | None,
        ) -> tuple[str | None, list[dict[str, Any]]]:
            first = int(next_token or 0)
            found = [
                metric
                for metric in metrics.metrics(backend.region_name, namespace or None, metric_name or None)
                if all(_has(metric["Dimensions"], wanted) for wanted in dimensions or ())
            ]
            return (str(first + 500) if first + 500 < len(found) else None), found[first : first + 500]

        backend = moto("cloudwatch.models").CloudWatchBackend
        backend.put_metric_data = put_metric_data
        backend.get_metric_statistics = get_metric_statistics
        backend.get_metric_data = get_metric_data
        backend.list_metrics = list_metrics


def _range(start_time: Any, end_time: Any) -> tuple[float, float]:
    start, end = epoch(start_time), epoch(end_time)
    if start >= end:
        raise ValidationError("The parameter StartTime must be less than the parameter EndTime.")
    return start, end


def _has(dimensions: list[dict[str, str]], wanted: dict[str, str]) -> bool:
    """Whether a metric has a dimension of this name, and of this value where one is given."""
    return any(each["Name"] == wanted["Name"] and wanted.get("Value") in {None, each["Value"]} for each in dimensions)
