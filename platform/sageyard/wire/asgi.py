"""Plain ASGI in and out: reading a body, answering bytes."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from sageyard.errors import ValidationError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_CONTROL_BODY = 8 * 1024 * 1024  # the longest request of the control plane, a pipeline definition, is under 1 MiB


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a request header; `name` in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


async def read_body(receive: Receive, limit: int = MAX_CONTROL_BODY) -> bytes:
    """The whole request body; longer than `limit` bytes raises ValidationError."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise too_long(limit)
    return b"".join(parts)


def too_long(limit: int) -> ValidationError:
    """What a request body of more than `limit` bytes is told."""
    return ValidationError(f"The request body is longer than {limit} bytes, the most this operation takes.")


async def respond(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
    """One whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})
