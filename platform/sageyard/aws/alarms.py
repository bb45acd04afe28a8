"""CloudWatch alarms: moto keeps them, and what their metrics say is found here, from the metrics that are stored.

They are evaluated when somebody asks, for each period that has ended since; nothing watches an alarm that nobody asks
for. Source: CloudWatch's user guide, `alarm-evaluation`. Where no data are there, a state stays as it is (and so as
SetAlarmState left it), unless TreatMissingData is `breaching` or `notBreaching`.
"""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from sageyard.aws.json_services import JsonServices
from sageyard.aws.metric_store import Datapoint, MetricStore

BREACHES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
"""Of a value and the threshold. Anomaly detection compares otherwise, and is left alone."""

Alarm = dict[str, Any]


class StoredAlarms:
    """`sageyard.cloud.Alarms`."""

    def __init__(self, services: JsonServices, metrics: MetricStore) -> None:
        self._services = services
        self._metrics = metrics

    def missing(self, region: str, names: Sequence[str]) -> list[str]:
        """Those of the names that no alarm has. Blocks."""
        known = {alarm["AlarmName"] for alarm in self._describe(region, names)}
        return [name for name in names if name not in known]

    def ringing(self, region: str, names: Sequence[str], since: float | None, until: float) -> list[str]:
        """Those in state ALARM now, or after any period that ended after `since` and not after `until`.

        Without `since` the last period that has ended is looked at, and what it says is all that counts. Blocks.
        """
        found = []
        for alarm in self._describe(region, names):
            rang = since is not None and alarm["StateValue"] == "ALARM"
            if alarm.get("ComparisonOperator") in BREACHES and alarm.get("MetricName") and not rang:
                rang = self._evaluate(region, alarm, since, until)
            elif since is None:
                rang = alarm["StateValue"] == "ALARM"
            if rang:
                found.append(alarm["AlarmName"])
        return found

    def _describe(self, region: str, names: Sequence[str]) -> list[Alarm]:
        answer = self._services.call(region, "monitoring", "DescribeAlarms", {"AlarmNames": list(names)})
        return [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]

    def _evaluate(self, region: str, alarm: Alarm, since: float | None, until: float) -> bool:
        """Go through the periods that have ended, up to the first that sets it off."""
        period = int(alarm["Period"])
        state = alarm["StateValue"]
        last = math.floor(until / period) * period
        end = last if since is None else math.floor(since / period) * period + period
        while end <= last:
            found = self._state(region, alarm, end)
            if found is not None and found[0] != state:
                state = found[0]
                self._services.call(
                    region,
                    "monitoring",
                    "SetAlarmState",
                    {"AlarmName": alarm["AlarmName"], "StateValue": state, "StateReason": found[1]},
                )
            if state == "ALARM":
                return True
            end += period
        return False

    def _state(self, region: str, alarm: Alarm, end: float) -> tuple[str, str] | None:
        """State and reason after the period that ended then; None where it stays what it was."""
        period, periods = int(alarm["Period"]), int(alarm["EvaluationPeriods"])
        points = self._metrics.datapoints(
            region,
            alarm["Namespace"],
            alarm["MetricName"],
            alarm.get("Dimensions"),
            end - period * periods,
            end,
            period,
            alarm.get("Unit"),
        )
        statistic = alarm.get("Statistic") or alarm.get("ExtendedStatistic") or "Average"
        breaches = BREACHES[alarm["ComparisonOperator"]]
        threshold = float(alarm["Threshold"])
        values = [point.statistic(statistic) for point in points]
        breaching = sum(breaches(value, threshold) for value in values)
        treatment = alarm.get("TreatMissingData") or "missing"
        if treatment == "breaching":
            breaching += periods - len(_times(points))
        elif not points and treatment != "notBreaching":
            return None
        needed = int(alarm.get("DatapointsToAlarm") or periods)
        if treatment in {"missing", "ignore"}:
            needed = min(needed, len(_times(points)))
        shown = ", ".join(f"{value:g}" for value in values) or "no datapoint"
        return ("ALARM" if breaching >= needed else "OK"), (
            f"Threshold Crossed: {breaching} of {periods} datapoints [{shown}] against {threshold:g} "
            f"({alarm['ComparisonOperator']})."
        )


def _times(points: Sequence[Datapoint]) -> set[float]:
    return {point.time for point in points}
