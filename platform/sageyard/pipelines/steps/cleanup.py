"""The Cleanup step: deletes what steps before it wrote to S3."""

import asyncio

from sageyard.cloud import ObjectNotFoundError, split_s3_uri
from sageyard.pipelines.steps.base import StepRun, StepType
from sageyard.resources.spec import Document


class Cleanup(StepType):
    """Named objects, or, of a Training step, its model. A failure of one source does not keep the others."""

    type = "Cleanup"

    async def finish(self, run: StepRun) -> Document:
        cleaned, failed = [], []
        for source in run.arguments["Resources"]["S3"]:
            uris = source.get("S3Uris") or _outputs(run.properties(source["StepName"]))
            try:
                for uri in uris:
                    bucket, key = split_s3_uri(uri)
                    await asyncio.to_thread(run.cloud.objects.delete, bucket, key)
            except (ObjectNotFoundError, ValueError) as error:
                failed.append({
                    "StepName": source["StepName"], "ErrorCode": "ClientError", "ErrorMessage": str(error)
                })  # fmt: skip
            else:
                cleaned.append(source["StepName"])
        run.save_metadata({"Cleanup": {"CleanedSteps": cleaned, "FailedSteps": failed, "SkippedSteps": []}})
        return {}


def _outputs(properties: Document) -> list[str]:
    artifacts = properties.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    return [artifacts] if artifacts else []
