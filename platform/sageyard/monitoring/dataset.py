"""What a monitoring job reads, as inputs of a processing job, and the form that it has there."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from sageyard.cloud import Objects
from sageyard.monitoring.window import Window
from sageyard.resources.spec import Document

MAX_INPUTS = 10
"""Inputs that a processing job takes (API reference: CreateProcessingJob)."""


class Dataset(Protocol):
    """`form` is the job's `dataset_format`, which the variable of that name carries as JSON."""

    @property
    def form(self) -> Document: ...

    def inputs(self, local: str, limit: int) -> list[Document]:
        """At most `limit` inputs, below the path `local`."""


class Source(Protocol):
    """Captured data of an endpoint or of transform jobs. What has no data raises ExecutionError; all methods block.

    `variables` name it to the container; `folder` is its part of a report's key.
    """

    @property
    def variables(self) -> dict[str, str]: ...

    @property
    def folder(self) -> str: ...

    def captured(self, objects: Objects, window: Window, staging: str) -> Dataset:
        """What data quality is judged by. A file that has to be made for the job gets a key that begins with
        `staging`, an S3 URI."""

    def predicted(self, objects: Objects, window: Window, staging: str) -> Dataset:
        """What is joined with ground truth."""

    def merged(self, objects: Objects, window: Window, uri: str) -> Dataset:
        """What that join has left under `uri`, an S3 URI."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Folders of hours under an S3 URI without a slash at its end: `…yyyy/mm/dd/hh`."""

    uri: str
    folders: list[str]
    form: Document
    modes: Document = field(default_factory=dict)
    name: str = "endpoint_input"

    def inputs(self, local: str, limit: int) -> list[Document]:
        """One input a folder; of whole days, months, … where they are too many."""
        return [
            job_input(f"{self.name}_{number}", f"{self.uri}/{folder}", f"{local}/{folder}", **self.modes)
            for number, folder in enumerate(gathered(self.folders, limit), 1)
        ]


@dataclass(frozen=True, slots=True)
class Manifests:
    """Objects of any keys, by a manifest for each bucket: `(bucket, URI of the manifest)`."""

    manifests: list[tuple[str, str]]
    form: Document
    modes: Document

    def inputs(self, local: str, limit: int) -> list[Document]:
        """One input a bucket."""
        return [
            job_input(
                f"batch_transform_input_{number}", uri, f"{local}/{bucket}", **self.modes, S3DataType="ManifestFile"
            )
            for number, (bucket, uri) in enumerate(self.manifests, 1)
        ]


def gathered(folders: list[str], limit: int) -> list[str]:
    """At most `limit` folders that hold all of `folders`: of whole days, months, … where the hours are too many.

    A processing job takes 10 inputs; the analyser reads of a day's folder only the hours of its window.
    """
    while len(folders) > limit:
        folders = sorted({folder.rpartition("/")[0] for folder in folders})
    return folders


def job_input(name: str, uri: str, path: str, **members: Any) -> Document:
    """One ProcessingInput from an S3 URI to a path in the container."""
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": path,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
            **members,
        },
    }


def input_modes(data: Document) -> Document:
    """How an EndpointInput or BatchTransformInput wants its files to be shared among instances.

    S3InputMode Pipe, which says how they travel, has no counterpart here: nothing is downloaded, files are linked.
    """
    return {"S3DataDistributionType": data.get("S3DataDistributionType", "FullyReplicated")}
