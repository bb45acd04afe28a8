"""The Lineage step: entities first, then the associations between them."""

from sageyard.pipelines.steps.base import StepRun, StepType
from sageyard.resources.spec import Document

KINDS = ("Action", "Artifact", "Context")


class Lineage(StepType):
    """CreateAction, CreateArtifact, CreateContext and AddAssociation; properties are ARNs by entity name."""

    type = "Lineage"

    async def start(self, run: StepRun) -> None:
        made: Document = dict(run.notes.get("made", {}))
        for kind in KINDS:
            arns = made.setdefault(f"{kind}Arns", {})
            for entity in run.arguments.get(f"{kind}s", []):
                name = entity[f"{kind}Name"]
                if name not in arns:
                    arns[name] = await run.made(kind, name, entity)
                    run.remember({"made": made})
        added = made.setdefault("Associations", [])
        for association in run.arguments.get("Associations", [])[len(added) :]:
            source, destination = (self._arn(made, association[end]) for end in ("Source", "Destination"))
            request = {"SourceArn": source, "DestinationArn": destination}
            if "AssociationType" in association:
                request["AssociationType"] = association["AssociationType"]
            await run.call("AddAssociation", request)
            added.append({"SourceArn": source, "DestinationArn": destination})
            run.remember({"made": made})
        run.save_metadata({"Lineage": made})

    async def finish(self, run: StepRun) -> Document:
        made: Document = run.notes["made"]
        return made

    def _arn(self, made: Document, reference: Document) -> str:
        return str(reference.get("Arn") or made[f"{reference['Type']}Arns"][reference["Name"]])
