"""The Callback step: a message to a queue of SQS, and an answer by SendPipelineExecutionStepSuccess or …Failure."""

import asyncio
import json
import secrets

from sageyard.pipelines.steps.base import StepFailedError, StepRun, StepType
from sageyard.resources.spec import Document


class Callback(StepType):
    """Waits until somebody answers with the token of its message."""

    type = "Callback"

    async def start(self, run: StepRun) -> None:
        token = run.notes.get("token") or secrets.token_hex(5)  # the longest that the service model admits
        run.remember({"token": token})
        run.save_metadata({"Callback": {"CallbackToken": token, "SqsQueueUrl": run.document["SqsQueueUrl"]}})
        await self._send(run, "Executing")

    async def finish(self, run: StepRun) -> Document:
        answer = await run.answered()
        if "FailureReason" in answer:
            raise StepFailedError(answer["FailureReason"])
        outputs = answer["OutputParameters"]
        metadata = {"CallbackToken": run.notes["token"], "SqsQueueUrl": run.document["SqsQueueUrl"]}
        run.save_metadata({"Callback": {**metadata, "OutputParameters": outputs}})
        return {"OutputParameters": {output["Name"]: output["Value"] for output in outputs}}

    async def stop(self, run: StepRun) -> None:
        """AWS tells the queue, and goes on waiting for the answer."""
        await self._send(run, "Stopping")

    async def _send(self, run: StepRun, status: str) -> None:
        message = {
            "token": run.notes["token"],
            "pipelineExecutionArn": run.execution_arn,
            "stepName": run.name,
            "status": status,
            "arguments": run.arguments,
        }
        request = {"QueueUrl": run.document["SqsQueueUrl"], "MessageBody": json.dumps(message)}
        await asyncio.to_thread(run.cloud.services.call, run.region, "sqs", "SendMessage", request)
