"""One S3 request, taken apart, and its answer."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from starlette.types import Scope

from sageyard.aws.s3.errors import S3Error

VIRTUAL_HOST = re.compile(r"(?P<bucket>.+?)\.(?:s3[.\-].*amazonaws\.com(?:\.cn)?|s3\.localhost|localhost)$")


@dataclass(slots=True)
class Payload:
    """An object's body, received: already a blob, its checksums verified."""

    blob: str
    size: int
    etag: str
    checksums: dict[str, str]


@dataclass(slots=True)
class S3Request:
    """`headers` by lower-case name, `query` without repetition; `body` is empty where `payload` holds it as a blob."""

    method: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    region: str
    body: bytes = b""
    payload: Payload | None = None

    @classmethod
    def of(cls, scope: Scope, region: str) -> "S3Request":
        """From an ASGI scope: path style, or the bucket in front of the host name."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        path = unquote(scope["raw_path"].split(b"?", 1)[0].decode("latin-1"))
        host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
        if match := VIRTUAL_HOST.match(host):
            bucket, key = match["bucket"], path[1:]
        else:
            bucket, _, key = path[1:].partition("/")
        raw_query = scope["query_string"]
        query = dict(parse_qsl(raw_query.decode("latin-1"), keep_blank_values=True)) if raw_query else {}
        return cls(scope["method"], bucket, key, query, headers, region)

    def integer(self, name: str, default: int) -> int:
        """A number from the query, capped at the default; InvalidArgument for anything else."""
        value = self.query.get(name)
        if not value:
            return default
        if not value.isdecimal():
            raise S3Error("InvalidArgument", f"Provided {name} not an integer or within integer range")
        return min(int(value), default)

    def received(self) -> Payload:
        """The payload; an upload without one is an error of the client."""
        if self.payload is None:
            raise S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.")
        return self.payload


@dataclass(frozen=True, slots=True)
class BlobSlice:
    """A body that is part of a blob file, already open: whoever sends it closes the descriptor."""

    descriptor: int
    first: int
    length: int


@dataclass(slots=True)
class Answer:
    """What goes back to the client."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | BlobSlice = b""


def xml_answer(body: bytes, headers: dict[str, str] | None = None) -> Answer:
    """An answer with an XML document."""
    return Answer(200, {**(headers or {}), "content-type": "application/xml"}, body)
