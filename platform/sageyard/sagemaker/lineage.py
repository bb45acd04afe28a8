"""Lineage: artifacts, contexts and actions, and the associations between them.

An association leads from what contributed to what came of it. Its ends are vertices: artifacts, contexts, actions,
trial components and experiments. What a vertex is made of is in `lineage_query`.
"""

import hashlib
import json
from typing import Any

from sageyard.errors import ResourceNotFoundError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.operations import Function
from sageyard.resources.query import PAGE
from sageyard.resources.spec import Context, Document, Hooks, Resource
from sageyard.resources.tokens import invalid, seal, unseal
from sageyard.sagemaker.lineage_group import default_group_arn
from sageyard.sagemaker.lineage_query import LineageQuery, Vertex, vertex
from sageyard.store.associations import SORT_COLUMNS, Association, AssociationExistsError, Associations
from sageyard.store.lineage_sources import LineageSources

UNIQUE = "{kind} names must be unique within an AWS account and region. {kind} with name ({{name}}) already exists."
FILTERS = {"SourceArn": "source", "DestinationArn": "destination", "SourceType": "source_type",
           "DestinationType": "destination_type", "AssociationType": "type"}  # fmt: skip


class VertexHooks(Hooks):
    """A context or an action. It cannot be deleted while associations hang on it (`disassociate=True` of the SDKs)."""

    def __init__(self, associations: Associations) -> None:
        self.associations = associations

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        """Properties overwrite the current ones (UpdateArtifact's documentation); then the named ones go."""
        removed = request.pop("PropertiesToRemove", [])
        properties: Document = (resource.document | request).get("Properties") or {}
        return request | {"Properties": {key: value for key, value in properties.items() if key not in removed}}

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        if count := self.associations.count_of(resource.arn):
            raise ValidationError(
                f"{resource.kind} '{resource.arn}' has {count} association(s) and cannot be deleted: remove them with "
                "DeleteAssociation first."
            )

    def describe(self, resource: Resource, document: Document) -> Document:
        _, _, _, region, account_id, _ = resource.arn.split(":", 5)
        return document | {"LineageGroupArn": default_group_arn(region, account_id)}


class ArtifactHooks(VertexHooks):
    """An artifact is its source: two of one source are the same artifact, and the second is refused."""

    def identify(self, request: Document) -> str | None:
        return artifact_id(request["Source"])


def artifact_id(source: Document) -> str:
    """The last part of an artifact's ARN: 32 hexadecimal digits of its URI and source types."""
    types = sorted((entry["SourceIdType"], entry["Value"]) for entry in source.get("SourceTypes", []))
    return hashlib.sha256(json.dumps([source["SourceUri"], types]).encode()).hexdigest()[:32]


