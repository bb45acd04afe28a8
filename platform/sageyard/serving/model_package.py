"""Containers of a model that names a model package instead of an image."""

from sageyard.errors import ValidationError
from sageyard.resources.spec import Api, Document


async def definitions(api: Api, model: Document, region: str) -> list[Document]:
    """A model's container definitions (DescribeModel), each model package replaced by the containers it specifies."""
    found: list[Document] = []
    for definition in model.get("Containers") or [model.get("PrimaryContainer") or {}]:
        found += await _packaged(api, definition, region) if "ModelPackageName" in definition else [definition]
    return found


async def _packaged(api: Api, definition: Document, region: str) -> list[Document]:
    """The package's InferenceSpecification, or the additional one that InferenceSpecificationName names.

    The model's Environment goes over the package's (API reference, ContainerDefinition).
    """
    package = await api.call(
        "DescribeModelPackage", {"ModelPackageName": definition["ModelPackageName"]}, region=region
    )
    specification = package.get("InferenceSpecification")
    if name := definition.get("InferenceSpecificationName"):
        additional = package.get("AdditionalInferenceSpecifications", [])
        specification = next((item for item in additional if item["Name"] == name), None)
    if specification is None:
        raise ValidationError(
            f"Model package {package['ModelPackageArn']} has no {name or 'InferenceSpecification'} to deploy: add it "
            "with UpdateModelPackage"
        )
    environment = definition.get("Environment", {})
    return [
        container | {"Environment": container.get("Environment", {}) | environment}
        for container in specification["Containers"]
    ]
