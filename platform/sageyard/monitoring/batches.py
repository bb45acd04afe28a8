"""Captured data of transform jobs: manifests under `input/yyyy/mm/dd/hh` and `output/yyyy/mm/dd/hh`, of the hour in
which a job started (developer guide, `model-monitor-data-capture-batch`).

A processing job takes 10 inputs and a day may have more transform jobs than that, so the manifests of a window are
joined to one of the objects' bucket, which the monitoring job reads. Data quality is judged by the inputs; ground truth
is joined with the outputs, which GenerateInferenceId gives their ids.
"""

import json
from dataclasses import dataclass

from sageyard.cloud import ObjectNotFoundError, Objects, split_s3_uri
from sageyard.monitoring.captures import filled, span
from sageyard.monitoring.dataset import Folders, Manifests, input_modes
from sageyard.monitoring.definition import ExecutionError
from sageyard.monitoring.window import Window
from sageyard.resources.spec import Document

MERGED_FORMAT = {"sagemakerMergeJson": {"captureIndexNames": ["batchTransformOutput"]}}


@dataclass(frozen=True, slots=True)
class BatchCaptures:
    """What transform jobs have captured. `uri` is DataCapturedDestinationS3Uri without a slash at its end."""

    uri: str
    form: Document
    modes: Document

    @property
    def variables(self) -> dict[str, str]:
        return {}

    @property
    def folder(self) -> str:
        return ""

    def captured(self, objects: Objects, window: Window, staging: str) -> Manifests:
        """The inputs of the jobs that started in an hour which the window touches."""
        return self._joined(objects, window, staging, "input")

    def predicted(self, objects: Objects, window: Window, staging: str) -> Manifests:
        """Their outputs."""
        return self._joined(objects, window, staging, "output")

    def merged(self, objects: Objects, window: Window, uri: str) -> Folders:
        """The outputs that have a label."""
        hours = filled(objects, uri, window.hours)
        if not hours:
            raise ExecutionError(f"The ground truth merge left nothing under {uri}/ for the window {window}.")
        return Folders(uri, hours, MERGED_FORMAT, self.modes, "batch_transform_input")

    def _joined(self, objects: Objects, window: Window, staging: str, side: str) -> Manifests:
        folders = filled(objects, self.uri, [f"{side}/{hour}" for hour in window.hours])
        keys: dict[str, list[str]] = {}
        for folder in folders:
            for bucket, key in _listed(objects, f"{self.uri}/{folder}/"):
                keys.setdefault(bucket, []).append(key)
        if not keys:
            raise ExecutionError(
                f"Job inputs had no data: no captures of a transform job under {self.uri}/{side}/ in the hours "
                f"{span(window.hours)} (UTC), the window {window}. Run transform jobs in those hours with a "
                f"DataCaptureConfig whose DestinationS3Uri is {self.uri}, or move the window with StartTimeOffset and "
                "EndTimeOffset."
            )
        place, prefix = split_s3_uri(staging)
        manifests = []
        for bucket, found in keys.items():
            name = f"{prefix}-{side}-{bucket}.manifest"
            document = [{"prefix": f"s3://{bucket}/"}, *dict.fromkeys(found)]
            try:
                objects.put(place, name, json.dumps(document).encode(), "application/json")
            except ObjectNotFoundError:
                raise ExecutionError(f"Bucket {place} of the monitoring output does not exist: create it.") from None
            manifests.append((bucket, f"s3://{place}/{name}"))
        return Manifests(manifests, self.form, self.modes)


def batch_captures(data: Document) -> BatchCaptures:
    """The captures that a BatchTransformInput names."""
    [(kind, options)] = data["DatasetFormat"].items()
    form = {kind.lower(): {name.lower(): value for name, value in (options or {}).items()}}
    return BatchCaptures(data["DataCapturedDestinationS3Uri"].rstrip("/"), form, input_modes(data))


def _listed(objects: Objects, uri: str) -> list[tuple[str, str]]:
    """(bucket, key) of all objects that the manifests under a URI list."""
    bucket, prefix = split_s3_uri(uri)
    found = []
    for entry in objects.list(bucket, prefix):
        try:
            head, *names = json.loads(objects.read(bucket, entry.key))
            place, stem = split_s3_uri(head["prefix"])
            found += [(place, stem + str(name)) for name in names]
        except (ValueError, KeyError, TypeError) as error:
            raise ExecutionError(
                f"s3://{bucket}/{entry.key} is no manifest of captured data ({error!r}): it must be "
                '[{"prefix": "s3://bucket/folder/"}, "key", …]. Keep other objects out of '
                "DataCapturedDestinationS3Uri."
            ) from None
    return found
