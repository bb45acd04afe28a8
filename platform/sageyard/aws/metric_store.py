"""CloudWatch metrics, in SQLite. Times are epoch seconds; one row is a number of samples with their aggregates."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sageyard.clock import Clock
from sageyard.errors import ValidationError
from sageyard.store.database import Database


@dataclass(slots=True)
class Datapoint:
    """The samples of one period; `values` are the (value, count) pairs that are known one by one."""

    time: float
    unit: str
    count: float = 0.0
    sum: float = 0.0
    min: float = math.inf
    max: float = -math.inf
    values: list[tuple[float, float]] = field(default_factory=list)

    def add(self, count: float, total: float, low: float, high: float) -> None:
        """More samples."""
        self.count += count
        self.sum += total
        self.min, self.max = min(self.min, low), max(self.max, high)
        if low == high:
            self.values.append((low, count))

    def statistic(self, name: str) -> float:
        """Sum, Average, Minimum, Maximum, SampleCount or a percentile such as p99 or p99.9."""
        known = {"Sum": self.sum, "Minimum": self.min, "Maximum": self.max, "SampleCount": self.count}
        if name in known:
            return known[name]
        if name == "Average":
            return self.sum / self.count if self.count else 0.0
        try:
            share = float(name.removeprefix("p")) / 100 if name.startswith("p") else -1.0
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            raise ValidationError(f"The value {name} for parameter Stat is not supported: use {', '.join(known)}, pNN")
        return self._percentile(share)

    def _percentile(self, share: float) -> float:
        total = sum(count for _, count in self.values)
        seen = 0.0
        for value, count in sorted(self.values):
            seen += count
            if seen >= share * total:
                return value
        return self.max


def epoch(moment: Any, default: float = 0.0) -> float:
    """Epoch seconds of what clients send as a time: a number, a datetime, an ISO string; `default` for None."""
    if moment is None:
        return default
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return float(moment)


def canonical(dimensions: Iterable[dict[str, str]] | None) -> str:
    """Dimensions as they are stored: a metric is another one for each set of them."""
    return json.dumps({each["Name"]: each["Value"] for each in dimensions or ()}, sort_keys=True)


class MetricStore:
    """Rows of `metrics`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def put(self, region: str, namespace: str, data: Sequence[dict[str, Any]]) -> None:
        """Write MetricDatum entries (Value, Values with Counts, or StatisticValues) in one transaction."""
        now = self._clock.now()
        rows = []
        for datum in data:
            series = (region, namespace, datum["MetricName"], canonical(datum.get("Dimensions")))
            at = (datum.get("Unit") or "None", epoch(datum.get("Timestamp"), now))
            rows += [(*series, *at, *samples) for samples in _samples(datum)]
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT INTO metrics (region, namespace, name, dimensions, unit, time, count, sum, min, max)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def datapoints(
        self,
        region: str,
        namespace: str,
        name: str,
        dimensions: Iterable[dict[str, str]] | None,
        start: float,
        end: float,
        period: int,
        unit: str | None = None,
    ) -> list[Datapoint]:
        """One metric's datapoints with start <= time < end, by period, oldest first; one for each unit.

        Periods begin at whole multiples of `period`; the start is rounded down to the minute, as CloudWatch does.
        """
        if period < 1:
            raise ValidationError(f"The period {period} is invalid: it must be at least 1 second")
        grain = min(period, 60)
        rows = self._database.rows(
            "SELECT * FROM metrics WHERE region=? AND namespace=? AND name=? AND dimensions=? AND time>=? AND time<?"
            " ORDER BY time",
            (region, namespace, name, canonical(dimensions), start // grain * grain, end),
        )
        points: dict[tuple[float, str], Datapoint] = {}
        for row in rows:
            if unit is None or row["unit"] == unit:
                slot = (row["time"] // period * period, row["unit"])
                point = points.setdefault(slot, Datapoint(*slot))
                point.add(row["count"], row["sum"], row["min"], row["max"])
        return [points[slot] for slot in sorted(points)]

    def samples(
        self, region: str, namespace: str, name: str, dimensions: Iterable[dict[str, str]]
    ) -> list[tuple[float, float]]:
        """All samples of one metric that were put one by one, as (epoch seconds, value), oldest first."""
        rows = self._database.rows(
            "SELECT time, sum FROM metrics WHERE region=? AND namespace=? AND name=? AND dimensions=? AND count=1"
            " ORDER BY time, id",
            (region, namespace, name, canonical(dimensions)),
        )
        return [(row["time"], row["sum"]) for row in rows]

    def metrics(self, region: str, namespace: str | None, name: str | None) -> list[dict[str, Any]]:
        """All metrics of a region: Namespace, MetricName, Dimensions."""
        rows = self._database.rows(
            "SELECT DISTINCT namespace, name, dimensions FROM metrics"
            " WHERE region=? AND (? IS NULL OR namespace=?) AND (? IS NULL OR name=?)"
            " ORDER BY namespace, name, dimensions",
            (region, namespace, namespace, name, name),
        )
        return [
            {
                "Namespace": row["namespace"],
                "MetricName": row["name"],
                "Dimensions": [{"Name": key, "Value": value} for key, value in json.loads(row["dimensions"]).items()],
            }
            for row in rows
        ]


def _samples(datum: dict[str, Any]) -> list[tuple[float, float, float, float]]:
    """(count, sum, min, max) rows of one MetricDatum."""
    if statistics := datum.get("StatisticValues"):
        names = ("SampleCount", "Sum", "Minimum", "Maximum")
        if missing := [name for name in names if name not in statistics]:
            raise ValidationError(f"StatisticValues of {datum['MetricName']} lacks {', '.join(missing)}")
        return [tuple(float(statistics[name]) for name in names)]  # type: ignore[list-item]
    counts: dict[float, float] = defaultdict(float)
    values = datum.get("Values") or [datum.get("Value", 0.0)]
    for value, count in zip(values, datum.get("Counts") or [1.0] * len(values), strict=True):
        if math.isnan(float(value)):
            raise ValidationError(f"The value NaN of {datum['MetricName']} is invalid")
        counts[float(value)] += float(count)
    return [(count, value * count, value, value) for value, count in counts.items()]
