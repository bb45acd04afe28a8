"""Answers: a stored document seen through an output shape.

Only members that the shape knows, nothing null and no empty structure: the SageMaker SDK v3 parses every answer into
classes whose sub-structures have required members, and refuses `{}` (sdk.md 0.3).
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
        return seen if seen and all(name in seen for name in shape.get("required", ())) else None
    if kind == "list":
        item = model.shapes[shape["member"]["shape"]]
        if item["type"] in {"structure", "list", "map"}:
            return [seen for entry in value if (seen := _value(model, item, entry)) is not None]
    elif kind == "map":
        item = model.shapes[shape["value"]["shape"]]
        if item["type"] in {"structure", "list", "map"}:
            return {key: seen for key, entry in value.items() if (seen := _value(model, item, entry)) is not None}
    return value
