"""A keep-alive HTTP/1.1 connection to one container, made for the invocation path.

One request at a time, written in one go, parsed by httptools; no streams, no locks, no per-request objects but the
future that is awaited. A general HTTP client costs several times the latency that Sageyard may add.
"""

import asyncio
from dataclasses import dataclass
from typing import cast

import httptools

WANTED_HEADERS = frozenset(
    {
        b"content-type",
        b"x-amzn-sagemaker-custom-attributes",
        b"x-amzn-sagemaker-new-session-id",
        b"x-amzn-sagemaker-closed-session-id",
    }
)
"""Response headers that SageMaker passes on to the caller (botocore, sagemaker-runtime InvokeEndpointOutput)."""


LARGE_BODY = 64 * 1024
"""Bytes from which copying the body behind its head costs more than a second write."""


class BrokenConnectionError(ConnectionError):
    """The container closed or reset the connection. `answered` tells whether a byte of the answer had come."""

    def __init__(self, message: str, *, answered: bool) -> None:
        super().__init__(message)
        self.answered = answered


@dataclass(slots=True)
class Answer:
    """What a container answered. Header names are in lower case, only those in `WANTED_HEADERS`."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Connection(asyncio.Protocol):
    """The protocol object; `closed` ones must not be used again."""

    __slots__ = (
        "_chunks",
        "_framed",
        "_future",
        "_head_complete",
        "_headers",
        "_loop",
        "_parser",
        "_received",
        "_transport",
        "closed",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.closed = False
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._future: asyncio.Future[Answer] | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []
        self._framed = False
        self._head_complete = False
        self._received = False

    async def exchange(self, head: bytes, body: bytes, seconds: float) -> Answer:
        """Send a whole request and wait for the whole answer.

        TimeoutError after that many seconds, BrokenConnectionError when the container ends the connection; either
        way, and when cancelled, the connection is closed.
        """
        transport = self._transport
        if transport is None or self.closed:
            raise BrokenConnectionError("the connection is closed", answered=False)
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._future = future
        self._received = False
        timer = self._loop.call_later(seconds, self._expire)
        if len(body) < LARGE_BODY:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        try:
            return await future
        except BaseException:
            self.abort()
            raise
        finally:
            timer.cancel()
            self._future = None

    def abort(self) -> None:
        """Close at once, without flushing."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def _expire(self) -> None:
        self._fail(TimeoutError("the container did not answer in time"))

    def _fail(self, error: Exception) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_exception(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(BrokenConnectionError(f"the container's answer is not HTTP: {error}", answered=True))
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if exc is None and self._head_complete and not self._framed:
            self.on_message_complete()  # a body without length or chunks ends with the connection
        self._fail(BrokenConnectionError(str(exc or "the container closed the connection"), answered=self._received))

    # httptools' callbacks

    def on_message_begin(self) -> None:
        self._headers = []
        self._chunks = []
        self._framed = self._head_complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in WANTED_HEADERS:
            self._headers.append((name, value))
        elif name in {b"content-length", b"transfer-encoding"}:
            self._framed = True

    def on_headers_complete(self) -> None:
        self._head_complete = True

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # 100 Continue and 103 Early Hints precede the answer
            return
        if not self._parser.should_keep_alive():
            self.closed = True
            if self._transport is not None:
                self._transport.close()
        if self._future is not None and not self._future.done():
            self._future.set_result(Answer(status, self._headers, b"".join(self._chunks)))
