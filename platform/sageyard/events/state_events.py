"""The events that a change of a resource makes, in AWS's shape.

Source: `automating-sagemaker-with-eventbridge`, one sample for each detail type; details mirror what Describe answers.
Times are epoch milliseconds, but for model packages and model cards, where they are ISO 8601, as in the samples. AWS
has no event of a monitoring execution: `SageMaker Monitoring Execution State Change` is Sageyard's own, in the same
style, so that a rule can follow a violation.
"""

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sageyard.clock import iso
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Document
from sageyard.store.resources import Row
from sageyard.store.state_changes import StateChange

if TYPE_CHECKING:
    from collections.abc import Callable

DETAIL_TYPES = {
    "Cluster": "SageMaker HyperPod Cluster State Change",
    "Endpoint": "SageMaker Endpoint State Change",
    "FeatureGroup": "SageMaker Feature Group State Change",
    "HyperParameterTuningJob": "SageMaker HyperParameter Tuning Job State Change",
    "Image": "SageMaker Image State Change",
    "ImageVersion": "SageMaker Image Version State Change",
    "Model": "SageMaker Model State Change",
    "ModelCard": "SageMaker Model Card State Change",
    "ModelPackage": "SageMaker Model Package State Change",
    "MonitoringExecution": "SageMaker Monitoring Execution State Change",
    "MonitoringSchedule": "SageMaker Monitoring Schedule State Change",
    "NotebookInstance": "SageMaker Notebook Instance State Change",
    "PipelineExecution": "SageMaker Model Building Pipeline Execution Status Change",
    "PipelineExecutionStep": "SageMaker Model Building Pipeline Execution Step Status Change",
    "ProcessingJob": "SageMaker Processing Job State Change",
    "TrainingJob": "SageMaker Training Job State Change",
    "TransformJob": "SageMaker Transform Job State Change",
}
DEPLOYMENT = "SageMaker Endpoint Deployment State Change"
PENDING = "PendingDeploymentSummary"
PACKAGE_FIELDS = ("ModelApprovalStatus", "ApprovalDescription", "SourceUri", "CustomerMetadataProperties",
                  "InferenceSpecification", "ModelLifeCycle")  # fmt: skip
"""Members whose change `UpdatedModelPackageFields` names."""
ISO_TIMES = {"ModelCard", "ModelPackage"}


@dataclass(frozen=True, slots=True)
class StateEvent:
    """One event; `resources` are ARNs."""

    detail_type: str
    detail: Document
    resources: list[str]


