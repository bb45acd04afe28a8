"""Inference experiments. Records: no traffic is mirrored here, so an experiment is Cancelled and says so.

Cancelled is what AWS shows of an experiment that an operation failed for (InferenceExperimentStatus of the model).
"""

import asyncio

from sageyard.clock import Clock
from sageyard.errors import ConflictError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document, Hooks, Resource
from sageyard.resources.timed import SETTLING

KIND = "InferenceExperiment"
REASON = "Sageyard records inference experiments but does not run them."


class InferenceExperimentHooks(Hooks):
    """Variants and the endpoint are shown with their statuses."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    async def prepare(self, request: Document, context: Context) -> Document:
        endpoint = await context.api.call(
            "DescribeEndpoint", {"EndpointName": request["EndpointName"]}, region=context.region
        )
        return request | {
            "EndpointMetadata": {
                "EndpointName": request["EndpointName"],
                "EndpointConfigName": endpoint.get("EndpointConfigName"),
                "EndpointStatus": endpoint["EndpointStatus"],
            },
            "ModelVariants": _shown(request["ModelVariants"]),
        }

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        due = resource.document["CreationTime"] + SETTLING
        while (left := due - self.clock.now()) > 0:  # noqa: ASYNC110 - the clock may be moved meanwhile
            await asyncio.sleep(min(left, 0.05))
        if resource.exists and resource.status == "Creating":
            resource.save(status="Cancelled", StatusReason=REASON, CompletionTime=self.clock.now())

    def describe(self, resource: Resource, document: Document) -> Document:
        return {**document, "Arn": resource.arn}

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        """Only one that is Created or Running is changed (UpdateInferenceExperiment's documentation)."""
        require(resource, ("Created", "Running"), "updated")
        return request | ({"ModelVariants": _shown(request["ModelVariants"])} if "ModelVariants" in request else {})


def require(resource: Resource, statuses: tuple[str, ...], done: str) -> None:
    """Raise ConflictError unless the experiment has one of these statuses."""
    if resource.status not in statuses:
        raise ConflictError(
            f"Inference experiment {resource.arn} is {resource.status}: it can only be {done} while it is "
            f"{' or '.join(statuses)}."
        )


def _shown(variants: list[Document]) -> list[Document]:
    return [{**variant, "Status": "Deleted"} for variant in variants]


def family(engine: Engine) -> Family:
    """InferenceExperiment: Start and Stop have rules and members of their own."""
    spec = engine.specs[KIND]

    def named(request: Document, context: Context) -> Resource:
        row = engine.find(engine.specs[KIND], request, context.region)
        resource = engine.resource(row.kind, row.region, row.name)
        assert resource is not None
        return resource

    async def start(request: Document, context: Context) -> Document:
        resource = named(request, context)
        require(resource, ("Created",), "started")
        return {"InferenceExperimentArn": resource.arn}

    async def stop(request: Document, context: Context) -> Document:
        resource = named(request, context)
        require(resource, ("Creating", "Created", "Running"), "stopped")
        now = engine.clock.now()
        resource.save(
            status=request.get("DesiredState", "Completed"), StatusReason=request.get("Reason"), CompletionTime=now
        )
        return {"InferenceExperimentArn": resource.arn}

    settled = spec.statuses - {"Creating"}
    return Family(
        overrides={KIND: {"hooks": InferenceExperimentHooks(engine.clock), "settled": settled, "restartable": False}},
        functions={
            "StartInferenceExperiment": (start, "stored only"),
            "StopInferenceExperiment": (stop, "stored only"),
        },
    )
