"""Requests of steps, in the types that the service model gives their members.

A parameter of type Integer may stand where the operation takes a string, as SDK v3 writes hyperparameters
(aws/sagemaker-python-sdk #5504), and the text of a callback's output where it takes a number. Within a pipeline the one
becomes the other; all else is left for the operation to refuse.
"""

from typing import Any

from sageyard.pipelines.expressions import as_text
from sageyard.resources.spec import Document
from sageyard.wire.model import ServiceModel, Shape, load

NUMBERS = {"integer": int, "long": int, "float": float, "double": float}


def typed(operation: str, request: Document) -> Document:
    """The request with scalars of the types that `operation` takes."""
    model = load("sagemaker")
    converted: Document = _typed(model, model.input_shape(operation), request)
    return converted


def _typed(model: ServiceModel, shape: Shape, value: Any) -> Any:
    kind = shape["type"]
    if kind == "structure" and isinstance(value, dict):
        members = {name: model.member(shape, name) for name in value}
        return {name: item if (one := members[name]) is None else _typed(model, one, item)
                for name, item in value.items()}  # fmt: skip
    if kind == "list" and isinstance(value, list):
        return [_typed(model, model.shapes[shape["member"]["shape"]], item) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {key: _typed(model, model.shapes[shape["value"]["shape"]], item) for key, item in value.items()}
    if kind == "string" and isinstance(value, int | float):
        return as_text(value)
    if isinstance(value, str):
        if kind == "boolean":
            return {"true": True, "false": False}.get(value.lower(), value)
        if kind in NUMBERS:
            try:
                return NUMBERS[kind](value)
            except ValueError:
                return value
    return value
