"""What a transform job captures: manifests of its inputs and outputs, and an inference id for each output.

Layout and names of the two additions: developer guide, `model-monitor-data-capture-batch`. The name of a manifest,
which AWS does not document, is the job's.
"""

import json
import uuid
from collections.abc import Sequence
from typing import Any

from sageyard.clock import iso, utc
from sageyard.cloud import Objects, split_s3_uri
from sageyard.errors import ValidationError
from sageyard.resources.spec import Document
from sageyard.serving.transform.data_processing import JoinError
from sageyard.serving.transform.inputs import Input

ID, TIME = "SageMakerInferenceId", "SageMakerInferenceTime"
JSON_TYPES = ("application/json", "application/jsonlines")


class BatchCapture:
    """Capture of one job that started at `started`, epoch seconds."""

    def __init__(self, config: Document, job: str, started: float) -> None:
        self.bucket, self.prefix = split_s3_uri(config["DestinationS3Uri"])
        self.identifies = bool(config.get("GenerateInferenceId"))
        self.job = job
        self.started = started

    def identified(self, answer: bytes, content_type: str) -> list[bytes]:
        """The records of an answer, each with an id and the time; raises JoinError where it has no place for them."""
        if content_type.startswith("text/csv"):
            lines = (line.rstrip(b"\r") for line in answer.split(b"\n"))
            return [b"%s,%s,%s" % (line, self._id(), self._time()) for line in lines if line]
        if content_type.startswith(JSON_TYPES):
            return [json.dumps(self._with_id(document)).encode() for document in _documents(answer)]
        raise JoinError(
            f"the model's answer is {content_type or 'of no content type'}: GenerateInferenceId needs text/csv, "
            f"{' or '.join(JSON_TYPES)}. Ask for one of them with Accept"
        )

    def write(self, objects: Objects, found: Sequence[Input], output: str) -> None:
        """Write the two manifests, once all outputs are written to `output`, an S3 URI. Blocks."""
        hour = utc(self.started).strftime("%Y/%m/%d/%H")
        head = found[0]
        source = f"s3://{head.bucket}/{head.key.removesuffix(head.relative)}"
        names = [one.relative for one in found]
        self._put(objects, f"input/{hour}", [{"prefix": source}, *names])
        self._put(objects, f"output/{hour}", [{"prefix": f"{output.rstrip('/')}/"}, *(f"{name}.out" for name in names)])

    def _put(self, objects: Objects, folder: str, manifest: list[Any]) -> None:
        key = f"{self.prefix.rstrip('/')}/{folder}/{self.job}.manifest".lstrip("/")
        objects.put(self.bucket, key, json.dumps(manifest).encode(), "application/json")

    def _id(self) -> bytes:
        return str(uuid.uuid4()).encode()

    def _time(self) -> bytes:
        return iso(int(self.started)).encode()

    def _with_id(self, document: Any) -> Any:
        if isinstance(document, list):
            return [self._with_id(one) for one in document]
        if not isinstance(document, dict):
            raise JoinError(
                f"the model's answer {json.dumps(document)[:80]} is no JSON object, and GenerateInferenceId adds "
                f"{ID} and {TIME} to objects: let the model answer objects, or ask for text/csv with Accept"
            )
        return document | {ID: self._id().decode(), TIME: self._time().decode()}


def check_capture(request: Document) -> None:
    """Refuse a DataCaptureConfig that cannot work."""
    config = request.get("DataCaptureConfig")
    if config is None:
        return
    try:
        split_s3_uri(config["DestinationS3Uri"])
    except ValueError as error:
        raise ValidationError(f"DataCaptureConfig.DestinationS3Uri: {error}.") from None
    accept = request["TransformOutput"].get("Accept", "")
    if config.get("GenerateInferenceId") and accept and not accept.startswith(("text/csv", *JSON_TYPES)):
        raise ValidationError(
            f"DataCaptureConfig.GenerateInferenceId needs outputs in text/csv, {' or '.join(JSON_TYPES)}, not Accept "
            f"{accept!r}: ask for one of them, or set it to false."
        )


def _documents(answer: bytes) -> list[Any]:
    """The one document of an answer, or those of its lines."""
    try:
        return [json.loads(answer)]
    except ValueError:
        try:
            return [json.loads(line) for line in answer.splitlines() if line.strip()]
        except ValueError as error:
            raise JoinError(f"the model's answer {answer[:80]!r} is no JSON: {error}") from None
