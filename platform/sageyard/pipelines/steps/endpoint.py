"""Steps that deploy: Endpoint, which is created or updated, and InferenceComponent."""

from typing import ClassVar

from sageyard.pipelines.steps.base import StepFailedError, StepRun, StepType
from sageyard.resources.spec import Document


class Endpoint(StepType):
    """CreateEndpoint, or UpdateEndpoint where one of that name exists."""

    type = "Endpoint"
    kind: ClassVar[str] = "Endpoint"

    async def start(self, run: StepRun) -> None:
        name = run.arguments[f"{self.kind}Name"]
        exists = run.engine.resource(self.kind, run.region, name) is not None
        if exists and not run.notes.get("called"):
            await run.call(f"Update{self.kind}", run.arguments)  # Tags, which no Update has, are dropped by validation
        elif not exists:
            await run.call(f"Create{self.kind}", run.arguments)
        run.remember({"name": name, "called": True})
        described = await run.call(f"Describe{self.kind}", {f"{self.kind}Name": name})
        run.save_metadata({self.kind: {"Arn": described[f"{self.kind}Arn"]}})

    async def finish(self, run: StepRun) -> Document:
        name = run.notes["name"]
        await run.settled(self.kind, name)
        ended = await run.call(f"Describe{self.kind}", {f"{self.kind}Name": name})
        if ended[f"{self.kind}Status"] != "InService":
            raise StepFailedError(ended.get("FailureReason") or f"{self.kind} {name} is {ended[f'{self.kind}Status']}")
        return ended


class InferenceComponent(Endpoint):
    """CreateInferenceComponent or UpdateInferenceComponent."""

    type = "InferenceComponent"
    kind = "InferenceComponent"
