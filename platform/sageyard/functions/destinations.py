"""Who is told how an asynchronous invocation has ended.

Source: Lambda's developer guide, `invocation-async-retain-records`: the record's members and conditions.
"""

import asyncio
import json
import logging
import uuid

from sageyard.clock import Clock, iso
from sageyard.cloud import Function, FunctionAnswer, Services
from sageyard.errors import AwsError
from sageyard.store.function_queue import FunctionQueue, QueuedInvocation

logger = logging.getLogger(__name__)


class Destinations:
    """Queues of SQS, topics of SNS and other functions."""

    def __init__(self, services: Services, queue: FunctionQueue, clock: Clock) -> None:
        self._services = services
        self._queue = queue
        self._clock = clock

    async def tell(self, function: Function, queued: QueuedInvocation, answer: FunctionAnswer) -> None:
        """Send the record of an invocation to where its function's configuration says, if anywhere."""
        arn = function.on_failure if answer.failed else function.on_success
        if not arn:
            return
        record = {
            "version": "1.0",
            "timestamp": iso(self._clock.now()),
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": f"{function.arn}:{function.version}",
                "condition": "RetriesExhausted" if answer.failed else "Success",
                "approximateInvokeCount": queued.attempts + 1,
            },
            "requestPayload": json.loads(queued.payload),
            "responseContext": {"statusCode": 200, "executedVersion": answer.version}
            | ({"functionError": "Unhandled"} if answer.failed else {}),
            "responsePayload": json.loads(answer.payload),
        }
        try:
            await asyncio.to_thread(self._send, arn, json.dumps(record))
        except AwsError as error:
            logger.warning("destination %s of %s was not told: %s", arn, function.name, error.message)

    def _send(self, arn: str, text: str) -> None:
        _, _, service, region, _, name = arn.split(":", 5)
        if service == "sqs":
            url = self._services.call(region, "sqs", "GetQueueUrl", {"QueueName": name})["QueueUrl"]
            self._services.call(region, "sqs", "SendMessage", {"QueueUrl": url, "MessageBody": text})
        elif service == "sns":
            self._services.call(region, "sns", "Publish", {"TopicArn": arn, "Message": text})
        elif service == "lambda":
            self._queue.add(region, arn, text.encode(), self._clock.now())
        else:
            raise AwsError("Sageyard tells queues of SQS, topics of SNS and functions of Lambda only.")
