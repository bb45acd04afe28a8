"""Every error that a client may see, in AWS's own codes.

    AwsError
     ├── ValidationError            400 ValidationException
     ├── ResourceNotFoundError      400 ResourceNotFound
     ├── ResourceInUseError         400 ResourceInUse
     ├── ConflictError              400 ConflictException
     ├── ResourceLimitExceededError 400 ResourceLimitExceeded
     ├── UnknownOperationError      400 UnknownOperationException
     └── StorageFullError           507 InternalFailure

Services raise these and nobody below `wire` catches them; `wire` is the one translator to HTTP. None is ever
500 or 502 to 504: botocore retries those, up to ten times in the SageMaker SDK v3 (25 s and more for one refusal).
"""

import errno

FULL = {errno.ENOSPC, errno.EDQUOT}


class AwsError(Exception):
    """An answer that names what is wrong, the rule, and the way out."""

    code = "ValidationException"
    http_status = 400

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class ValidationError(AwsError):
    """A request that breaks the service model, or a reference to what does not exist."""


class ResourceNotFoundError(AwsError):
    """The named resource does not exist, where botocore models this error for the operation."""

    code = "ResourceNotFound"


class ResourceInUseError(AwsError):
    """The name is taken, or the resource is in a status that forbids the operation."""

    code = "ResourceInUse"


class ConflictError(AwsError):
    """The name is taken, where botocore models ConflictException."""

    code = "ConflictException"


class ResourceLimitExceededError(AwsError):
    """A quota is used up."""

    code = "ResourceLimitExceeded"


class UnknownOperationError(AwsError):
    """No such operation, or one that this server refuses; the message says which and why."""

    code = "UnknownOperationException"


class StorageFullError(AwsError):
    """The disk of the state directory is full, or the quota on it is used up; nothing of the request was kept."""

    code = "InternalFailure"
    http_status = 507

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"The server's disk is full ({error}); nothing was stored. Free some space and repeat.")


def is_storage_full(error: BaseException) -> bool:
    """Whether a write failed because the disk is full; `store.database` raises the same for SQLite's own error."""
    return isinstance(error, OSError) and error.errno in FULL
