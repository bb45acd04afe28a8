"""The processing job that joins captured data with ground truth, before an analysis that needs labels.

Name, image, paths and environment: descriptions of real merge jobs; the window is ours, so that hours beside it that
come with a whole day's folder are left alone. What it writes lies under `<monitor output>/merge`, in the captures'
layout.
"""

import math

from sageyard.clock import iso
from sageyard.monitoring.captures import Captures, gathered
from sageyard.monitoring.definition import endpoint_input, job_prefix
from sageyard.monitoring.processing import MAX_INPUTS, input_modes, job_input
from sageyard.monitoring.window import Window
from sageyard.resources.spec import Document

REPOSITORY = "sagemaker-model-monitor-groundtruth-merger"
CAPTURED, LABELS, MERGED = (f"/opt/ml/processing/{name}" for name in ("input_data", "groundtruth", "output"))
DEFAULT_SECONDS = 86400


def merge_name(execution: str, kind: str) -> str:
    """`groundtruth-merge-` and the rest of the execution's name."""
    return f"groundtruth-merge{execution.removeprefix(job_prefix(kind))}"


def merged_uri(definition: Document) -> str:
    """Where merged calls of a definition lie."""
    base: str = definition["MonitoringOutputConfig"]["MonitoringOutputs"][0]["S3Output"]["S3Uri"]
    return f"{base.rstrip('/')}/merge"


def ground_truth_uri(definition: Document) -> str | None:
    """GroundTruthS3Input's S3 URI without a slash at its end; an inline definition has none."""
    found = definition["MonitoringInputs"][0].get("GroundTruthS3Input", {}).get("S3Uri")
    return found.rstrip("/") if found else None


def merge_job(
    name: str,
    definition: Document,
    captures: Captures,
    folders: list[str],
    ground_truth: str,
    hours: list[str],
    window: Window,
) -> Document:
    """The CreateProcessingJob request that joins `folders` of the captures with `hours` of the ground truth."""
    data, limit = endpoint_input(definition), MAX_INPUTS // 2
    inputs = [
        job_input(f"groundtruth_input_{number}", f"{ground_truth}/{hour}", f"{LABELS}/{hour}")
        for number, hour in enumerate(gathered(hours, limit), 1)
    ] + [
        job_input(f"endpoint_input_{number}", f"{captures.uri}/{folder}", f"{CAPTURED}/{folder}", **input_modes(data))
        for number, folder in enumerate(gathered(folders, limit), 1)
    ]
    output = {"S3Uri": merged_uri(definition), "LocalPath": MERGED, "S3UploadMode": "EndOfJob"}
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
