"""REST-JSON: the operation is told by method and path; members come in path, query string, headers and body.

The protocol of SageMaker's sister services (Smithy's `aws.protocols#restJson1`). Everything is read off the service
model; errors are the header `x-amzn-errortype` and a body with `message`.
"""

import base64
import json
import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote

from sageyard.errors import AwsError, StorageFullError, is_storage_full
from sageyard.wire import json11
from sageyard.wire.asgi import Receive, Scope, Send, read_body, respond
from sageyard.wire.model import ServiceModel, Shape
from sageyard.wire.short_way import Reply
from sageyard.wire.validate import SerializationError

logger = logging.getLogger(__name__)


class Api(Protocol):
    """What answers the operations of several services."""

    async def call(self, service: str, operation: str, request: dict[str, Any], *, region: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Route:
    """An operation and the values of the labels in its path, decoded."""

    model: ServiceModel
    operation: str
    labels: dict[str, str]


class Routes:
    """All operations of some services, by method and path."""

    def __init__(self, models: Iterable[ServiceModel]) -> None:
        self._routes: dict[tuple[str, int], list[tuple[list[str], ServiceModel, str]]] = {}
        for model in models:
            for name, operation in model.operations.items():
                steps = operation["http"]["requestUri"].split("/")
                self._routes.setdefault((operation["http"]["method"], len(steps)), []).append((steps, model, name))
        for routes in self._routes.values():
            routes.sort(key=lambda route: sum(step.startswith("{") for step in route[0]))  # fixed paths come first

    def match(self, method: str, raw_path: bytes) -> Route | None:
        """The operation of a request line; a label is one path segment, in which `%2F` is no slash."""
        steps = raw_path.partition(b"?")[0].decode("latin-1").split("/")
        for pattern, model, operation in self._routes.get((method, len(steps)), ()):
            if all(wanted.startswith("{") or wanted == step for wanted, step in zip(pattern, steps, strict=True)):
                labels = {
                    wanted[1:-1]: unquote(step)
                    for wanted, step in zip(pattern, steps, strict=True)
                    if wanted.startswith("{")
                }
                return Route(model, operation, labels)
        return None


def parse(route: Route, query: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> dict[str, Any]:
    """The request by member names, not yet validated; raises SerializationError."""
    model, shape = route.model, route.model.input_shape(route.operation)
    asked = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    named = {key.decode("latin-1"): value.decode("latin-1") for key, value in headers}
    payload = shape.get("payload")
    in_body = {} if payload else json11.parse(body)
    if not isinstance(in_body, dict):
        raise SerializationError(f"The request body must be a JSON object, not {type(in_body).__name__}")
    request: dict[str, Any] = {}
    for name, member in shape.get("members", {}).items():
        place, known_as, kind = member.get("location"), member.get("locationName", name), model.shapes[member["shape"]]
        if name == payload:
            request[name] = base64.b64encode(body).decode() if kind["type"] == "blob" else json11.parse(body)
        elif place == "uri":
            request[name] = _typed(kind, route.labels[known_as], known_as)
        elif place == "querystring" and known_as in asked:
            if kind["type"] == "list":
                item = model.shapes[kind["member"]["shape"]]
                request[name] = [_typed(item, text, known_as) for text in asked[known_as]]
            else:
                request[name] = _typed(kind, asked[known_as][0], known_as)
        elif place == "header" and known_as.lower() in named:
            request[name] = _typed(kind, named[known_as.lower()], known_as)
        elif place is None and known_as in in_body:
            request[name] = in_body[known_as]
    return request


def _typed(shape: Shape, text: str, name: str) -> Any:
    """A value that travels as text, as JSON would have it."""
    kind = shape["type"]
    try:
        if kind in {"integer", "long"}:
            return int(text)
        if kind in {"float", "double"}:
            return float(text)
    except ValueError:
        raise SerializationError(f"{text!r} cannot be converted to {kind} at {name!r}") from None
    if kind == "boolean":
        if text not in {"true", "false"}:
            raise SerializationError(f"{text!r} cannot be converted to boolean at {name!r}: give true or false")
        return text == "true"
    return text


async def answer(api: Api, route: Route, region: str, scope: Scope, receive: Receive, send: Send) -> None:
    """One request through ASGI."""
    try:
        body = await read_body(receive)
    except AwsError as error:
        status, headers, answered = _refusal(route, error)
    else:
        status, headers, answered = await reply(api, route, region, scope["query_string"], scope["headers"], body)
    await respond(send, status, [*headers, (b"content-length", b"%d" % len(answered))], answered)


async def reply(
    api: Api, route: Route, region: str, query: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes
) -> Reply:
    """Carry out one operation; every refusal is a 4xx, with the status that the model gives to its code."""
    try:
        request = parse(route, query, headers, body)
        document = await api.call(route.model.name, route.operation, request, region=region)
    except AwsError as error:
        return _refusal(route, error)
    except Exception as error:
        logger.exception("%s failed", route.operation)
        if is_storage_full(error):
            return _refusal(route, StorageFullError(error))
        return _refusal(route, AwsError(f"{route.operation} failed: {error!r}; see the log", code="InternalFailure"))
    named = [
        (member["locationName"].lower().encode(), str(document.pop(name)).encode())
        for name, member in route.model.output_shape(route.operation).get("members", {}).items()
        if member.get("location") == "header" and name in document
    ]
    status = route.model.operations[route.operation]["http"].get("responseCode", 200)
    return status, [*_headers(), *named], json.dumps(document).encode()


def _refusal(route: Route, error: AwsError) -> Reply:
    declared = route.model.shapes.get(error.code, {}).get("error", {}).get("httpStatusCode", error.http_status)
    status = declared if declared < 500 else error.http_status  # botocore would repeat a 5xx
    headers = [*_headers(), (b"x-amzn-errortype", error.code.encode())]
    return status, headers, json.dumps({"message": error.message}).encode()


def _headers() -> list[tuple[bytes, bytes]]:
    return [(b"content-type", b"application/json"), (b"x-amzn-requestid", str(uuid.uuid4()).encode())]
