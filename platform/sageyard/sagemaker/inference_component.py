"""Inference components: records. An endpoint's variants serve models, so a component does not come into service."""

from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document, Resource
from sageyard.resources.timed import TimedHooks

KIND = "InferenceComponent"


class InferenceComponentHooks(TimedHooks):
    """Belongs to an endpoint; has copies that are wanted and none that runs."""

    fails = True

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def prepare(self, request: Document, context: Context) -> Document:
        endpoint = self.engine.find(self.engine.specs["Endpoint"], request, context.region)
        return {"VariantName": "AllTraffic"} | request | {"EndpointArn": endpoint.arn}

    def describe(self, resource: Resource, document: Document) -> Document:
        wanted = document.get("RuntimeConfig", {}).get("CopyCount", 1)
        return document | {"RuntimeConfig": {"DesiredCopyCount": wanted, "CurrentCopyCount": 0}}


def family(engine: Engine) -> Family:
    """InferenceComponent."""

    async def update_runtime(request: Document, context: Context) -> Document:
        """UpdateInferenceComponentRuntimeConfig."""
        members = {"RuntimeConfig": request["DesiredRuntimeConfig"]}
        identity = {"InferenceComponentName": request["InferenceComponentName"]}
        return await engine.update(engine.specs[KIND], identity | members, context)

    return Family(
        overrides={KIND: {"hooks": InferenceComponentHooks(engine)}},
        functions={"UpdateInferenceComponentRuntimeConfig": (update_runtime, "stored only")},
    )
