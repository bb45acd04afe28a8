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
        if "calling" not in run.notes or not self._called(run, name):
            exists = run.engine.resource(self.kind, run.region, name) is not None
            operation = f"{'Update' if exists else 'Create'}{self.kind}"
            run.remember({"calling": operation})
            await run.call(operation, run.arguments)  # Tags, which no Update has, are dropped by validation
        run.remember({"name": name})
        described = await run.call(f"Describe{self.kind}", {f"{self.kind}Name": name})
        run.save_metadata({self.kind: {"Arn": described[f"{self.kind}Arn"]}})

    def _called(self, run: StepRun, name: str) -> bool:
        """Whether the call that a server before this one was about to make has been made."""
        row = run.engine.resource(self.kind, run.region, name)
        if row is None or run.notes["calling"].startswith("Create"):
            return row is not None
        return row.status == "Updating" or self._same(row.document, run.arguments)

    def _same(self, document: Document, arguments: Document) -> bool:
        return bool(document["EndpointConfigName"] == arguments["EndpointConfigName"])

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

    def _same(self, document: Document, arguments: Document) -> bool:
        return all(document.get(name) == value for name, value in arguments.items() if name != "Tags")
