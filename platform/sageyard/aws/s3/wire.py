"""S3 over ASGI: receives bodies, runs operations off the event loop, sends answers."""

import asyncio
import itertools
import logging
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.types import Receive, Scope, Send

from sageyard.aws.s3.blobs import BlobWriter
from sageyard.aws.s3.checksums import Digests
from sageyard.aws.s3.chunked import ChunkDecoder, is_chunked
from sageyard.aws.s3.errors import S3Error
from sageyard.aws.s3.request import Answer, BlobSlice, Payload, S3Request
from sageyard.aws.s3.routing import STREAMED, Operation, operation_of
from sageyard.aws.s3.storage import Storage
from sageyard.errors import StorageFullError, is_storage_full

CHUNK = 1024 * 1024
DOCUMENT_LIMIT = 4 * 1024 * 1024
THREADS = 8

T = TypeVar("T")
log = logging.getLogger(__name__)


class ClientGoneError(Exception):
    """The client went away before its request was complete."""


class S3Wire:
    """The ASGI application of S3. Work on files and the index runs in a few threads of its own."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._threads = ThreadPoolExecutor(THREADS, "s3")
        self._numbers = itertools.count(1)

    def close(self) -> None:
        """Let the operations under way end."""
        self._threads.shutdown(wait=True)

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def handle(self, scope: Scope, receive: Receive, send: Send, region: str) -> None:
        """Answer one request."""
        request = S3Request.of(scope, region)
        try:
            try:
                answer = await self._answer(request, receive)
            except (LookupError, ValueError) as error:
                log.exception("%s %s/%s", request.method, request.bucket, request.key)
                message = f"The request has a value that cannot be read: {error}"
                raise S3Error("InvalidArgument", message) from error
            except OSError as error:
                if not is_storage_full(error):
                    raise
                log.error("%s %s/%s: %s", request.method, request.bucket, request.key, error)
                raise S3Error("InsufficientStorage", StorageFullError(error).message) from error
        except S3Error as error:
            headers = {"content-type": "application/xml", **error.headers}
            answer = Answer(error.http_status, headers, b"" if request.method == "HEAD" else error.document())
        except ClientGoneError:
            return
        await self._send(answer, send)

    async def _answer(self, request: S3Request, receive: Receive) -> Answer:
        try:
            owner = request.headers.get("x-amz-expected-bucket-owner")
            if owner is not None and owner != self._storage.account_id:
                raise S3Error("AccessDenied", f"The bucket owner is {self._storage.account_id}, not {owner}.")
            operation = operation_of(request)
        except S3Error:
            await drain(receive)
            raise
        if operation not in STREAMED:
            request.body = await whole(receive, request.headers)
            return await self._run(operation, self._storage, request)
        body, more = await first(receive)
        if not more and not is_chunked(request.headers):
            return await self._run(self._small, operation, request, body)
        request.payload = await self._stream(request, body, more, receive)
        return await self._run(self._finish, operation, request, request.payload)

    def _small(self, operation: Operation, request: S3Request, body: bytes) -> Answer:
        request.payload = self._storage.receive(body, request.headers)
        return self._finish(operation, request, request.payload)

    def _finish(self, operation: Operation, request: S3Request, payload: Payload) -> Answer:
        try:
            return operation(self._storage, request)
        except BaseException:
            self._storage.objects.release([payload.blob])
            raise

    async def _stream(self, request: S3Request, body: bytes, more: bool, receive: Receive) -> Payload:
        """Receive a body of any size into a blob, a mebibyte at a time."""
        decoder = ChunkDecoder() if is_chunked(request.headers) else None
        writer = await self._run(BlobWriter, self._storage.blobs, Digests(request.headers))
        try:
            pending = bytearray()
            while True:
                pending += decoder.feed(body) if decoder else body
                if pending and (len(pending) >= CHUNK or not more):
                    await self._run(writer.feed, pending)
                    pending = bytearray()
                if not more:
                    break
                body, more = await message(receive)
            if decoder:
                decoder.finish()
            declared = request.headers.get("x-amz-decoded-content-length")
            if declared is not None and int(declared) != writer.size:
                text = "You did not provide the number of bytes specified by the Content-Length HTTP header"
                raise S3Error("IncompleteBody", text)
            checksums = writer.digests.finish(decoder.trailers if decoder else {})
        except (S3Error, ValueError):
            writer.abort()
            if more:
                await drain(receive)
            raise
        except BaseException:
            writer.abort()
            raise
        writer.close()
        return Payload(writer.blob, writer.size, writer.digests.etag, checksums)

    async def _send(self, answer: Answer, send: Send) -> None:
        body = answer.body
        headers = list(encode(answer.headers))
        if "content-length" not in answer.headers and answer.status not in {204, 304}:
            length = body.length if isinstance(body, BlobSlice) else len(body)
            headers.append((b"content-length", b"%d" % length))
        headers.append((b"x-amz-request-id", b"%016X" % next(self._numbers)))
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            if isinstance(body, bytes):
                await send({"type": "http.response.body", "body": body})
                return
            sent = 0
            while sent < body.length:
                size = min(CHUNK, body.length - sent)
                data = await self._run(os.pread, body.descriptor, size, body.first + sent)
                sent += len(data)
                await send({"type": "http.response.body", "body": data, "more_body": sent < body.length})
        finally:
            if isinstance(body, BlobSlice):
                os.close(body.descriptor)


def encode(headers: dict[str, str]) -> Iterable[tuple[bytes, bytes]]:
    """Header pairs as ASGI sends them."""
    return ((name.encode("latin-1"), value.encode("latin-1", "xmlcharrefreplace")) for name, value in headers.items())


async def message(receive: Receive) -> tuple[bytes, bool]:
    """The next piece of a body and whether more follow."""
    event = await receive()
    if event["type"] == "http.disconnect":
        raise ClientGoneError
    return event.get("body", b""), event.get("more_body", False)


async def first(receive: Receive) -> tuple[bytes, bool]:
    """The beginning of a body, up to a mebibyte of it, and whether more follow."""
    body, more = await message(receive)
    if not more:
        return body, False
    pieces, size = [body], len(body)
    while more and size < CHUNK:
        body, more = await message(receive)
        pieces.append(body)
        size += len(body)
    return b"".join(pieces), more


async def drain(receive: Receive) -> None:
    """Read a body to its end and forget it, so that the connection stays usable."""
    more = True
    while more:
        _, more = await message(receive)


async def whole(receive: Receive, headers: dict[str, str]) -> bytes:
    """A document in the body, decoded."""
    body, more = await first(receive)
    while more:
        piece, more = await message(receive)
        body += piece
        if len(body) > DOCUMENT_LIMIT:
            await drain(receive) if more else None
            raise S3Error("EntityTooLarge", f"A document may have at most {DOCUMENT_LIMIT} bytes")
    if body and is_chunked(headers):
        decoder = ChunkDecoder()
        body = decoder.feed(body)
        decoder.finish()
    return body
