"""Whether a JSON answer is what a shape of the service model says."""

from typing import Any

from sageyard.wire.model import ServiceModel, Shape

JSON_TYPES: dict[str, Any] = {
    "structure": dict, "list": list, "map": dict, "string": str, "integer": int, "long": int, "boolean": bool,
    "float": (int, float), "double": (int, float), "timestamp": (int, float), "blob": str,
}  # fmt: skip


def misfit(model: ServiceModel, shape: Shape, value: Any, path: str = "$") -> str:
    """Where a JSON value is not what the shape says; empty where all of it is."""
    kind = shape["type"]
    wanted = JSON_TYPES[kind]
    if not isinstance(value, wanted) or (kind not in {"boolean"} and isinstance(value, bool)):
        return f"{path}: {value!r} is no {kind}"
    if kind == "structure":
        members = shape.get("members", {})
        parts = [
            (model.shapes[members[name]["shape"]], item, f"{path}.{name}") if name in members else None
            for name, item in value.items()
        ]
        if None in parts:
            return f"{path}: {sorted(set(value) - set(members))} are no members"
        if missing := [name for name in shape.get("required", ()) if name not in value]:
            return f"{path}: {missing} are missing"
    elif kind == "list":
        parts = [(model.shapes[shape["member"]["shape"]], item, f"{path}[]") for item in value]
    elif kind == "map":
        parts = [(model.shapes[shape["value"]["shape"]], item, f"{path}.{key}") for key, item in value.items()]
    else:
        return ""
    return next((found for part in parts if part and (found := misfit(model, *part))), "")
