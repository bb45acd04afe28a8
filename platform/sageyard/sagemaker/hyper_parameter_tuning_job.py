"""Hyperparameter tuning jobs and the training jobs that they make."""

from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document
from sageyard.resources.tokens import seal, unseal
from sageyard.tuning.tuner import TUNING, TuningJobHooks

PAGE = 10


def family(hooks: TuningJobHooks, engine: Engine) -> Family:
    """HyperParameterTuningJob."""

    async def training_jobs(request: Document, context: Context) -> Document:
        """ListTrainingJobsForHyperParameterTuningJob."""
        row = engine.find(engine.specs[TUNING], request, context.region)
        resource = engine.resource(TUNING, row.region, row.name)
        assert resource is not None
        found = [hooks.summary(job) for job in hooks.jobs(resource)]
        if (status := request.get("StatusEquals")) is not None:
            found = [one for one in found if one["TrainingJobStatus"] == status]
        sort_by = request.get("SortBy", "Name")
        keyed = [(_sort_key(one, sort_by), one["TrainingJobName"], one) for one in found]
        keyed.sort(key=lambda entry: entry[:2], reverse=request.get("SortOrder", "Ascending") == "Descending")
        if sort_by == "FinalObjectiveMetricValue":
            keyed.sort(key=lambda entry: "FinalHyperParameterTuningJobObjectiveMetric" not in entry[2])
        first = 0
        if token := request.get("NextToken"):
            (last,) = unseal(token, 1)
            first = next((place + 1 for place, entry in enumerate(keyed) if entry[1] == last), len(keyed))
        size = request.get("MaxResults", PAGE)
        page, more = keyed[first : first + size], len(keyed) > first + size
        return {"TrainingJobSummaries": [one for *_, one in page], "NextToken": seal(page[-1][1]) if more else None}

    return Family(
        overrides={TUNING: {"hooks": hooks, "grade": "runs"}},
        functions={"ListTrainingJobsForHyperParameterTuningJob": (training_jobs, "runs")},
    )


def _sort_key(summary: Document, sort_by: str) -> float | str:
    if sort_by == "FinalObjectiveMetricValue":
        metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric", {})
        return float(metric.get("Value", 0.0))
    if sort_by == "CreationTime":
        return float(summary["CreationTime"])
    return str(summary["TrainingJobName" if sort_by == "Name" else "TrainingJobStatus"])
