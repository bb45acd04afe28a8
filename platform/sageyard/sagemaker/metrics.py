"""SageMaker Metrics: values that runs log against trial components, and what they come to over time.

Source: the service model of `sagemaker-metrics`. It declares no errors: what is wrong with one value of a batch is
told by its index, what is wrong with a query by the Status of its result.
"""

import asyncio
import math
import statistics
from collections import defaultdict
from collections.abc import Callable

from sageyard.errors import AwsError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document
from sageyard.store.resources import Selection
from sageyard.store.trial_metrics import MetricSummary, MetricValue, TrialMetrics

MAX_METRICS = 2000
"""Metrics of one trial component; AWS has such a limit and publishes no number."""
PAST, FUTURE = 14 * 86400, 2 * 3600
"""Seconds before and after now that a value may be of, as the SageMaker SDK checks, too."""
PERIODS = {"OneMinute": 60, "FiveMinute": 300, "OneHour": 3600}
STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Min": min,
    "Max": max,
    "Avg": statistics.fmean,
    "Count": len,
    "StdDev": lambda values: statistics.stdev(values) if len(values) > 1 else 0.0,
    "Last": lambda values: values[-1],
}


class MetricOperations:
    """BatchPutMetrics and BatchGetMetrics."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.metrics = TrialMetrics(engine.store.database)

    async def put(self, request: Document, context: Context) -> Document:
        """Good values are stored, and the others are told; names of components come in lower case, as in ARNs."""
        spec = self.engine.specs["TrialComponent"]
        arn = self.engine.arn(spec, context.region, [request["TrialComponentName"]])
        component = self.engine.find(spec, {"TrialComponentName": arn}, context.region).arn
        known, good, errors = self.metrics.names(component), [], []
        for index, one in enumerate(request["MetricData"]):
            value = MetricValue(one["MetricName"], float(one["Timestamp"]), float(one["Value"]), one.get("Step"))
            if not math.isfinite(value.value) or not context.now - PAST <= value.time <= context.now + FUTURE:
                errors.append({"Code": "VALIDATION_ERROR", "MetricIndex": index})
            elif value.name not in known and len(known) >= MAX_METRICS:
                errors.append({"Code": "METRIC_LIMIT_EXCEEDED", "MetricIndex": index})
            else:
                known.add(value.name)
                good.append(value)
        self.metrics.add(component, component, good)
        return {"Errors": errors or None}

    async def get(self, request: Document, context: Context) -> Document:
        """One result a query, in their order."""
        results = [await asyncio.to_thread(self._result, query, context) for query in request["MetricQueries"]]
        return {"MetricQueryResults": results}

    def _result(self, query: Document, context: Context) -> Document:
        by_step = query["XAxisType"] == "IterationNumber"
        try:
            if by_step != (query["Period"] == "IterationNumber"):
                raise AwsError("Period IterationNumber goes with XAxisType IterationNumber, the others with Timestamp.")
            component = self._component(query["ResourceArn"], context.region)
        except AwsError as error:
            return {"Status": "ValidationError", "Message": error.message, "XAxisValues": [], "MetricValues": []}
        start, end = query.get("Start", -math.inf), query.get("End", math.inf)
        buckets: dict[int, list[float]] = defaultdict(list)
        for one in self.metrics.values(component, query["MetricName"]):
            place = one.step if by_step else one.time
            if place is not None and start <= place <= end:
                period = PERIODS.get(query["Period"], 1)
                buckets[int(place // period * period)].append(one.value)
        statistic = STATISTICS[query["MetricStat"]]
        return {
            "Status": "Complete",
            "XAxisValues": sorted(buckets),
            "MetricValues": [float(statistic(buckets[place])) for place in sorted(buckets)],
        }

    def _component(self, arn: str, region: str) -> str:
        """The trial component of an ARN, which is its own or that of the job that it was made for."""
        if made := self.engine.store.select(Selection("TrialComponent", region, parent=arn, limit=1)):
            return made[0].arn
        return self.engine.find(self.engine.specs["TrialComponent"], {"TrialComponentName": arn}, region).arn


def metric_summary(found: MetricSummary) -> Document:
    """A TrialComponentMetricSummary."""
    return {
        "MetricName": found.name,
        "SourceArn": found.source,
        "TimeStamp": found.last_time,
        "Max": found.maximum,
        "Min": found.minimum,
        "Last": found.last,
        "Count": found.count,
        "Avg": found.mean,
        "StdDev": found.deviation,
    }


def family(engine: Engine) -> Family:
    """The sister service `sagemaker-metrics`."""
    operations = MetricOperations(engine)
    return Family(
        runtime={
            "sagemaker-metrics": {
                "BatchPutMetrics": (operations.put, "runs"),
                "BatchGetMetrics": (operations.get, "runs"),
            }
        }
    )