class AssociationOperations:
    """AddAssociation, DeleteAssociation, ListAssociations."""

    def __init__(self, engine: Engine, associations: Associations) -> None:
        self.engine = engine
        self.associations = associations

    async def add(self, request: Document, context: Context) -> Document:
        """Two experiment entities cannot be associated (aws/sagemaker-experiments #157)."""
        source, destination = self._vertex(request["SourceArn"]), self._vertex(request["DestinationArn"])
        if not {source.lineage_type, destination.lineage_type} & {"Artifact", "Context", "Action"}:
            raise ValidationError(
                f"'{source.arn}' and '{destination.arn}' are both experiment entities: associate an artifact, a "
                "context or an action with either instead."
            )
        edge = Association(
            context.region, source.arn, destination.arn, request.get("AssociationType", ""), source.type,
            destination.type, context.now,
        )  # fmt: skip
        try:
            self.associations.insert(edge)
        except AssociationExistsError:
            raise ValidationError(f"Association from '{source.arn}' to '{destination.arn}' already exists.") from None
        return {"SourceArn": source.arn, "DestinationArn": destination.arn}

    async def delete(self, request: Document, context: Context) -> Document:
        source, destination = request["SourceArn"], request["DestinationArn"]
        if not self.associations.delete(source, destination):
            raise ResourceNotFoundError(f"Association from '{source}' to '{destination}' does not exist.")
        return {"SourceArn": source, "DestinationArn": destination}

    async def list(self, request: Document, context: Context) -> Document:
        sort_by = request.get("SortBy", "CreationTime")
        descending = request.get("SortOrder", "Descending") == "Descending"
        after = None
        if token := request.get("NextToken"):
            sort_by, descending, value, last = unseal(token, 4)
            if not isinstance(sort_by, str) or sort_by not in SORT_COLUMNS or not isinstance(last, int):
                raise invalid(token)
            after = (value, last)
        limit = int(request.get("MaxResults", PAGE))
        edges = self.associations.select(
            context.region,
            equal={column: request[name] for name, column in FILTERS.items() if name in request},
            created_after=request.get("CreatedAfter"),
            created_before=request.get("CreatedBefore"),
            sort_by=sort_by,
            descending=bool(descending),
            after=after,
            limit=limit + 1,
        )
        page, token = edges[:limit], None
        if len(edges) > limit:
            token = seal(sort_by, descending, getattr(page[-1], SORT_COLUMNS[sort_by]), page[-1].id)
        return {"AssociationSummaries": [self._summary(edge) for edge in page], "NextToken": token}

    def _vertex(self, arn: str) -> Vertex:
        if (found := vertex(self.engine, arn)) is None:
            raise ResourceNotFoundError(f"Could not find lineage entity '{arn}': create it before it is associated.")
        return found

    def _summary(self, edge: Association) -> Document:
        source, destination = vertex(self.engine, edge.source), vertex(self.engine, edge.destination)
        return {
            "SourceArn": edge.source,
            "DestinationArn": edge.destination,
            "SourceType": edge.source_type or None,
            "DestinationType": edge.destination_type or None,
            "AssociationType": edge.type or None,
            "SourceName": source and source.name,
            "DestinationName": destination and destination.name,
            "CreationTime": edge.created,
        }


def family(engine: Engine) -> Family:
    """'already exists' in a ValidationException is what the SDKs look up the existing one upon."""
    associations = Associations(engine.store.database)
    edges = AssociationOperations(engine, associations)
    query = LineageQuery(engine, associations)
    sources = LineageSources(engine.store.database)

    async def delete_artifact(request: Document, context: Context) -> Document:
        spec = engine.specs["Artifact"]
        if "ArtifactArn" not in request:
            if "Source" not in request:
                raise ValidationError("DeleteArtifact needs either ArtifactArn or Source to know which artifact.")
            request = {"ArtifactArn": engine.arn(spec, context.region, [artifact_id(request["Source"])])}
        return await engine.delete(spec, request, context)

    def lister(kind: str) -> Function:
        """Lists one kind; those of a source are found by index."""

        async def answer(request: Document, context: Context) -> Document:
            request, among = dict(request), None
            if uri := request.pop("SourceUri", None):
                among = sources.arns(kind, uri)
            page = engine.select(engine.specs[kind], request, context, among=among)
            return {f"{kind}Summaries": page.documents, "NextToken": page.next_token}

        return answer

    def vertices(kind: str, hooks: Hooks, exists: str) -> dict[str, Any]:
        return {
            "not_found": kind + " '{arn}' does not exist.",
            "exists": exists,
            "hooks": hooks,
            "grade": "runs",
        }

    named = VertexHooks(associations)
    return Family(
        overrides={
            "Artifact": vertices(
                "Artifact", ArtifactHooks(associations), "Artifact '{arn}' with the same source already exists."
            ),
            "Context": vertices("Context", named, UNIQUE.format(kind="Context")),
            "Action": vertices("Action", named, UNIQUE.format(kind="Action")) | {"initial_status": "Unknown"},
        },
        functions={
            "DeleteArtifact": (delete_artifact, "runs"),
            "ListArtifacts": (lister("Artifact"), "runs"),
            "ListContexts": (lister("Context"), "runs"),
            "ListActions": (lister("Action"), "runs"),
            "AddAssociation": (edges.add, "runs"),
            "DeleteAssociation": (edges.delete, "runs"),
            "ListAssociations": (edges.list, "runs"),
            "QueryLineage": (query.answer, "runs"),
        },
    )
