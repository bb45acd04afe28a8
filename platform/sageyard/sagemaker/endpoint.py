"""Models, endpoint configurations and endpoints: what is served, how, and the serving itself."""

import asyncio

from sageyard.cloud import ObjectNotFoundError, Objects, split_s3_uri
from sageyard.errors import ValidationError
from sageyard.resources.family import Family
from sageyard.resources.operations import Function
from sageyard.resources.spec import Context, Document, Hooks


class ModelHooks(Hooks):
    """A model is refused where its artefact does not exist, as AWS does; nothing runs until it is deployed."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects

    async def prepare(self, request: Document, context: Context) -> Document:
        for container in [request.get("PrimaryContainer"), *request.get("Containers", [])]:
            if container is not None and (uri := container.get("ModelDataUrl")):
                await asyncio.to_thread(self._check_data, uri, container.get("Mode") == "MultiModel")
            if container is not None and (package := container.get("ModelPackageName")):
                await self._check_package(package, context)
        if "PrimaryContainer" not in request and "Containers" not in request:
            raise ValidationError("A model needs a PrimaryContainer, or Containers for an inference pipeline.")
        return request

    async def _check_package(self, name: str, context: Context) -> None:
        """A versioned package must be Approved to be deployed (API reference, CreateModelPackage)."""
        package = await context.api.call("DescribeModelPackage", {"ModelPackageName": name}, region=context.region)
        approval = package.get("ModelApprovalStatus")
        if "ModelPackageVersion" in package and approval != "Approved":
            raise ValidationError(
                f"Cannot create a model from ModelPackage {package['ModelPackageArn']}, whose ModelApprovalStatus is "
                f"{approval}: approve it with UpdateModelPackage first."
            )

    def _check_data(self, uri: str, prefix: bool) -> None:
        try:
            bucket, key = split_s3_uri(uri)
            if prefix:
                self.objects.list(bucket, key)
            else:
                self.objects.path(bucket, key)
        except (ObjectNotFoundError, ValueError):
            raise ValidationError(
                f"Could not find model data at {uri}. Please ensure that the object exists, then create the model."
            ) from None


class EndpointConfigHooks(Hooks):
    """Variants without a model host inference components: all of a configuration's, or none."""

    async def prepare(self, request: Document, context: Context) -> Document:
        variants = request["ProductionVariants"]
        bare = [variant["VariantName"] for variant in variants if not variant.get("ModelName")]
        if not bare:
            return request
        name, listed = request["EndpointConfigName"], ", ".join(bare)
        if len(bare) < len(variants):
            raise ValidationError(
                f"Production variants {listed} of {name} name no model and others do: an endpoint hosts models or "
                "inference components."
            )
        if not request.get("ExecutionRoleArn"):
            raise ValidationError(
                f"Production variants {listed} of {name} name no model: give them a ModelName, or the configuration "
                "an ExecutionRoleArn, to host inference components."
            )
        if any("ServerlessConfig" in variant for variant in variants) or "ExplainerConfig" in request:
            raise ValidationError(
                f"Production variants {listed} of {name} name no model: ServerlessConfig and ExplainerConfig need one."
            )
        return request


def family(model_hooks: Hooks, endpoint_hooks: Hooks, update_weights_and_capacities: Function) -> Family:
    """Model, EndpointConfig and Endpoint."""
    return Family(
        overrides={
            "Model": {"hooks": model_hooks, "grade": "runs"},
            "EndpointConfig": {"hooks": EndpointConfigHooks(), "grade": "runs"},
            "Endpoint": {
                "delete_status": "Deleting",
                "in_use_code": "ValidationException",
                "in_use": "Cannot delete endpoint with inference component associated. Please delete inference "
                "component and try it again.",
                "hooks": endpoint_hooks,
                "grade": "runs",
            },
        },
        functions={"UpdateEndpointWeightsAndCapacities": (update_weights_and_capacities, "runs")},
    )
