"""Why a job failed, in AWS's words.

The prefixes tell whose fault it was: `AlgorithmError` the container's, `ClientError` the request's,
`InternalServerError` the service's.
"""

from collections.abc import Iterable
from pathlib import Path

from sageyard.runners.base import RunExit

REASON_LIMIT = 1024
LAST_LINES = 5
MEMORY_ADVICE = (
    "ClientError: Please use an instance type with more memory, or reduce the size of job data processed on an "
    "instance. The container was ended because it used more memory than its instance has"
)


class JobFailedError(Exception):
    """Ends a job as Failed; the message is its FailureReason."""


def describe_exit(result: RunExit, failure_file: Path | None, last_lines: Iterable[str]) -> str:
    """FailureReason of a container that did not exit 0: the first 1024 characters of its failure file
    (your-algorithms-training-algo-output), or else the last lines of its log."""
    if result.out_of_memory:
        return f"{MEMORY_ADVICE}, exit code: {result.code}"
    text = _read(failure_file) if failure_file is not None else ""
    if not text:
        text = "\n".join([line for line in last_lines if line.strip()][-LAST_LINES:])[-(REASON_LIMIT - 64) :]
    ending = f", exit code: {result.code}"
    return f"AlgorithmError: {text}"[: REASON_LIMIT - len(ending)] + ending


def _read(path: Path) -> str:
    try:
        with path.open(errors="replace") as file:
            return file.read(REASON_LIMIT).strip()
    except OSError:
        return ""
