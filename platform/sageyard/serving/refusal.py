"""Errors of the sagemaker-runtime service, in the form that botocore's REST-JSON parser reads.

    RuntimeRefusal
     ├── unknown_endpoint   400 ValidationError
     ├── unknown_operation  404 UnknownOperationException
     ├── refused_operation  400 UnknownOperationException
     ├── invalid            400 ValidationError
     ├── too_large          413 ValidationError
     └── model_error        424 ModelError

Wordings: messages that AWS users posted in public issue threads (aws/amazon-sagemaker-examples 293, 1026, 1407;
langchain-ai/langchain 16150).
"""

import json
from typing import Any

TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container {label}. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again."
)


class RuntimeRefusal(Exception):  # noqa: N818 - an answer, not a failure of the server
    """An error answer: HTTP status, error code, message and the members that the error's shape has besides."""

    def __init__(self, status: int, code: str, message: str, **members: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.members = {"Message": message, **members}

    def body(self) -> bytes:
        """The JSON body."""
        return json.dumps(self.members).encode()


def unknown_endpoint(name: str, account_id: str) -> RuntimeRefusal:
    """No such endpoint, or none that takes requests yet: AWS makes no difference."""
    return RuntimeRefusal(400, "ValidationError", f"Endpoint {name} of account {account_id} not found.")


def unknown_operation(method: str, path: str) -> RuntimeRefusal:
    """Nothing that sagemaker-runtime answers here."""
    return RuntimeRefusal(
        404,
        "UnknownOperationException",
        f"{method} {path} is no operation that Sageyard serves: InvokeEndpoint is POST /endpoints/<name>/invocations.",
    )


def refused_operation(name: str, reason: str) -> RuntimeRefusal:
    """An operation that nothing here carries out."""
    message = f"{name} is an operation of SageMaker that Sageyard does not carry out: {reason}"
    return RuntimeRefusal(400, "UnknownOperationException", message)


def invalid(message: str) -> RuntimeRefusal:
    """A request that the endpoint cannot serve."""
    return RuntimeRefusal(400, "ValidationError", message)


COMPONENT_MISSING = (
    "Inference Component Name header is required for endpoints to which you plan to deploy inference components. "
    "Please include Inference Component Name header or consider using SageMaker models."
)
COMPONENT_REFUSED = (
    "Inference Component Name header is not allowed for endpoints to which you dont plan to deploy inference "
    "components. Please remove the Inference Component Name header and try again."
)
NO_COPIES = (
    "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress (if "
    "configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API."
)


def too_large(limit: int) -> RuntimeRefusal:
    """A body over the limit, in bytes."""
    return RuntimeRefusal(413, "ValidationError", f"HTTP content length exceeded {limit} bytes.")


def model_error(status: int, label: str, original: str, log_arn: str, account_id: str) -> RuntimeRefusal:
    """The container answered with an error (`status`), or did not answer at all (0)."""
    side = "client" if 400 <= status < 500 else "server"
    return RuntimeRefusal(
        424,
        "ModelError",
        f'Received {side} error ({status}) from {label} with message "{original}". '
        f"See {log_arn} in account {account_id} for more information.",
        OriginalStatusCode=status,
        OriginalMessage=original,
        LogStreamArn=log_arn,
    )
