"""The control plane on the wire: JSON 1.1 requests told apart by X-Amz-Target."""

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any, Protocol

from sageyard.errors import AwsError, StorageFullError, is_storage_full
from sageyard.wire import json11
from sageyard.wire.asgi import MAX_CONTROL_BODY, Receive, Scope, Send, header, read_body, respond, too_long
from sageyard.wire.short_way import Reply, ServerState, ShortWay
from sageyard.wire.signature import credential_scope

logger = logging.getLogger(__name__)

MAX_WAIT = 50.0  # seconds; botocore gives up reading after 60
START = b"POST / HTTP/1.1\r\n"
TARGET_HEADER = re.compile(rb"\r\nx-amz-target: ?(\w+\.)", re.IGNORECASE)


class Api(Protocol):
    """What answers operations."""

    async def call(self, operation: str, request: dict[str, Any], *, region: str) -> dict[str, Any]: ...

    async def settle(self, operation: str, request: dict[str, Any], *, region: str, seconds: float) -> None: ...


async def reply(api: Api, operation: str, region: str, wait: bytes | None, body: bytes) -> Reply:
    """Carry out one operation; every refusal is a 4xx with AWS's code, but for a full disk.

    A defect of ours is one too, and logged: botocore would repeat a 500, up to ten times. A Describe with the header
    `X-Sageyard-Wait: seconds` is answered when the resource has settled, or after that time.
    """
    try:
        request = json11.parse(body)
        if wait is not None and isinstance(request, dict):
            await api.settle(operation, request, region=region, seconds=min(float(wait), MAX_WAIT))
        status, answered = json11.answer(await api.call(operation, request, region=region))
    except AwsError as error:
        status, answered = json11.refusal(error)
    except Exception as error:
        logger.exception("%s failed", operation)
        defect = AwsError(f"{operation} failed: {error!r}; see the log", code="InternalFailure")
        status, answered = json11.refusal(StorageFullError(error) if is_storage_full(error) else defect)
    return status, json11.headers(), answered


async def answer(api: Api, operation: str, region: str, scope: Scope, receive: Receive, send: Send) -> None:
    """One request through ASGI."""
    try:
        body = await read_body(receive)
    except AwsError as error:
        status, answered = json11.refusal(error)
        headers = json11.headers()
    else:
        status, headers, answered = await reply(api, operation, region, header(scope, b"x-sageyard-wait"), body)
    await respond(send, status, [*headers, (b"content-length", b"%d" % len(answered))], answered)


class ControlProtocol(ShortWay):
    """The short way in for operations whose X-Amz-Target begins with `target`.

    Give uvicorn `http=partial(ControlProtocol, api, b"Service.", region, inner)`. Unsigned requests are for `region`.
    """

    longest_body = MAX_CONTROL_BODY

    def __init__(
        self,
        api: Api,
        target: bytes,
        region: str,
        inner: Callable[..., asyncio.Protocol],
        server_state: ServerState,
        **server: Any,
    ) -> None:
        super().__init__(inner, server_state, **server)
        self._api = api
        self._target = target
        self._region = region

    def takes(self, data: bytes) -> bool:
        found = TARGET_HEADER.search(data) if data.startswith(START) else None
        return found is not None and found[1] == self._target

    async def reply(
        self, url: bytes, authorization: bytes | None, headers: list[tuple[bytes, bytes]], body: bytes | None
    ) -> Reply:
        named = dict(headers)
        operation = named.get(b"x-amz-target", b"").removeprefix(self._target).decode("latin-1")
        region = credential_scope(authorization, b"").region or self._region
        if body is None:
            status, refused = json11.refusal(too_long(MAX_CONTROL_BODY))
            return status, json11.headers(), refused
        return await reply(self._api, operation, region, named.get(b"x-sageyard-wait"), body)
