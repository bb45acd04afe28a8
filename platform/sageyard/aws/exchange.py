"""A request to a service other than S3, read whole, and its answer."""

import json
from dataclasses import dataclass, field
from html import escape
from urllib.parse import parse_qsl

from sageyard.errors import AwsError


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """`service` is the signing name, `path` the raw path with its query, `headers` by lower-case name."""

    service: str
    region: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def target(self) -> str | None:
        """`X-Amz-Target`, which the JSON protocols carry."""
        return self.headers.get("x-amz-target")

    def form(self) -> dict[str, str]:
        """The fields of the query protocol; empty for every other one."""
        if not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return {}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def operation(self) -> str:
        """The operation's name, or `METHOD path` for REST protocols, which do not say it."""
        if self.target:
            return self.target.rpartition(".")[2]
        if "/operation/" in self.path:
            return self.path.rpartition("/")[2]  # Smithy RPC
        return self.form().get("Action") or f"{self.method} {self.path.partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """What goes back to the client."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def json_answer(document: dict[str, object]) -> ServiceAnswer:
    """An answer of the JSON 1.1 protocol."""
    return ServiceAnswer(200, {"content-type": "application/x-amz-json-1.1"}, json.dumps(document).encode())


def query_answer(operation: str, namespace: str, result: str) -> ServiceAnswer:
    """An answer of the query protocol; `result` is the XML inside `<OperationResult>`."""
    body = (
        f'<{operation}Response xmlns="{namespace}"><{operation}Result>{result}</{operation}Result>'
        f"<ResponseMetadata><RequestId>sageyard</RequestId></ResponseMetadata></{operation}Response>"
    )
    return ServiceAnswer(200, {"content-type": "text/xml"}, body.encode())


def error_answer(request: ServiceRequest, error: AwsError) -> ServiceAnswer:
    """An error in the protocol of the request: XML for the query protocol, JSON for all others."""
    if request.form():
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(error.code)}</Code>"
            f"<Message>{escape(error.message)}</Message></Error><RequestId>sageyard</RequestId></ErrorResponse>"
        )
        return ServiceAnswer(error.http_status, {"content-type": "text/xml"}, body.encode())
    document = {"__type": error.code, "message": error.message, "Message": error.message}
    headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-errortype": error.code}
    return ServiceAnswer(error.http_status, headers, json.dumps(document).encode())
