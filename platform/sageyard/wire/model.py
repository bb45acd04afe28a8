"""A botocore service model as plain data, corrected where it is known to be wrong.

botocore's own `ServiceModel` drops `pattern` and builds an object per shape; a server that validates every request
reads the JSON instead. A newer boto3 brings its newer model along by itself.
"""

from functools import cache
from typing import Any

from botocore.loaders import Loader

Shape = dict[str, Any]


class ServiceModel:
    """Operations and shapes of one service, e.g. `sagemaker`."""

    def __init__(self, name: str) -> None:
        raw = Loader().load_service_model(name, "service-2")
        self.name = name
        self.metadata: dict[str, Any] = raw["metadata"]
        self.operations: dict[str, dict[str, Any]] = raw["operations"]
        self.shapes: dict[str, Shape] = raw["shapes"]

    @property
    def target_prefix(self) -> str:
        """The first half of X-Amz-Target: `SageMaker`."""
        prefix: str = self.metadata["targetPrefix"]
        return prefix

    def input_name(self, operation: str) -> str | None:
        """Name of the operation's input shape; None where it takes nothing."""
        name: str | None = self.operations[operation].get("input", {}).get("shape")
        return name

    def output_name(self, operation: str) -> str | None:
        """Name of the operation's output shape; None where it answers nothing."""
        name: str | None = self.operations[operation].get("output", {}).get("shape")
        return name

    def input_shape(self, operation: str) -> Shape:
        """The operation's input structure; an empty one where it takes nothing."""
        name = self.input_name(operation)
        return self.shapes[name] if name else {"type": "structure", "members": {}}

    def output_shape(self, operation: str) -> Shape:
        """The operation's output structure; an empty one where it answers nothing."""
        name = self.output_name(operation)
        return self.shapes[name] if name else {"type": "structure", "members": {}}

    def member(self, shape: Shape, name: str) -> Shape | None:
        """The shape behind a structure's member, or None."""
        found = shape.get("members", {}).get(name)
        return self.shapes[found["shape"]] if found else None

    def errors(self, operation: str) -> frozenset[str]:
        """Error codes that the model declares for an operation."""
        return frozenset(error["shape"] for error in self.operations[operation].get("errors", ()))


@cache
def load(name: str) -> ServiceModel:
    """The service's model, read once per process."""
    return ServiceModel(name)
