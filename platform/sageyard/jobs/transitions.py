"""SecondaryStatusTransitions: what a training job went through, with the messages that the SDKs print."""

from typing import Any

MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Pending": "Training job waiting for capacity: other jobs are using this machine",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
}
TERMINAL = {"Stopped", "MaxRuntimeExceeded", "Completed", "Failed"}


def enter(transitions: list[dict[str, Any]], status: str, now: float) -> list[dict[str, Any]]:
    """The transitions with `status` as the latest, and the one before it ended; times in epoch seconds."""
    entry: dict[str, Any] = {"Status": status, "StartTime": now, "StatusMessage": MESSAGES[status]}
    if status in TERMINAL:
        entry["EndTime"] = now
    ended = [transition if "EndTime" in transition else transition | {"EndTime": now} for transition in transitions]
    return [*ended, entry]
