"""JSON 1.1: the operation is in a header, everything else in the body; errors are `__type` and `message`."""

import json
import uuid
from typing import Any

from sageyard.errors import AwsError
from sageyard.wire.validate import SerializationError

_compact = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would build one each time

CONTENT_TYPE = b"application/x-amz-json-1.1"


def parse(body: bytes) -> Any:
    """The request's JSON; raises SerializationError."""
    if not body:
        return {}
    try:
        return json.loads(body)
    except ValueError as error:
        raise SerializationError(f"The request body is not JSON: {error}") from None
    except RecursionError:
        raise SerializationError("The request body is nested deeper than any request of this service") from None


def headers() -> list[tuple[bytes, bytes]]:
    """Response headers of every answer, without its length."""
    return [(b"content-type", CONTENT_TYPE), (b"x-amzn-requestid", str(uuid.uuid4()).encode())]


def answer(document: dict[str, Any]) -> tuple[int, bytes]:
    """Status and body of a successful operation."""
    return 200, _compact(document).encode()


def refusal(error: AwsError) -> tuple[int, bytes]:
    """Status and body of a refused one."""
    return error.http_status, json.dumps({"__type": error.code, "message": error.message}).encode()
