"""Human loops of Amazon Augmented AI: started, listed and stopped. Nobody reviews, so a loop waits until it is stopped.

The service is sagemaker-a2i-runtime; its loops belong to SageMaker's flow definitions.
"""

from datetime import datetime

from sageyard.errors import AwsError, ConflictError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, ResourceSpec

KIND = "HumanLoop"

SPEC = ResourceSpec(
    kind=KIND,
    identity=("HumanLoopName",),
    arn_member="HumanLoopArn",
    arn_noun="human-loop",
    noun="human loop",
    status_member="HumanLoopStatus",
    statuses=frozenset({"InProgress", "Failed", "Completed", "Stopped", "Stopping"}),
    settled=frozenset({"InProgress", "Failed", "Completed", "Stopped"}),
    not_found_code="ResourceNotFoundException",
    grade="simulated",
)


def family(engine: Engine) -> Family:
    """The operations of sagemaker-a2i-runtime."""

    def check_flow(arn: str, context: Context) -> None:
        row = engine.store.by_arn(arn, "FlowDefinition")
        if row is None or row.region != context.region:
            raise ValidationError(f"Could not find flow definition {arn!r}: create it with CreateFlowDefinition first.")

    def found(request: Document, context: Context) -> StoredResource:
        return StoredResource(engine, engine.find(SPEC, request, context.region))

    async def start(request: Document, context: Context) -> Document:
        name = request["HumanLoopName"]
        check_flow(request["FlowDefinitionArn"], context)
        if engine.store.exists(KIND, context.region, name):
            raise ConflictError(f"A human loop named {name!r} exists already: give each loop a name of its own.")
        document = {member: value for member, value in request.items() if member != "DataAttributes"}
        loop = engine.add(KIND, context.region, name, parent="", status="InProgress", document=document)
        return {"HumanLoopArn": loop.arn}

    async def describe(request: Document, context: Context) -> Document:
        return found(request, context).document

    async def list_loops(request: Document, context: Context) -> Document:
        check_flow(request["FlowDefinitionArn"], context)
        page = engine.select(SPEC, _seconds(request), context)
        return {"HumanLoopSummaries": page.documents, "NextToken": page.next_token}

    async def stop(request: Document, context: Context) -> Document:
        loop = found(request, context)
        if loop.status != "InProgress":
            raise ValidationError(
                f"Human loop {loop.arn} is {loop.status}: only one that is InProgress can be stopped."
            )
        loop.save(status="Stopped")
        return {}

    async def delete(request: Document, context: Context) -> Document:
        found(request, context).remove()
        return {}

    functions = {
        "StartHumanLoop": start, "DescribeHumanLoop": describe, "ListHumanLoops": list_loops, "StopHumanLoop": stop,
        "DeleteHumanLoop": delete,
    }  # fmt: skip
    return Family(
        added=(SPEC,),
        runtime={"sagemaker-a2i-runtime": {name: (function, "simulated") for name, function in functions.items()}},
    )


def _seconds(request: Document) -> Document:
    """Times travel in the query as ISO 8601."""
    request = dict(request)
    for member in ("CreationTimeAfter", "CreationTimeBefore"):
        if isinstance(request.get(member), str):
            try:
                request[member] = datetime.fromisoformat(request[member]).timestamp()
            except ValueError:
                raise AwsError(f"{member} {request[member]!r} is no time such as 2026-01-31T12:00:00Z.") from None
    return request
