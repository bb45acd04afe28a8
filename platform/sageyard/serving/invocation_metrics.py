"""CloudWatch metrics of invocations, summed up by the minute (developer guide, `monitoring-cloudwatch`).

Each is published twice: for the variant, and for the variant in its endpoint configuration, by which an alarm tells the
new fleet of an update from the old one (developer guide, `deployment-guardrails-configuration`).
"""

from typing import Any

NAMESPACE = "AWS/SageMaker"

Datum = dict[str, Any]


class _Minute:
    __slots__ = ("client_errors", "count", "latency", "model_errors", "overhead", "server_errors", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.count = 0
        self.client_errors = 0
        self.server_errors = 0
        self.model_errors = 0
        self.latency = [0.0, float("inf"), 0.0]  # sum, minimum, maximum
        self.overhead = [0.0, float("inf"), 0.0]


class InvocationMetrics:
    """The figures of one variant. `instances` divides InvocationsPerInstance; `config_name` is that of the endpoint
    configuration, empty where there is none."""

    def __init__(self, endpoint_name: str, variant_name: str, instances: int) -> None:
        self.instances = instances
        self.config_name = ""
        self._per_instance = "InvocationsPerInstance"
        self._dimensions = [
            {"Name": "EndpointName", "Value": endpoint_name},
            {"Name": "VariantName", "Value": variant_name},
        ]
        self._current: _Minute | None = None
        self._finished: list[_Minute] = []

    @classmethod
    def of_component(cls, name: str, copies: int) -> "InvocationMetrics":
        """The figures of an inference component, whose instances are its copies."""
        metrics = cls("", "", copies)
        metrics._dimensions = [{"Name": "InferenceComponentName", "Value": name}]
        metrics._per_instance = "InvocationsPerCopy"
        return metrics

    def add(self, now: float, status: int, latency: float, overhead: float) -> None:
        """Count one invocation at clock time `now`. `status` is the container's, 0 if it gave none; times in
        seconds: in the container, and in the server around it."""
        minute = self._current
        if minute is None or not 0 <= now - minute.start < 60:
            if minute is not None:
                self._finished.append(minute)
            minute = self._current = _Minute(int(now // 60) * 60)
        minute.count += 1
        if not 200 <= status < 300:
            minute.model_errors += 1
            minute.client_errors += 400 <= status < 500
            minute.server_errors += status >= 500
        for sums, seconds in ((minute.latency, latency), (minute.overhead, overhead)):
            sums[0] += seconds
            if seconds < sums[1]:
                sums[1] = seconds
            if seconds > sums[2]:
                sums[2] = seconds

    def take(self, now: float | None = None) -> list[Datum]:
        """MetricDatum entries of the minutes that are over at clock time `now` (of all, if None); taken only once."""
        minute = self._current
        if minute is not None and (now is None or not 0 <= now - minute.start < 60):
            self._finished.append(minute)
            self._current = None
        finished, self._finished = self._finished, []
        data = [datum for minute in finished for datum in self._data(minute)]
        if not self.config_name:
            return data
        dimensions = [*self._dimensions, {"Name": "EndpointConfigName", "Value": self.config_name}]
        return [*data, *({**datum, "Dimensions": dimensions} for datum in data)]

    def _data(self, minute: _Minute) -> list[Datum]:
        count = minute.count
        flags = {
            "Invocation4XXErrors": minute.client_errors,
            "Invocation5XXErrors": minute.server_errors,
            "InvocationModelErrors": minute.model_errors,
        }
        share = 1 / max(1, self.instances)
        return [
            self._datum(minute, "Invocations", "None", count, 1, 1),
            self._datum(minute, self._per_instance, "None", count * share, share, share),
            *(
                self._datum(minute, name, "None", hits, 1 if hits == count else 0, 1 if hits else 0)
                for name, hits in flags.items()
            ),
            *(
                self._datum(minute, name, "Microseconds", *(round(value * 1e6, 1) for value in sums))
                for name, sums in (("ModelLatency", minute.latency), ("OverheadLatency", minute.overhead))
            ),
        ]

    def _datum(self, minute: _Minute, name: str, unit: str, total: float, smallest: float, largest: float) -> Datum:
        return {
            "MetricName": name,
            "Dimensions": self._dimensions,
            "Timestamp": minute.start,
            "StatisticValues": {
                "SampleCount": minute.count,
                "Sum": total,
                "Minimum": smallest,
                "Maximum": largest,
            },
            "Unit": unit,
        }
