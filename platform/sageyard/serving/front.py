"""The short way in for InvokeEndpoint: an invocation costs the router about 100 µs beyond the protocol's own time.

A connection whose next request is not an invocation is handed over to uvicorn's protocol for good, where
`Router.__call__` answers invocations just as well.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from sageyard.serving.deployment import PAYLOAD_LIMIT
from sageyard.serving.router import Router
from sageyard.wire.short_way import Reply, ServerState, ShortWay
from sageyard.wire.signature import credential_scope

START = b"POST /endpoints/"
END = b"/invocations HTTP/1.1\r\n"
LONGEST_LINE = 256
"""Bytes of the request line that are searched: endpoint names have at most 63 characters."""


class InvocationProtocol(ShortWay):
    """Give uvicorn `http=partial(InvocationProtocol, router, region, HttpToolsProtocol)`.

    Unsigned requests are for `region`.
    """

    longest_body = PAYLOAD_LIMIT

    def __init__(
        self,
        router: Router,
        region: str,
        inner: Callable[..., asyncio.Protocol],
        server_state: ServerState,
        **server: Any,
    ) -> None:
        super().__init__(inner, server_state, **server)
        self._router = router
        self._region = region

    def takes(self, data: bytes) -> bool:
        return data.startswith(START) and data.find(END, len(START), LONGEST_LINE) > 0

    async def reply(
        self, url: bytes, authorization: bytes | None, headers: list[tuple[bytes, bytes]], body: bytes | None
    ) -> Reply:
        name = url[len(START) - len(b"POST ") :].removesuffix(b"/invocations").decode("latin-1")
        region = credential_scope(authorization, b"").region or self._region
        return await self._router.answer(headers, body, region, name)
