"""The trial component, the artifacts and the metrics that come of a job, read off its row.

Names of components, parameters and artifacts are those that AWS's own components show; which properties of a job
become artifacts is in 'Tracking entities for SageMaker jobs' (lineage-tracking-auto-creation).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sageyard.resources.spec import Document
from sageyard.store.resources import Row

MAX_PARAMETERS, MAX_ARTIFACTS = 300, 60
"""Of one trial component (its shapes in the service model)."""
MAX_TEXT, MAX_MESSAGE = 2500, 1024


@dataclass(frozen=True, slots=True)
class JobLineage:
    """What is known of a job so far. `inputs` and `outputs` are URIs with the types of their artifacts."""

    suffix: str
    source_type: str
    status: Document
    start: float | None
    end: float | None
    parameters: dict[str, Document]
    input_artifacts: dict[str, Document]
    output_artifacts: dict[str, Document]
    inputs: list[tuple[str, str]]
    outputs: list[tuple[str, str]]

    def members(self) -> Document:
        """The members of the trial component that follow the job; unknown ones are left out."""
        members = {
            "Status": self.status,
            "StartTime": self.start,
            "EndTime": self.end,
            "Parameters": dict(list(self.parameters.items())[:MAX_PARAMETERS]),
            "InputArtifacts": dict(list(self.input_artifacts.items())[:MAX_ARTIFACTS]),
            "OutputArtifacts": dict(list(self.output_artifacts.items())[:MAX_ARTIFACTS]),
        }
        return {name: value for name, value in members.items() if value is not None and value != {}}


def training_lineage(row: Row) -> JobLineage:
    """A model comes of a job when it has one; before, nobody knows where it will be."""
    job = row.document
    image = job["AlgorithmSpecification"].get("TrainingImage")
    resources = job["ResourceConfig"]
    group: Document = next(iter(resources.get("InstanceGroups", [])), {})
    parameters = {name: _value(text) for name, text in job.get("HyperParameters", {}).items()}
    parameters |= _parameters(
        ImageUri=image,
        InstanceCount=resources.get("InstanceCount", group.get("InstanceCount")),
        InstanceType=resources.get("InstanceType", group.get("InstanceType")),
        VolumeSizeInGB=resources.get("VolumeSizeInGB"),
    )
    channels = {
        channel["ChannelName"]: _artifact(uri, channel.get("ContentType"))
        for channel in job.get("InputDataConfig", [])
        if (uri := _s3_uri(channel))
    }
    model = job.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    hook = job.get("DebugHookConfig", {}).get("S3OutputPath")
    made = [
        (model, "Model"),
        (job.get("CheckpointConfig", {}).get("S3Uri"), "Checkpoint"),
        (job.get("TensorBoardOutputConfig", {}).get("S3OutputPath"), "TensorBoard"),
    ]
    return JobLineage(
        suffix="aws-training-job",
        source_type="SageMakerTrainingJob",
        status=_status(row, f"secondary status: {job.get('SecondaryStatus', 'null')}, "),
        start=job.get("TrainingStartTime"),
        end=job.get("TrainingEndTime"),
        parameters=parameters,
        input_artifacts=channels,
        output_artifacts=_artifacts(("SageMaker.ModelArtifact", model), ("SageMaker.DebugHookOutput", hook)),
        inputs=[*_images(image), *((channel["Value"], "DataSet") for channel in channels.values())],
        outputs=[(uri, kind) for uri, kind in made if uri] if row.status in {"Completed", "Stopped"} else [],
    )


def processing_lineage(row: Row) -> JobLineage:
    """Inputs and outputs by their names; FeatureStore and Athena ones have no URI."""
    job = row.document
    image = job["AppSpecification"]["ImageUri"]
    cluster = job["ProcessingResources"]["ClusterConfig"]
    inputs = {
        one["InputName"]: _artifact(uri)
        for one in job.get("ProcessingInputs", [])
        if (uri := one.get("S3Input", {}).get("S3Uri"))
    }
    outputs = {
        one["OutputName"]: _artifact(uri)
        for one in job.get("ProcessingOutputConfig", {}).get("Outputs", [])
        if (uri := one.get("S3Output", {}).get("S3Uri"))
    }
    names = ("InstanceCount", "InstanceType", "VolumeSizeInGB")
    return JobLineage(
        suffix="aws-processing-job",
        source_type="SageMakerProcessingJob",
        status=_status(row, f"exit message: {job.get('ExitMessage') or 'null'}, "),
        start=job.get("ProcessingStartTime"),
        end=job.get("ProcessingEndTime"),
        parameters=_parameters(**{name: cluster.get(name) for name in names}),
        input_artifacts={"SageMaker.ImageUri": _artifact(image)} | inputs,
        output_artifacts=outputs,
        inputs=[*_images(image), *((one["Value"], "DataSet") for one in inputs.values())],
        outputs=[(one["Value"], "DataSet") for one in outputs.values()] if row.status == "Completed" else [],
    )


def transform_lineage(row: Row, model: Document) -> JobLineage:
    """`model` is the document of the model that transforms, or empty."""
    job = row.document
    container: Document = model.get("PrimaryContainer") or next(iter(model.get("Containers", [])), {})
    resources = job["TransformResources"]
    uri, media = _s3_uri(job["TransformInput"]), job["TransformInput"].get("ContentType")
    output = job["TransformOutput"]["S3OutputPath"]
    return JobLineage(
        suffix="aws-transform-job",
        source_type="SageMakerTransformJob",
        status=_status(row, ""),
        start=job.get("TransformStartTime"),
        end=job.get("TransformEndTime"),
        parameters=_parameters(
            **{name: resources.get(name) for name in ("InstanceCount", "InstanceType")},
            ModelName=job["ModelName"],
            **{"ModelPrimary.DataUrl": container.get("ModelDataUrl"), "ModelPrimary.Image": container.get("Image")},
        ),
        input_artifacts={"SageMaker.TransformInput": _artifact(uri, media)} if uri else {},
        output_artifacts=_artifacts(("SageMaker.TransformOutput", output)),
        inputs=[(uri, "DataSet")] if uri else [],
        outputs=[(output, "DataSet")] if row.status == "Completed" else [],
    )


def _status(row: Row, detail: str) -> Document:
    reason = row.document.get("FailureReason") or "null"
    message = f"Status: {row.status}, {detail}failure reason: {reason}"
    return {"PrimaryStatus": row.status, "Message": message[:MAX_MESSAGE]}


def _s3_uri(source: Document) -> str | None:
    uri: str | None = source.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri")
    return uri


def _images(image: str | None) -> Iterator[tuple[str, str]]:
    if image:
        yield image, "Image"


def _artifact(uri: str, media_type: str | None = None) -> Document:
    return {"Value": uri} | ({"MediaType": media_type} if media_type else {})


def _artifacts(*named: tuple[str, str | None]) -> dict[str, Document]:
    return {name: _artifact(uri) for name, uri in named if uri}


def _parameters(**named: Any) -> dict[str, Document]:
    return {f"SageMaker.{name}": _value(value) for name, value in named.items() if value is not None}


def _value(value: object) -> Document:
    """Hyperparameters are text; those that are numbers are shown as numbers."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    return {"NumberValue": number} if math.isfinite(number) else {"StringValue": str(value)[:MAX_TEXT]}
