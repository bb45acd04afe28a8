"""The targets of rules and schedules: who is reached, and how."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from sageyard.clock import Clock
from sageyard.cloud import Cloud
from sageyard.errors import AwsError
from sageyard.events.webhook import Webhook
from sageyard.resources.spec import Api

Target = dict[str, Any]
REACHED = (
    "pipelines of SageMaker, functions of Lambda, queues of SQS, topics of SNS, log groups, API destinations, event "
    "buses and, by schedules, operations of SageMaker"
)
UNIVERSAL = "aws-sdk:sagemaker:"
"""EventBridge Scheduler's universal target: the operation's name in lowerCamelCase follows."""


class Targets:
    """Reaches targets by their ARN."""

    def __init__(self, cloud: Cloud, clock: Clock, api: Callable[[], Api]) -> None:
        self._cloud = cloud
        self._clock = clock
        self._api = api
        self._webhook = Webhook(cloud.services)
        self._ways: dict[str, Callable[[Target, str, str], Awaitable[None]]] = {
            "sagemaker": self._pipeline,
            "lambda": self._function,
            "sqs": self._queue,
            "sns": self._topic,
            "logs": self._log_group,
            "events": self._destination,
            "scheduler": self._operation,
        }

    async def send(self, target: Target, payload: str, token: str) -> None:
        """Reach a target; a repeated `token` is one delivery where the target can tell. OSError where it may work
        later, AwsError where it will not."""
        service = target["Arn"].split(":")[2]
        if service not in self._ways:
            raise AwsError(f"Target {target['Arn']} is of a kind that Sageyard does not reach: it reaches {REACHED}.")
        await self._ways[service](target, payload, token)

    async def _pipeline(self, target: Target, payload: str, token: str) -> None:
        parameters = (target.get("SageMakerPipelineParameters") or {}).get("PipelineParameterList") or []
        request: Target = {"PipelineName": target["Arn"], "ClientRequestToken": token}
        if parameters:
            request["PipelineParameters"] = parameters
        await self._api().call("StartPipelineExecution", request, region=_region(target))

    async def _function(self, target: Target, payload: str, token: str) -> None:
        data = payload if _is_json(payload) else json.dumps(payload)
        await asyncio.to_thread(self._cloud.functions.enqueue, _region(target), target["Arn"], data.encode())

    async def _queue(self, target: Target, payload: str, token: str) -> None:
        region, name = _region(target), target["Arn"].rpartition(":")[2]
        found = await self._call(region, "sqs", "GetQueueUrl", {"QueueName": name})
        message = {"QueueUrl": found["QueueUrl"], "MessageBody": payload}
        if group := (target.get("SqsParameters") or {}).get("MessageGroupId"):
            message |= {"MessageGroupId": group, "MessageDeduplicationId": token}
        await self._call(region, "sqs", "SendMessage", message)

    async def _topic(self, target: Target, payload: str, token: str) -> None:
        await self._call(_region(target), "sns", "Publish", {"TopicArn": target["Arn"], "Message": payload})

    async def _log_group(self, target: Target, payload: str, token: str) -> None:
        group = target["Arn"].partition(":log-group:")[2].removesuffix(":*")
        event = (int(self._clock.now() * 1000), payload)
        await asyncio.to_thread(self._cloud.logs.append, _region(target), group, str(uuid.UUID(token)), [event])

    async def _destination(self, target: Target, payload: str, token: str) -> None:
        await asyncio.to_thread(self._webhook.call, target["Arn"], target.get("HttpParameters") or {}, payload)

    async def _operation(self, target: Target, payload: str, token: str) -> None:
        _, found, operation = target["Arn"].partition(UNIVERSAL)
        if not found:
            raise AwsError(f"Target {target['Arn']} is of a kind that Sageyard does not reach: it reaches {REACHED}.")
        name = operation[:1].upper() + operation[1:]
        await self._api().call(name, json.loads(payload or "{}"), region=target["Region"])

    async def _call(self, region: str, service: str, operation: str, request: Target) -> Target:
        return await asyncio.to_thread(self._cloud.services.call, region, service, operation, request)


def _region(target: Target) -> str:
    return str(target["Arn"].split(":")[3])


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
