"""Requests against the service model: required, type, length, range, pattern, enum, in AWS's wording.

Each shape is compiled once into a function that returns the accepted value without unknown members and without nulls,
as AWS ignores both, and collects every broken constraint. AWS names members in lowerCamelCase and list items
`N.member`, counted from 1 (seen in public issue threads, e.g. aws/amazon-sagemaker-examples #2236).
"""

import base64
import binascii
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import regex

from sageyard.errors import AwsError, ValidationError
from sageyard.wire.model import ServiceModel, Shape

MAX_REPORTED = 10  # AWS cuts long lists of errors, too

Check = Callable[[Any, str, list[str]], Any]

TYPE_NAMES = {
    "string": "a String",
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
    "boolean": "a Boolean",
    "timestamp": "a timestamp",
    "blob": "a Blob",
}
JAVA_TYPES = {str: "STRING_VALUE", bool: "TRUE_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}


class SerializationError(AwsError):
    """A value of the wrong JSON type; AWS refuses these before it validates."""

    code = "SerializationException"


class Validator:
    """Checks requests of one service; compiled lazily, safe to share."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._checks: dict[str, Check] = {}

    def request(self, operation: str, value: Any) -> dict[str, Any]:
        """The accepted request; raises ValidationError naming member and rule, or SerializationError."""
        if not isinstance(value, dict):
            raise SerializationError(f"The request body must be a JSON object, not {type(value).__name__}")
        name = self.model.input_name(operation)
        if name is None:
            return {}
        errors: list[str] = []
        accepted: dict[str, Any] = self._check(name)(value, "", errors)
        if errors:
            many = "s" if len(errors) > 1 else ""
            raise ValidationError(f"{len(errors)} validation error{many} detected: {'; '.join(errors[:MAX_REPORTED])}")
        return accepted

    def _check(self, name: str) -> Check:
        found = self._checks.get(name)
        if found is None:
            # A recursive shape meets this trampoline while its own check is being compiled.
            self._checks[name] = lambda value, path, errors: self._checks[name](value, path, errors)
            found = self._checks[name] = self._compile(self.model.shapes[name])
        return found

    def _compile(self, shape: Shape) -> Check:
        kind: str = shape["type"]
        if kind == "structure":
            return self._structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        if kind == "string":
            return self._string(shape)
        if kind in {"integer", "long", "float", "double"}:
            return _number(shape)
        return {"boolean": _boolean, "timestamp": _timestamp, "blob": _blob}[kind]

    def _structure(self, shape: Shape) -> Check:
        members = {
            name: (self._check(member["shape"]), name[0].lower() + name[1:])
            for name, member in shape.get("members", {}).items()
        }
        required = shape.get("required", ())
        union = shape.get("union", False)

        def check(value: Any, path: str, errors: list[str]) -> Any:
            if not isinstance(value, dict):
                raise SerializationError(f"Unexpected field type at '{path}': expected a structure")
            accepted: dict[str, Any] = {}
            for name, item in value.items():
                known = members.get(name)
                if known is not None and item is not None:
                    accepted[name] = known[0](item, f"{path}.{known[1]}" if path else known[1], errors)
            missing = [members[name][1] for name in required if name not in accepted]
            errors.extend(_broken(None, f"{path}.{name}" if path else name, "not be null") for name in missing)
            if union and len(accepted) != 1:
                errors.append(f"Value at '{path}' failed to satisfy constraint: exactly one of its members must be set")
            return accepted

        return check

    def _list(self, shape: Shape) -> Check:
        item_check = self._check(shape["member"]["shape"])
        size = _size(shape)

        def check(value: Any, path: str, errors: list[str]) -> Any:
            if not isinstance(value, list):
                raise SerializationError(f"Unexpected field type at '{path}': expected a list")
            size(value, path, errors)
            return [item_check(item, f"{path}.{n}.member", errors) for n, item in enumerate(value, 1)]

        return check

    def _map(self, shape: Shape) -> Check:
        key_check, value_check = self._check(shape["key"]["shape"]), self._check(shape["value"]["shape"])
        size = _size(shape)

        def check(value: Any, path: str, errors: list[str]) -> Any:
            if not isinstance(value, dict):
                raise SerializationError(f"Unexpected field type at '{path}': expected a map")
            size(value, path, errors)
            return {
                key_check(key, f"{path}.key", errors): value_check(item, f"{path}.{key}.member", errors)
                for key, item in value.items()
                if item is not None
            }

        return check

    def _string(self, shape: Shape) -> Check:
        enum = shape.get("enum")
        size = _size(shape)
        pattern = _pattern(shape["pattern"]) if "pattern" in shape else None
        longest = shape.get("max")

        def check(value: Any, path: str, errors: list[str]) -> Any:
            if not isinstance(value, str):
                raise _wrong_type(value, path, "string")
            if not value.isascii():
                _whole_text(value, path)
            if enum is not None and value not in enum:
                errors.append(_broken(value, path, f"satisfy enum value set: [{', '.join(enum)}]"))
                return value
            size(value, path, errors)
            if pattern is not None and (longest is None or len(value) <= longest) and not pattern.fullmatch(value):
                errors.append(_broken(value, path, f"satisfy regular expression pattern: {shape['pattern']}"))
            return value

        return check


def _whole_text(value: str, path: str) -> None:
    """JSON can escape half a surrogate pair, which is no text that could be stored or sent back."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SerializationError(f"Half a surrogate pair cannot be converted to a String at '{path}'") from None


def _pattern(text: str) -> Any:
    """Java's pattern for Python: `regex` knows \\p{L}; a UTF-16 surrogate range is one of code points here."""
    return regex.compile(text.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"))


def _broken(value: Any, path: str, rule: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: Member must {rule}"


def _wrong_type(value: Any, path: str, kind: str) -> SerializationError:
    """AWS's words, and the place, which AWS leaves to be guessed."""
    found = JAVA_TYPES.get(type(value), "START_OBJECT")
    return SerializationError(f"{found} cannot be converted to {TYPE_NAMES[kind]} at '{path}'")


def _size(shape: Shape) -> Check:
    low, high = shape.get("min"), shape.get("max")

    def check(value: Any, path: str, errors: list[str]) -> Any:
        if low is not None and len(value) < low:
            errors.append(_broken(value, path, f"have length greater than or equal to {low}"))
        if high is not None and len(value) > high:
            errors.append(_broken(value, path, f"have length less than or equal to {high}"))

    return check


def _number(shape: Shape) -> Check:
    kind: str = shape["type"]
    whole = kind in {"integer", "long"}
    low, high = shape.get("min"), shape.get("max")
    limit = 2**31 if kind == "integer" else 2**63

    def check(value: Any, path: str, errors: list[str]) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or _endless(value):
            raise _wrong_type(value, path, kind)
        if whole:
            if value != int(value):
                raise _wrong_type(value, path, kind)
            value = int(value)
            if not -limit <= value < limit:
                raise SerializationError(f"Numeric value ({value}) at '{path}' is out of range of {kind}")
        if low is not None and value < low:
            errors.append(_broken(value, path, f"have value greater than or equal to {low}"))
        if high is not None and value > high:
            errors.append(_broken(value, path, f"have value less than or equal to {high}"))
        return value

    return check


def _endless(value: float) -> bool:
    """NaN and the infinities: Python's JSON reads them, no JSON that we answer could hold them."""
    return isinstance(value, float) and not math.isfinite(value)


def _boolean(value: Any, path: str, errors: list[str]) -> Any:
    if not isinstance(value, bool):
        raise _wrong_type(value, path, "boolean")
    return value


def _timestamp(value: Any, path: str, errors: list[str]) -> Any:
    """Epoch seconds; botocore sends numbers, other clients ISO 8601 text. Years 1 to 9999, as clients can show them."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            datetime.fromtimestamp(value, UTC)
            return value
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        raise _wrong_type(value, path, "timestamp") from None


def _blob(value: Any, path: str, errors: list[str]) -> Any:
    """Base64 text, kept as it came."""
    try:
        base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise _wrong_type(value, path, "blob") from None
    return value
