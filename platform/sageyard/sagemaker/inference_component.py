"""Inference components: copies of a model's container beside a variant of an endpoint that has no model of its own."""

from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document, Hooks

KIND = "InferenceComponent"


def family(engine: Engine, hooks: Hooks) -> Family:
    """InferenceComponent, which its endpoint cannot be deleted before."""

    async def update_runtime(request: Document, context: Context) -> Document:
        """UpdateInferenceComponentRuntimeConfig."""
        members = {"RuntimeConfig": request["DesiredRuntimeConfig"]}
        identity = {"InferenceComponentName": request["InferenceComponentName"]}
        return await engine.update(engine.specs[KIND], identity | members, context)

    return Family(
        overrides={
            KIND: {
                "hooks": hooks,
                "delete_status": "Deleting",
                "parent_member": "EndpointName",
                "parent_kind": "Endpoint",
                "grade": "runs",
            }
        },
        functions={"UpdateInferenceComponentRuntimeConfig": (update_runtime, "runs")},
    )
