"""Candidates: the training jobs of an AutoML job's tuning job, as ListCandidatesForAutoMLJob shows them."""

from sageyard.automl.requests import EXPLAINABILITY, IMAGE, INSIGHTS, direction
from sageyard.resources.spec import Api, Document

STATUSES = {"InProgress", "Completed", "Failed", "Stopping", "Stopped"}
RESPONSES = "predicted_label,probability,labels,probabilities"
PAGE = 100


async def candidates(api: Api, region: str, job: Document, tuning: str, analysis_arn: str) -> list[Document]:
    """All so far, in the order in which they began; `job` is the AutoML job's document."""
    found: list[Document] = []
    request: Document = {"HyperParameterTuningJobName": tuning, "MaxResults": PAGE, "SortBy": "CreationTime"}
    while True:
        page = await api.call("ListTrainingJobsForHyperParameterTuningJob", request, region=region)
        found += page["TrainingJobSummaries"]
        if not page.get("NextToken"):
            break
        request["NextToken"] = page["NextToken"]
    made = []
    for summary in found:
        name = {"TrainingJobName": summary["TrainingJobName"]}
        made.append(_candidate(job, await api.call("DescribeTrainingJob", name, region=region), analysis_arn))
    return made


def best(found: list[Document], objective: str) -> Document | None:
    """The completed one with the best objective; of equals the first."""
    done = [one for one in found if one["CandidateStatus"] == "Completed" and "FinalAutoMLJobObjectiveMetric" in one]
    sign = 1.0 if direction(objective) == "Minimize" else -1.0
    return min(done, key=lambda one: sign * one["FinalAutoMLJobObjectiveMetric"]["Value"], default=None)


def _candidate(job: Document, training: Document, analysis_arn: str) -> Document:
    name = training["TrainingJobName"]
    objective: str = job["ResolvedAttributes"]["AutoMLJobObjective"]["MetricName"]
    values = {
        one["MetricName"].removeprefix("validation:"): one["Value"] for one in training.get("FinalMetricDataList", [])
    }
    status = training["TrainingJobStatus"]
    ended = status in {"Completed", "Failed", "Stopped"}
    candidate: Document = {
        "CandidateName": name,
        "CandidateStatus": status,
        "ObjectiveStatus": "Succeeded" if objective in values else "Failed" if ended else "Pending",
        "CandidateSteps": [
            _step("ProcessingJob", analysis_arn),
            _step("TrainingJob", training["TrainingJobArn"]),
        ],
        "CreationTime": training["CreationTime"],
        "LastModifiedTime": training["LastModifiedTime"],
        "CandidateProperties": {
            "CandidateMetrics": [
                {"MetricName": metric, "StandardMetricName": metric, "Value": value, "Set": "Validation"}
                for metric, value in sorted(values.items())
            ]
        },
    }
    if objective in values:
        candidate["FinalAutoMLJobObjectiveMetric"] = {
            "Type": direction(objective),
            "MetricName": objective,
            "StandardMetricName": objective,
            "Value": values[objective],
        }
    if ended:
        candidate["EndTime"] = training["TrainingEndTime"]
    if "FailureReason" in training:
        candidate["FailureReason"] = training["FailureReason"]
    if status == "Completed":
        candidate["InferenceContainers"] = [_container(job, training)]
    return candidate


def _step(kind: str, arn: str) -> Document:
    name = arn.rpartition("/")[2]
    return {"CandidateStepType": f"AWS::SageMaker::{kind}", "CandidateStepArn": arn, "CandidateStepName": name}


def _container(job: Document, training: Document) -> Document:
    regression = job["ResolvedAttributes"]["ProblemType"] == "Regression"
    return {
        "Image": IMAGE,
        "ModelDataUrl": training["ModelArtifacts"]["S3ModelArtifacts"],
        "Environment": {
            # SDK v2's AutoMLStep.get_best_auto_ml_model reads all of these; the image needs the last two
            "MODEL_NAME": training["HyperParameters"]["automl_algorithm"],
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
            "SAGEMAKER_PROGRAM": "automl_tabular.serving",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            "SAGEMAKER_INFERENCE_SUPPORTED": "predicted_label" if regression else RESPONSES,
            "SAGEMAKER_INFERENCE_OUTPUT": "predicted_label",
        },
    }


def report_places(base: str, candidate: Document) -> Document:
    """Where the reports on a candidate are (API reference: CandidateArtifactLocations)."""
    name = candidate["CandidateName"]
    return {"Explainability": f"{base}/{EXPLAINABILITY}/{name}", "ModelInsights": f"{base}/{INSIGHTS}/{name}"}
