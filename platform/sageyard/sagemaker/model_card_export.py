"""Exports of model cards: a version as a PDF file in S3.

The key, <S3OutputPath>/<card>/<export job>.pdf, is the one that the SageMaker Python SDK's own tests show.
"""

import asyncio
import json
from typing import Any

from sageyard.cloud import ObjectNotFoundError, Objects, split_s3_uri
from sageyard.errors import ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Context, Document, Hooks, Resource

JOB = "ModelCardExportJob"
REASON_LIMIT = 1024


class ExportHooks(Hooks):
    """An export job lays out the version's content and puts the file."""

    def __init__(self, engine: Engine, objects: Objects) -> None:
        self.engine = engine
        self.objects = objects

    def identify(self, request: Document) -> str:
        """Its ARN is model-card/<card>/export-job/<job>."""
        return f"{request['ModelCardName']}/export-job/{request['ModelCardExportJobName']}"

    async def prepare(self, request: Document, context: Context) -> Document:
        _destination(request)
        return request

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        """InProgress to Completed or Failed; an export is short, so one that a restart cut off is done anew."""
        job = resource.document
        name, number = job["ModelCardName"], job["ModelCardVersion"]
        version = self.engine.resource("ModelCardVersion", resource.region, f"{name}/{number}")
        if version is None:
            return  # deleted, and this job with it
        try:
            uri = await asyncio.to_thread(self._export, job, version.document)
        except ObjectNotFoundError as error:
            self._end(resource, "Failed", FailureReason=f"The specified bucket does not exist: {error}"[:REASON_LIMIT])
        else:
            self._end(resource, "Completed", ExportArtifacts={"S3ExportArtifacts": uri})

    def _end(self, resource: Resource, status: str, **members: Any) -> None:
        if resource.exists:  # its card may be gone by now
            resource.save(status=status, **members)

    def _export(self, job: Document, version: Document) -> str:
        from sageyard.sagemaker.model_card_pdf import rendered  # 0.3 s and 20 MB, that only an export needs

        bucket, key = _destination(job)
        self.objects.list(bucket)  # a missing bucket is better found out before the work than after
        self.objects.put(bucket, key, rendered(version, json.loads(version["Content"])), "application/pdf")
        return f"s3://{bucket}/{key}"

    def describe(self, resource: Resource, document: Document) -> Document:
        return self.summarize(resource, document)

    def summarize(self, resource: Resource, document: Document) -> Document:
        return document | {"CreatedAt": document["CreationTime"], "LastModifiedAt": document["LastModifiedTime"]}


def _destination(job: Document) -> tuple[str, str]:
    """Bucket and key of the file; raises ValidationError for a path that is not S3's."""
    path = job["OutputConfig"]["S3OutputPath"]
    try:
        bucket, prefix = split_s3_uri(path)
    except ValueError:
        raise ValidationError(f"S3OutputPath {path!r} is not valid: give a path such as s3://bucket/prefix.") from None
    folder = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
    return bucket, f"{folder}{job['ModelCardName']}/{job['ModelCardExportJobName']}.pdf"
