"""How queries and requests are refused."""

from sageyard.errors import AwsError


class QueryError(Exception):
    """A query that fails: the message is its StateChangeReason, in Trino's form `CODE: what is wrong`."""


class MalformedQueryError(Exception):
    """Text that is no statement; StartQueryExecution refuses it."""


class CancelledError(Exception):
    """The query was stopped."""


def invalid_request(message: str) -> AwsError:
    """InvalidRequestException."""
    return AwsError(message, code="InvalidRequestException")
