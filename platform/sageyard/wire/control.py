"""The control plane on the wire: JSON 1.1 requests told apart by X-Amz-Target."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from sageyard.errors import AwsError
from sageyard.wire import json11
from sageyard.wire.asgi import Receive, Send, read_body, respond

logger = logging.getLogger(__name__)

Call = Callable[..., Awaitable[dict[str, Any]]]


async def answer(call: Call, operation: str, region: str, receive: Receive, send: Send) -> None:
    """Carry out one operation; every refusal is a 4xx with AWS's code.

    A defect of ours is one too, and logged: botocore would repeat a 5xx, up to ten times.
    """
    try:
        request = json11.parse(await read_body(receive))
        status, body = json11.answer(await call(operation, request, region=region))
    except AwsError as error:
        status, body = json11.refusal(error)
    except Exception as error:
        logger.exception("%s failed", operation)
        status, body = json11.refusal(AwsError(f"{operation} failed: {error!r}; see the log", code="InternalFailure"))
    await respond(send, status, json11.headers(len(body)), body)
