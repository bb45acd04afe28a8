"""Writes lineage that nobody asked for: vertices and associations that are there already are reused."""

from typing import NamedTuple

from sageyard.resources.engine import Engine
from sageyard.resources.spec import Document
from sageyard.sagemaker.lineage import artifact_id
from sageyard.store.associations import Association, Associations


class End(NamedTuple):
    """One end of an association: a vertex's ARN and what it is (`DataSet`, `TrainingJob`)."""

    arn: str
    type: str


class LineageGraph:
    """The graph of one engine. Callers bring a transaction along."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.associations = Associations(engine.store.database)

    def artifact(self, region: str, uri: str, kind: str) -> End:
        """The artifact that stands for a URI; the first one to write it says what type it is of."""
        source: Document = {"SourceUri": uri}
        document: Document = {"Source": source, "ArtifactType": kind}
        if kind == "Model" and not uri.startswith("arn:"):
            document["ArtifactName"] = uri.rstrip("/").rpartition("/")[2]
        return self._end("Artifact", region, artifact_id(source), document, status="")

    def context(self, region: str, name: str, kind: str, source_arn: str) -> End:
        """The context that stands for a resource."""
        document = {"ContextName": name, "ContextType": kind, "Source": {"SourceUri": source_arn, "SourceType": "ARN"}}
        return self._end("Context", region, name, document, status="")

    def action(
        self, region: str, name: str, kind: str, source_arn: str, status: str, properties: Document | None = None
    ) -> End:
        """The action that was done to a resource; one that had an end keeps it."""
        document: Document = {
            "ActionName": name,
            "ActionType": kind,
            "Source": {"SourceUri": source_arn, "SourceType": "ARN"},
            **({"Properties": properties} if properties else {}),
        }
        handle = self.engine.resource("Action", region, name)
        if handle is not None and handle.status == "InProgress" and status != "InProgress":
            handle.save(status=status)
        return self._end("Action", region, name, document, status=status)

    def connect(self, region: str, source: End, destination: End, kind: str) -> None:
        """Associate two vertices unless they are."""
        now = self.engine.clock.now()
        edge = Association(region, source.arn, destination.arn, kind, source.type, destination.type, now)
        self.associations.ensure(edge)

    def _end(self, kind: str, region: str, name: str, document: Document, *, status: str) -> End:
        row = self.engine.store.get(kind, region, name)
        if row is not None:
            return End(row.arn, str(row.document.get(f"{kind}Type", "")))
        made = self.engine.add(kind, region, name, parent="", status=status, document=document)
        return End(made.arn, document[f"{kind}Type"])
