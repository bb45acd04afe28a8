"""Opaque NextTokens: where the page before ended, so that pages stay stable under concurrent writes."""

import base64
import json

from sageyard.errors import ValidationError


def seal(*position: object) -> str:
    """A token of JSON values."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def unseal(token: str, length: int) -> list[object]:
    """The values of a token that has `length` of them; raises ValidationError for a token that is not ours."""
    try:
        position = json.loads(base64.urlsafe_b64decode(token.encode()))
        if not isinstance(position, list) or len(position) != length:
            raise ValueError(token)
    except ValueError:
        raise invalid(token) from None
    return position


def invalid(token: str) -> ValidationError:
    """What a client is told about a token that no page gave."""
    return ValidationError(f"NextToken {token!r} is not valid: pass the token of the page before, unchanged")
