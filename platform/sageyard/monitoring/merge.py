"""The processing job that joins captured data with ground truth, before an analysis that needs labels.

Name, image, paths and environment: descriptions of real merge jobs; the window is ours, so that hours beside it that
come with a whole day's folder are left alone. What it writes lies under `<monitor output>/merge`, in the captures'
layout; that of transform jobs, whose captures name no endpoint, under `<monitor output>/merge/<schedule>`. There the
merge is told `dataset_format` too.
"""

import json
import math

from sageyard.clock import iso
from sageyard.monitoring.dataset import MAX_INPUTS, Dataset, gathered, job_input
from sageyard.monitoring.definition import data_input, job_prefix
from sageyard.monitoring.processing import output_uri
from sageyard.monitoring.window import Window
from sageyard.resources.spec import Document

REPOSITORY = "sagemaker-model-monitor-groundtruth-merger"
CAPTURED, LABELS, MERGED = (f"/opt/ml/processing/{name}" for name in ("input_data", "groundtruth", "output"))
DEFAULT_SECONDS = 86400


def merge_name(execution: str, kind: str) -> str:
    """`groundtruth-merge-` and the rest of the execution's name."""
    return f"groundtruth-merge{execution.removeprefix(job_prefix(kind))}"


def merged_uri(definition: Document, schedule: str) -> str:
    """Where merged calls of a definition lie."""
    merged = f"{output_uri(definition)}/merge"
    return merged if "EndpointName" in data_input(definition) else f"{merged}/{schedule}"


def ground_truth_uri(definition: Document) -> str | None:
    """GroundTruthS3Input's S3 URI without a slash at its end; an inline definition has none."""
    found = definition["MonitoringInputs"][0].get("GroundTruthS3Input", {}).get("S3Uri")
    return found.rstrip("/") if found else None


def merge_job(
    name: str,
    definition: Document,
    dataset: Dataset,
    labels: tuple[str, list[str]],
    merged: str,
    window: Window,
) -> Document:
    """The CreateProcessingJob request that joins a dataset with labels: an S3 URI and hours below it."""
    (ground_truth, hours), limit = labels, MAX_INPUTS // 2
    inputs = [
        job_input(f"groundtruth_input_{number}", f"{ground_truth}/{hour}", f"{LABELS}/{hour}")
        for number, hour in enumerate(gathered(hours, limit), 1)
    ] + dataset.inputs(CAPTURED, limit)
    output = {"S3Uri": merged, "LocalPath": MERGED, "S3UploadMode": "EndOfJob"}
    batch = "EndpointName" not in data_input(definition)
    registry = "".join(definition["MonitoringAppSpecification"]["ImageUri"].rpartition("/")[:2])
    return {
        "ProcessingJobName": name,
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "result", "S3Output": output}],
            "KmsKeyId": definition["MonitoringOutputConfig"].get("KmsKeyId"),
        },
        "ProcessingResources": definition["MonitoringResources"],
        "StoppingCondition": definition.get("StoppingCondition"),
        "AppSpecification": {"ImageUri": f"{registry}{REPOSITORY}"},
        "Environment": {
            "dataset_source": CAPTURED,
            "ground_truth_source": LABELS,
            "output_path": MERGED,
            "start_time": iso(window.start),
            "end_time": iso(window.end),
            **({"dataset_format": json.dumps(dataset.form, separators=(",", ":"))} if batch else {}),
        },
        "NetworkConfig": definition.get("NetworkConfig"),
        "RoleArn": definition["RoleArn"],
    }


def seconds_left(definition: Document, merge: Document) -> int:
    """What a completed merge job leaves of MaxRuntimeInSeconds, which it shares with the analysis.

    A merge that took longer was not stopped at its limit: the server's clock was moved meanwhile, and says nothing.
    """
    limit: int = definition.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_SECONDS)
    spent = math.ceil(merge["ProcessingEndTime"] - merge["ProcessingStartTime"])
    return limit - spent if 0 <= spent < limit else limit
