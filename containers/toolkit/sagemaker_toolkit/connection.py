"""HTTP/1.1 for an inference container: one protocol object per connection, parsed by httptools.

A small request to a fast model is answered within the read callback, with nothing scheduled in between; any other
runs in the worker's one thread, so that /ping is answered meanwhile. Pipelined requests are answered in order.
"""

import asyncio
import json
import os
import sys
import traceback
from collections import deque
from concurrent.futures import Executor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

import httptools

from sagemaker_toolkit.errors import RequestError
from sagemaker_toolkit.handlers import Handler

INLINE_BYTES = 64 * 1024
PIPELINED = 16
TEXT = "text/plain; charset=utf-8"
PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(slots=True)
class Answer:
    """A status, a body and its Content-Type."""

    status: int
    body: bytes = b""
    content_type: str = TEXT


@dataclass(slots=True)
class Request:
    """One parsed request."""

    method: bytes
    path: bytes
    headers: dict[bytes, bytes]
    body: bytes
    keep_alive: bool


@dataclass
class Service:
    """What all connections of a worker share."""

    handler: Handler
    executor: Executor
    accept: str
    max_bytes: int
    timeout: float
    parameters: bytes
    """The answer to GET /execution-parameters."""
    connections: set["Connection"] = field(default_factory=set)
    stopping: bool = False
    emptied: asyncio.Event = field(default_factory=asyncio.Event)

    def invoke(self, request: Request) -> Answer:
        """Answer POST /invocations."""
        accept = request.headers.get(b"accept", b"").decode("latin-1")
        if not accept or accept == "*/*":
            accept = self.accept
        content_type = request.headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
        try:
            body, content_type = self.handler.invoke(request.body, content_type, accept)
        except RequestError as error:
            return Answer(error.status, str(error).encode())
        except Exception as error:
            traceback.print_exc()
            sys.stderr.flush()
            return Answer(500, f"{type(error).__name__}: {error}\n{traceback.format_exc()}".encode())
        return Answer(200 if body else 204, body, content_type)


def execution_parameters(workers: int, max_megabytes: int) -> bytes:
    """What batch transform is told (docs: 'Use Your Own Inference Code with Batch Transform')."""
    return json.dumps(
        {"MaxConcurrentTransforms": workers, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": max_megabytes}
    ).encode()


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.parser = httptools.HttpRequestParser(self)
        self.waiting: deque[Request] = deque()
        self.receiving = self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.service.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.service.connections.discard(self)
        if not self.service.connections:
            self.service.emptied.set()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._write(Answer(400, f"malformed HTTP request: {error}".encode()), keep=False)
            self.transport.close()

    # what httptools calls while it parses

    def on_message_begin(self) -> None:
        self.receiving = True
        self.path = b""
        self.headers: dict[bytes, bytes] = {}
        self.chunks: list[bytes] = []
        self.size = 0
        self.refused = False

    def on_url(self, url: bytes) -> None:
        self.path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        if int(self.headers.get(b"content-length") or 0) > self.service.max_bytes:
            self._too_large()
        elif self.headers.get(b"expect", b"").lower() == b"100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > self.service.max_bytes:
            self._too_large()
        elif not self.refused:
            self.chunks.append(chunk)

    def on_message_complete(self) -> None:
        self.receiving = False
        if self.refused:
            self.transport.close()
        if self.transport.is_closing():
            return
        body = self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)
        request = Request(
            self.parser.get_method(), self.path.partition(b"?")[0], self.headers, body, self.parser.should_keep_alive()
        )
        if not self.busy:
            self._serve(request)
            return
        self.waiting.append(request)
        if len(self.waiting) == PIPELINED:
            self.transport.pause_reading()

    # answering

    def _serve(self, request: Request) -> None:
        service = self.service
        if request.path == b"/invocations" and request.method == b"POST":
            if service.handler.inline and len(request.body) <= INLINE_BYTES:
                self._answer(request, service.invoke(request))
            else:
                self._in_thread(request)
        else:
            self._answer(request, self._page(request))

    def _page(self, request: Request) -> Answer:
        pages = {
            b"/ping": (b"GET", Answer(200)),
            b"/execution-parameters": (b"GET", Answer(200, self.service.parameters, "application/json")),
            b"/invocations": (b"POST", Answer(405)),
        }
        if request.path not in pages:
            known = ", ".join(sorted(path.decode() for path in pages))
            return Answer(404, f"no page {request.path.decode('latin-1')}; there are {known}".encode())
        method, answer = pages[request.path]
        if request.method != method:
            return Answer(405, f"{request.path.decode()} takes {method.decode()} only".encode())
        return answer

    def _in_thread(self, request: Request) -> None:
        loop = asyncio.get_running_loop()
        self.busy = True
        alarm = loop.call_later(self.service.timeout, self._give_up, request)

        def done(future: asyncio.Future[Answer]) -> None:
            alarm.cancel()
            self.busy = False
            if not self.transport.is_closing():
                self._answer(request, future.result())
                self._next()

        loop.run_in_executor(self.service.executor, self.service.invoke, request).add_done_callback(done)

    def _next(self) -> None:
        while self.waiting and not self.busy and not self.transport.is_closing():
            if len(self.waiting) == PIPELINED:
                self.transport.resume_reading()
            self._serve(self.waiting.popleft())

    def _give_up(self, request: Request) -> None:
        """A thread cannot be ended, so the worker is; the supervisor starts another."""
        text = f"no prediction within SAGEMAKER_MODEL_SERVER_TIMEOUT = {self.service.timeout:g} seconds"
        print(text, file=sys.stderr, flush=True)
        request.keep_alive = False
        self._answer(request, Answer(500, text.encode()))
        asyncio.get_running_loop().call_later(0.2, os._exit, 1)

    def _answer(self, request: Request, answer: Answer) -> None:
        keep = request.keep_alive and not self.service.stopping
        self._write(answer, keep=keep)
        if not keep:
            self.transport.close()

    def _write(self, answer: Answer, *, keep: bool) -> None:
        lines = [f"HTTP/1.1 {answer.status} {PHRASES[answer.status]}"]
        if answer.status != HTTPStatus.NO_CONTENT:
            lines += [f"content-type: {answer.content_type}", f"content-length: {len(answer.body)}"]
        if not keep:
            lines.append("connection: close")
        self.transport.write("\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body)

    def _too_large(self) -> None:
        """The answer goes out at once; the body is read on and dropped, as most clients look only when all is sent."""
        if not self.refused:
            self.refused = True
            limit = self.service.max_bytes // 2**20
            text = f"the body is larger than {limit} MB, the limit of SAGEMAKER_MAX_PAYLOAD_IN_MB"
            self._write(Answer(413, text.encode()), keep=False)

    def close_if_idle(self) -> None:
        """On shutdown: a request under way is answered first."""
        if not (self.receiving or self.busy or self.waiting):
            self.transport.close()
