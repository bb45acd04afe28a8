"""The control plane on the wire: JSON 1.1 requests told apart by X-Amz-Target."""

import logging
from typing import Any, Protocol

from sageyard.errors import AwsError
from sageyard.wire import json11
from sageyard.wire.asgi import Receive, Scope, Send, header, read_body, respond

logger = logging.getLogger(__name__)

MAX_WAIT = 50.0  # seconds; botocore gives up reading after 60


class Api(Protocol):
    """What answers operations."""

    async def call(self, operation: str, request: dict[str, Any], *, region: str) -> dict[str, Any]: ...

    async def settle(self, operation: str, request: dict[str, Any], *, region: str, seconds: float) -> None: ...


async def answer(api: Api, operation: str, region: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Carry out one operation; every refusal is a 4xx with AWS's code.

    A defect of ours is one too, and logged: botocore would repeat a 5xx, up to ten times. A Describe with the header
    `X-Sageyard-Wait: seconds` is answered when the resource has settled, or after that time.
    """
    try:
        request = json11.parse(await read_body(receive))
        if (seconds := header(scope, b"x-sageyard-wait")) is not None and isinstance(request, dict):
            await api.settle(operation, request, region=region, seconds=min(float(seconds), MAX_WAIT))
        status, body = json11.answer(await api.call(operation, request, region=region))
    except AwsError as error:
        status, body = json11.refusal(error)
    except Exception as error:
        logger.exception("%s failed", operation)
        status, body = json11.refusal(AwsError(f"{operation} failed: {error!r}; see the log", code="InternalFailure"))
    await respond(send, status, json11.headers(len(body)), body)
