"""Answers: a stored document seen through an output shape.

Only members that the shape knows, nothing null and no structure without its required members: the SageMaker SDK v3
parses every answer into classes that refuse one. An empty structure that may be empty is shown, for it
says something: `DatasetFormat: {"Parquet": {}}`.
"""

from typing import Any

from sageyard.wire.model import ServiceModel, Shape


def project(model: ServiceModel, shape: Shape, value: dict[str, Any]) -> dict[str, Any]:
    """The part of `value` that `shape` describes. A structure that lacks a required member is left out."""
    answer: dict[str, Any] = {}
    for name, member in shape.get("members", {}).items():
        item = value.get(name)
        if item is not None:
            seen = _value(model, model.shapes[member["shape"]], item)
            if seen is not None:
                answer[name] = seen
    return answer


def _value(model: ServiceModel, shape: Shape, value: Any) -> Any:
    kind = shape["type"]
    if kind == "structure":
        if not isinstance(value, dict):
            return None
        seen = project(model, shape, value)
        if not seen and value:
            return None
        return seen if all(name in seen for name in shape.get("required", ())) else None
    if kind == "list":
        item = model.shapes[shape["member"]["shape"]]
        if item["type"] in {"structure", "list", "map"}:
            return [seen for entry in value if (seen := _value(model, item, entry)) is not None]
    elif kind == "map":
        item = model.shapes[shape["value"]["shape"]]
        if item["type"] in {"structure", "list", "map"}:
            return {key: seen for key, entry in value.items() if (seen := _value(model, item, entry)) is not None}
    return value


def completed(model: ServiceModel, shape: Shape, answer: dict[str, Any], status: str) -> dict[str, Any]:
    """`answer` with every required member of `shape`, for types that nothing runs: clients parse, and see zeros.

    A required enum is `status` where it lists that, else its first value.
    """
    for name in shape.get("required", ()):
        if name not in answer:
            answer[name] = _zero(model, model.shapes[shape["members"][name]["shape"]], status)
    return answer


def _zero(model: ServiceModel, shape: Shape, status: str) -> Any:
    kind = shape["type"]
    if kind == "structure":
        return completed(model, shape, {}, status)
    if kind == "string":
        enum = shape.get("enum", [""])
        return status if status in enum else enum[0]
    return {"list": [], "map": {}, "boolean": True}.get(kind, 0)
