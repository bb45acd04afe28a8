"""Where a model package's InferenceSpecification comes from when the request names a source instead of giving one."""

import re

from sageyard.errors import ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Document

CONTAINER_MEMBERS = ("ContainerHostname", "Image", "ModelDataUrl", "ModelDataSource", "Environment")
"""What a model's container definition and that of a model package have in common."""


def sourced(engine: Engine, request: Document, region: str) -> Document:
    """The request, completed with the InferenceSpecification of its SourceUri or SourceAlgorithmSpecification.

    A SourceUri that is the ARN of a model or model package is registered or cloned (API reference,
    CreateModelPackage); any other is only remembered. With an InferenceSpecification beside it AWS refuses the request,
    as the SageMaker SDK v2 tells (`create_model_package_from_containers`).
    """
    if "SourceUri" in request:
        if "InferenceSpecification" in request:
            raise ValidationError("SourceUri and InferenceSpecification cannot be given together: give one of them.")
        specification = _of_uri(engine, request["SourceUri"], region)
        return request | {"InferenceSpecification": specification} if specification else request
    if "SourceAlgorithmSpecification" in request and "InferenceSpecification" not in request:
        return request | {"InferenceSpecification": _of_algorithm(engine, request, region)}
    return request


def _of_uri(engine: Engine, uri: str, region: str) -> Document | None:
    found = re.fullmatch(r"arn:aws[a-z\-]*:sagemaker:[^:]*:\d{12}:(model|model-package)/\S+", uri)
    if found is None:
        return None
    if found[1] == "model-package":
        package = engine.find(engine.specs["ModelPackage"], {"ModelPackageName": uri}, region)
        return package.document.get("InferenceSpecification")
    model = engine.find(engine.specs["Model"], {"ModelName": uri}, region).document
    containers: list[Document] = model.get("Containers") or [model["PrimaryContainer"]]
    return {
        "Containers": [
            {name: container[name] for name in CONTAINER_MEMBERS if name in container} for container in containers
        ]
    }


def _of_algorithm(engine: Engine, request: Document, region: str) -> Document:
    """The algorithm's containers; the first with the model data that the request gives."""
    source = dict(request["SourceAlgorithmSpecification"]["SourceAlgorithms"][0])
    name = source.pop("AlgorithmName")
    algorithm = engine.find(engine.specs["Algorithm"], {"AlgorithmName": name}, region).document
    if "InferenceSpecification" not in algorithm:
        raise ValidationError(
            f"Algorithm {name} has no InferenceSpecification, so no model package can be made of it: create the "
            "algorithm with one."
        )
    specification: Document = algorithm["InferenceSpecification"]
    first, *others = specification["Containers"]
    return specification | {"Containers": [first | source, *others]}
