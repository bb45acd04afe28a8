"""Which properties a step will have: the members of what describes its job or resource.

Known before anything runs, so that a definition that asks for another one is refused when it is made.
"""

from sageyard.resources.spec import Document
from sageyard.wire.model import Shape, load

DESCRIBED = {
    "Endpoint": ("DescribeEndpoint",),
    "EndpointConfig": ("DescribeEndpointConfig",),
    "Model": ("DescribeModel",),
    "Processing": ("DescribeProcessingJob",),
    "RegisterModel": ("DescribeModelPackage",),
    "Training": ("DescribeTrainingJob",),
    "Transform": ("DescribeTransformJob",),
    "Tuning": ("DescribeHyperParameterTuningJob", "ListTrainingJobsForHyperParameterTuningJob"),
}
"""Operations whose answers are a step's properties, as the SDKs' `Properties` have it. Of other types of steps, no
model says what they have."""
FILES = "PropertyFiles"
OUTPUTS = "OutputParameters"
WITH_OUTPUTS = ("Callback", "Lambda")
"""Types of steps that have what their OutputParameters declare, and nothing else."""


def unknown(step_type: str, document: Document, path: list[str | int]) -> str | None:
    """What is wrong with a path behind `Steps.NAME`, in words; None where nothing is."""
    if path[:1] == [FILES]:
        return _undeclared("property file", document, FILES, "PropertyFileName", path)
    if step_type in WITH_OUTPUTS and path:
        if path[0] != OUTPUTS:
            return f"there is no property {path[0]!r}: there is {OUTPUTS}"
        return _undeclared("output", document, OUTPUTS, "OutputName", path)
    if step_type not in DESCRIBED or not path:
        return None
    model = load("sagemaker")
    shape: Shape = {"type": "structure", "members": {}}
    for operation in DESCRIBED[step_type]:
        shape["members"] |= model.output_shape(operation).get("members", {})
    for part in path:
        if shape["type"] == "structure":
            if part not in shape["members"]:
                return f"there is no property {part!r}: there are {', '.join(sorted(shape['members']))}"
            shape = model.shapes[shape["members"][part]["shape"]]
        elif shape["type"] in {"list", "map"}:
            shape = model.shapes[shape["member" if shape["type"] == "list" else "value"]["shape"]]
        else:
            return f"there is nothing below it by the name {part!r}: it is a {shape['type']}"
    return None


def _undeclared(noun: str, document: Document, member: str, key: str, path: list[str | int]) -> str | None:
    declared = [str(one.get(key)) for one in document.get(member) or []]
    if len(path) < 2:
        return f"{member} by itself is none: name one of {', '.join(declared) or 'none'}"
    if str(path[1]) in declared:
        return None
    return f"it declares no {noun} {path[1]!r}: it has {', '.join(declared) or 'none'}"
