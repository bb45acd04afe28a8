"""One invocation as a function sees it: the context object, its answer as JSON, its error as AWS writes it."""

import json
import time
import traceback
from decimal import Decimal
from types import SimpleNamespace
from typing import Any


class Context:
    """The second argument of a handler."""

    def __init__(self, request_id: str, request: dict[str, Any], environment: dict[str, str]) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = request["arn"]
        self.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]  # a text, as on AWS
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.client_context = _client_context(request["client_context"])
        self._deadline = time.monotonic() + request["timeout"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function times out."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))

    def log(self, message: object) -> None:
        """Write to the function's log."""
        print(message, flush=True)


def _client_context(text: str) -> SimpleNamespace | None:
    if not text:
        return None
    found = json.loads(text)
    client = found.get("client")
    return SimpleNamespace(
        custom=found.get("custom"), env=found.get("env"), client=SimpleNamespace(**client) if client else None
    )


class RuntimeFault(Exception):
    """The function cannot be run; `kind` is AWS's errorType."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def answer(value: Any) -> str:
    """A handler's answer as JSON text."""
    try:
        return json.dumps(value, ensure_ascii=False, default=_number)
    except (TypeError, ValueError) as error:
        raise RuntimeFault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def error_document(error: BaseException, request_id: str, task: str) -> dict[str, Any]:
    """What Invoke answers for an exception; the stack begins in the function's own code."""
    if isinstance(error, RuntimeFault):
        kind, frames = error.kind, []
    else:
        kind = type(error).__name__
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != _THIS_PROGRAM]
        frames = [text.replace(task, "/var/task") for text in traceback.format_list(own)]
    return {"errorMessage": str(error), "errorType": kind, "requestId": request_id, "stackTrace": frames}


_THIS_PROGRAM = __file__.replace("invocation.py", "main.py")