class StateEvents:
    """Makes events of changes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._makers: dict[str, Callable[[StateChange, Document], list[StateEvent]]] = {
            "Endpoint": self._endpoint,
            "Model": self._model,
            "ModelPackage": self._model_package,
            "MonitoringExecution": self._monitoring_execution,
            "PipelineExecution": self._pipeline_execution,
            "PipelineExecutionStep": self._pipeline_step,
        }

    def of(self, change: StateChange) -> list[StateEvent]:
        """The events of one change."""
        row = Row(change.kind, change.region, change.name, change.arn, change.after or change.before or "",
                  change.created, change.time, change.document, {}, change.parent)  # fmt: skip
        document = self.engine.document(row)
        maker = self._makers.get(change.kind, self._plain)
        return maker(change, document)

    def _plain(self, change: StateChange, document: Document) -> list[StateEvent]:
        detail = _with_times(document, change.kind in ISO_TIMES)
        detail["Tags"] = dict(self.engine.store.tags(change.arn))
        return [StateEvent(DETAIL_TYPES[change.kind], detail, [change.arn])]

    def _endpoint(self, change: StateChange, document: Document) -> list[StateEvent]:
        """Statuses are written as `IN_SERVICE`; a change of the deployment under way is an event of its own."""
        (event,) = self._plain(change, document)
        event.detail["EndpointStatus"] = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", document["EndpointStatus"]).upper()
        events = [event] if change.before != change.after else []
        if (change.old_document or {}).get(PENDING) != document.get(PENDING):
            events.append(StateEvent(DEPLOYMENT, event.detail, [change.arn]))
        return events

    def _model(self, change: StateChange, document: Document) -> list[StateEvent]:
        """Models have no status; AWS says that they are created or deleted, and not how the event tells."""
        (event,) = self._plain(change, document)
        event.detail["ModelStatus"] = "Deleted" if change.after is None else "Created"
        return [event]

    def _model_package(self, change: StateChange, document: Document) -> list[StateEvent]:
        (event,) = self._plain(change, document)
        old = change.old_document
        changed = [] if old is None else [field for field in PACKAGE_FIELDS if old.get(field) != document.get(field)]
        if changed:
            event.detail["UpdatedModelPackageFields"] = changed
        return [event] if changed or change.before != change.after else []

    def _monitoring_execution(self, change: StateChange, document: Document) -> list[StateEvent]:
        (event,) = self._plain(change, document)
        event.detail.pop("Tags")
        event.detail.pop("Window", None)
        schedule = self.engine.store.get("MonitoringSchedule", change.region, document["MonitoringScheduleName"])
        if schedule is not None:
            event.detail["MonitoringScheduleArn"] = schedule.arn
            event.resources.append(schedule.arn)
        return [event]

    def _pipeline_execution(self, change: StateChange, document: Document) -> list[StateEvent]:
        ended = change.after in self.engine.specs[change.kind].settled
        detail = {
            "pipelineExecutionDisplayName": document.get("PipelineExecutionDisplayName"),
            "pipelineExecutionDescription": document.get("PipelineExecutionDescription"),
            "currentPipelineExecutionStatus": change.after,
            "previousPipelineExecutionStatus": change.before,
            "executionStartTime": iso(change.created),
            "executionEndTime": iso(change.time) if ended else None,
            "failureReason": document.get("FailureReason"),
            "pipelineArn": document["PipelineArn"],
            "pipelineExecutionArn": change.arn,
        }
        return [StateEvent(DETAIL_TYPES[change.kind], _present(detail), [document["PipelineArn"], change.arn])]

    def _pipeline_step(self, change: StateChange, document: Document) -> list[StateEvent]:
        execution = self.engine.store.get("PipelineExecution", change.region, change.parent)
        if execution is None:
            return []
        name = document["StepName"]
        detail = {
            "metadata": _camel(document.get("Metadata")),
            "stepStartTime": iso(document["StartTime"]),
            "stepEndTime": iso(document["EndTime"]) if "EndTime" in document else None,
            "stepName": name,
            "stepType": _step_type(json.loads(execution.private["definition"]), name),
            "previousStepStatus": change.before,
            "currentStepStatus": change.after,
            "cacheHitResult": _camel(document.get("CacheHitResult")),
            "failureReason": document.get("FailureReason"),
            "pipelineArn": execution.document["PipelineArn"],
            "pipelineExecutionArn": execution.arn,
        }
        resources = [execution.document["PipelineArn"], execution.arn]
        return [StateEvent(DETAIL_TYPES[change.kind], _present(detail), resources)]


def _present(document: Document) -> Document:
    return {name: value for name, value in document.items() if value is not None}


def _with_times(value: Any, as_text: bool) -> Any:
    """A copy whose members `…Time` are epoch milliseconds or ISO 8601."""
    if isinstance(value, list):
        return [_with_times(item, as_text) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: (iso(member) if as_text else int(member * 1000))
        if name.endswith("Time") and isinstance(member, int | float)
        else _with_times(member, as_text)
        for name, member in value.items()
    }


def _camel(value: Any) -> Any:
    """Members as pipelines' events spell them: `processingJob`."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name[:1].lower() + name[1:]: _camel(member) for name, member in value.items()}


def _step_type(value: Any, name: str) -> str | None:
    """The type of a step, wherever in the definition it is; a ForEach step's child is `<step>-<number>`."""
    if isinstance(value, list):
        return next(filter(None, (_step_type(item, name) for item in value)), None)
    if not isinstance(value, dict):
        return None
    if value.get("Name") in {name, re.sub(r"-\d+$", "", name)} and "Type" in value and "Arguments" in value:
        return str(value["Type"])
    return next(filter(None, (_step_type(member, name) for member in value.values())), None)
