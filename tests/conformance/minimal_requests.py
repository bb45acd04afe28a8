"""The smallest valid request of any operation, built from the service model."""

from typing import Any

import regex
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sageyard.wire.model import ServiceModel, Shape

CANDIDATES = (
    "a1", "1", "s3://bucket/key", "arn:aws:iam::123456789012:role/service-role", "https://example.org/a",
    "arn:aws:sagemaker:us-east-1:123456789012:thing/a1", "arn:aws:sns:us-east-1:123456789012:topic",
    "arn:aws:sagemaker:us-east-1:123456789012:hub-content/hub/Model/a1/1.0.0",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:1", "1.0.0", "ab-cd", "subnet-1", "us-east-1a", "PT5H",
    "arn:aws:sagemaker:us-east-1:123456789012:training-plan/a1", "cron(0 * ? * * *)", "d-abcdefghijkl",
    "arn:aws:lambda:us-east-1:123456789012:function:f", "arn:aws:lambda:us-east-1:123456789012:function:f:1",
)  # fmt: skip


class Minimal:
    """Builds requests; recursion ends because only required members are filled in."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model

    def request(self, operation: str) -> dict[str, Any]:
        """A valid request for boto3: blobs are bytes, timestamps epoch seconds."""
        built = self._structure(self.model.input_shape(operation))
        assert isinstance(built, dict)
        return built

    def _structure(self, shape: Shape) -> dict[str, Any]:
        names = list(shape.get("required", ()))
        if shape.get("union") and not names:
            names = [next(iter(shape["members"]))]
        return {name: self._value(self.model.shapes[shape["members"][name]["shape"]]) for name in names}

    def _value(self, shape: Shape) -> Any:
        kind = shape["type"]
        if kind == "structure":
            return self._structure(shape)
        if kind == "list":
            item = self.model.shapes[shape["member"]["shape"]]
            return [self._value(item) for _ in range(max(1, shape.get("min", 1)))]
        if kind == "map":
            return {
                self._value(self.model.shapes[shape["key"]["shape"]]): self._value(
                    self.model.shapes[shape["value"]["shape"]]
                )
            }
        if kind == "string":
            return string(shape)
        if kind in {"integer", "long", "float", "double"}:
            return max(1, shape.get("min", 1)) if shape.get("max", 1) >= 1 else shape["max"]
        return {"boolean": True, "timestamp": 1_700_000_000, "blob": b"x"}[kind]


def string(shape: Shape) -> str:
    """A string that satisfies enum, length and pattern."""
    if "enum" in shape:
        return str(shape["enum"][0])
    low, high, pattern = shape.get("min", 0), shape.get("max", 1 << 20), shape.get("pattern")
    candidates = [*CANDIDATES, "a" * max(low, 1)]
    for candidate in candidates:
        if low <= len(candidate) <= high and (pattern is None or _matches(pattern, candidate)):
            return candidate
    return _drawn(str(pattern), low, high)


def _matches(pattern: str, text: str) -> bool:
    try:
        return regex.fullmatch(pattern, text) is not None
    except regex.error:
        return text.isascii()


def _drawn(pattern: str, low: int, high: int) -> str:
    """The first string that hypothesis draws for a pattern."""
    found: list[str] = []

    @settings(max_examples=20, database=None, derandomize=True, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.from_regex(pattern, fullmatch=True).filter(lambda text: low <= len(text) <= high))
    def draw(text: str) -> None:
        found.append(text)

    draw()
    return found[0]
