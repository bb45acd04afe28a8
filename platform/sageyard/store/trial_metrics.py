"""Metrics of trial components, raw and summed up: all SQL about them is here. Components are named by ARN."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import astuple, dataclass

from sageyard.store.database import Database


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One value that was put; `time` in epoch seconds, `step` None where its writer named none."""

    name: str
    time: float
    value: float
    step: int | None = None


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """What all values of one metric come to. `source` is the ARN of what put the last one."""

    name: str
    source: str
    count: int
    minimum: float
    maximum: float
    mean: float
    squares: float
    last: float
    last_time: float

    @property
    def deviation(self) -> float:
        """The sample's standard deviation; 0 of a single value."""
        return math.sqrt(max(0.0, self.squares) / (self.count - 1)) if self.count > 1 else 0.0


class TrialMetrics:
    """The tables `trial_metrics` and `trial_metric_summaries`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, component: str, source: str, values: Iterable[MetricValue]) -> None:
        """Store values and bring the summaries up to date, in one transaction."""
        named: dict[str, list[MetricValue]] = defaultdict(list)
        for one in values:
            named[one.name].append(one)
        with self.database.transaction() as connection:
            for name, group in named.items():
                connection.executemany(
                    "INSERT INTO trial_metrics (component, name, step, time, value) VALUES (?, ?, ?, ?, ?)",
                    [(component, name, one.step, one.time, one.value) for one in group],
                )
                # the means and squared distances of two samples make those of both (Chan, Golub, LeVeque 1979)
                connection.execute(
                    "INSERT INTO trial_metric_summaries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (component, name) DO UPDATE SET source = excluded.source,"
                    " count = count + excluded.count,"
                    " minimum = min(minimum, excluded.minimum), maximum = max(maximum, excluded.maximum),"
                    " squares = squares + excluded.squares + (excluded.mean - mean) * (excluded.mean - mean)"
                    " * count * excluded.count / (count + excluded.count),"
                    " mean = mean + (excluded.mean - mean) * excluded.count / (count + excluded.count),"
                    " last = CASE WHEN excluded.last_time >= last_time THEN excluded.last ELSE last END,"
                    " last_time = max(last_time, excluded.last_time)",
                    (component, *astuple(_summary(source, group))),
                )

    def names(self, component: str) -> set[str]:
        """The names of a component's metrics."""
        found = self.database.rows("SELECT name FROM trial_metric_summaries WHERE component = ?", (component,))
        return {name for (name,) in found}

    def summaries(self, component: str) -> list[MetricSummary]:
        """What a component's metrics come to, by name."""
        query = (
            "SELECT name, source, count, minimum, maximum, mean, squares, last, last_time"
            " FROM trial_metric_summaries WHERE component = ? ORDER BY name"
        )
        return [MetricSummary(*found) for found in self.database.rows(query, (component,))]

    def values(self, component: str, name: str) -> list[MetricValue]:
        """All values of a metric in the order of their times."""
        query = "SELECT name, time, value, step FROM trial_metrics WHERE component = ? AND name = ? ORDER BY time, id"
        return [MetricValue(*found) for found in self.database.rows(query, (component, name))]

    def delete_of(self, component: str) -> None:
        """Forget all metrics of a component."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM trial_metrics WHERE component = ?", (component,))
            connection.execute("DELETE FROM trial_metric_summaries WHERE component = ?", (component,))


def _summary(source: str, group: list[MetricValue]) -> MetricSummary:
    values = [one.value for one in group]
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    last = max(enumerate(group), key=lambda entry: (entry[1].time, entry[0]))[1]
    return MetricSummary(last.name, source, len(values), min(values), max(values), mean, squares, last.value, last.time)
