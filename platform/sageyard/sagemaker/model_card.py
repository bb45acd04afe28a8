"""Model cards: every change of the content makes a version, a change of the status does not.

Source: "Amazon SageMaker Model Cards" (Developer Guide) and the operations' own documentation. The row of a card is the
card as it is now, which List and Search show; the rows CARD/NUMBER are its versions.
"""

from sageyard.cloud import Cloud
from sageyard.errors import ResourceNotFoundError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, Hooks, Resource, ResourceSpec
from sageyard.sagemaker.listing import page
from sageyard.sagemaker.model_card_content import metadata_only, parsed, searched
from sageyard.sagemaker.model_card_export import JOB, ExportHooks
from sageyard.sagemaker.versions import Versions
from sageyard.store.resources import Row

CARD = "ModelCard"
VERSION = "ModelCardVersion"
VERSIONED = ("ModelCardName", "ModelCardVersion", "Content", "ModelId", "RiskRating", "ModelPackageGroupName")
"""What a version has of its own."""


class CardHooks(Hooks):
    """A card is made with its version 1; content that is not of the schema is refused."""

    def __init__(self, versions: Versions) -> None:
        self.versions = versions

    async def prepare(self, request: Document, context: Context) -> Document:
        return request | _version(request["ModelCardName"], 1, request["Content"]) | {"CreatedBy": {}}

    def created(self, resource: Resource) -> None:
        card = resource.document
        self.versions.add(resource, 1, {name: card[name] for name in VERSIONED if name in card}, resource.status)


class VersionHooks(Hooks):
    """A version is shown with its card's ARN."""

    def summarize(self, resource: Resource, document: Document) -> Document:
        return document | {"ModelCardArn": document["ModelCardArn"].rpartition("/")[0]}


class ModelCards:
    """Operations on cards, their versions and their exports."""

    def __init__(self, engine: Engine, versions: Versions) -> None:
        self.engine = engine
        self.versions = versions

    async def describe(self, request: Document, context: Context) -> Document:
        """DescribeModelCard: a version, the latest where none is named."""
        card = self.versions.owner(request["ModelCardName"], context)
        version = self.version(card, request.get("ModelCardVersion"))
        shown = card.document | version.document | {"ModelCardArn": card.arn}
        shown["CreationTime"] = card.document["CreationTime"]
        if request.get("IncludedData") == "MetadataOnly":
            shown["Content"] = metadata_only(shown["Content"])
        return shown

    async def update(self, request: Document, context: Context) -> Document:
        """UpdateModelCard: content makes a new version, a status changes the latest one."""
        card = self.versions.owner(request["ModelCardName"], context)
        content, status = request.get("Content"), request.get("ModelCardStatus")
        if content is not None and status is not None:
            raise ValidationError(
                "You cannot update both model card content and model card status in a single call: update them in "
                "two calls."
            )
        with self.engine.store.database.transaction():
            if content is not None:
                self._update_content(card, content)
            elif status is not None:
                self.version(card, None).save(status=status)
                card.save(status=status, LastModifiedBy={})
        return {"ModelCardArn": card.arn}

    def _update_content(self, card: StoredResource, content: str) -> None:
        if card.status == "Archived":
            raise ValidationError(
                f"Model Card is in Archived state: {card.arn} can be exported, but its content cannot be updated."
            )
        version = _version(card.name, card.document["ModelCardVersion"] + 1, content)
        self.versions.add(card, version["ModelCardVersion"], version, card.status)
        card.save(**version, LastModifiedBy={})

    async def list_versions(self, request: Document, context: Context) -> Document:
        """ListModelCardVersions."""
        request = dict(request)
        card = self.versions.owner(request.pop("ModelCardName"), context)
        request.pop("SortBy", None)  # by version, which is by creation
        found = self.engine.select(self.engine.specs[VERSION], request, context, parent=card.name)
        return {"ModelCardVersionSummaryList": found.documents, "NextToken": found.next_token}

    async def delete(self, request: Document, context: Context) -> Document:
        """DeleteModelCard: the card, its versions, and the records of its export jobs; PDF files stay in S3."""
        card = self.versions.owner(request["ModelCardName"], context)
        jobs = Versions(self.engine, CARD, JOB)
        with self.engine.store.database.transaction():
            for job in jobs.all(card):
                job.remove()
            self.versions.delete(card)
        return {}

    async def export(self, request: Document, context: Context) -> Document:
        """CreateModelCardExportJob."""
        request = dict(request)
        card = self.versions.owner(request["ModelCardName"], context)
        version = self.version(card, request.get("ModelCardVersion")).document["ModelCardVersion"]
        request |= {"ModelCardName": card.name, "ModelCardVersion": version}
        answer = await self.engine.create(self.engine.specs[JOB], request, context)
        return {"ModelCardExportJobArn": answer["ModelCardExportJobArn"]}

    async def list_jobs(self, request: Document, context: Context) -> Document:
        """ListModelCardExportJobs of a card, which need not exist: its documentation declares no error."""
        request = dict(request)
        part = request.pop("ModelCardExportJobNameContains", "").lower()

        def named(row: Row) -> bool:
            return part in row.document["ModelCardExportJobName"].lower()

        parent = request.pop("ModelCardName")
        found = page(self.engine, JOB, request, context, parent=parent, keep=named)
        return {"ModelCardExportJobSummaries": found.documents, "NextToken": found.next_token}

    def version(self, card: StoredResource, number: int | None) -> StoredResource:
        """A version of a card, the latest for None; raises ResourceNotFound."""
        number = card.document["ModelCardVersion"] if number is None else number
        if (version := self.versions.get(card, number)) is None:
            raise ResourceNotFoundError(
                f"Modelcard with name {card.name} and version: {number} does not exist: ListModelCardVersions names "
                "those that do."
            )
        return version


def _version(name: str, number: int, content: str) -> Document:
    """The members of a version, checked."""
    found = searched(parsed(content))
    return {"ModelCardName": name, "ModelCardVersion": number, "Content": content, **found}


def family(engine: Engine, cloud: Cloud) -> Family:
    """ModelCard, its versions and ModelCardExportJob."""
    versions = Versions(engine, CARD, VERSION)
    cards = ModelCards(engine, versions)
    statuses = engine.specs[CARD].statuses
    return Family(
        overrides={
            CARD: {"hooks": CardHooks(versions), "grade": "runs"},
            JOB: {
                "arn_noun": "model-card",
                "not_found": "Model card export job {arn} does not exist.",
                "exists": "Model card export job {arn} already exists: choose another ModelCardExportJobName.",
                "parent_member": "ModelCardName",
                "hooks": ExportHooks(engine, cloud.objects),
                "grade": "runs",
            },
        },
        added=(
            ResourceSpec(
                kind=VERSION,
                identity=("ModelCardName", "ModelCardVersion"),
                arn_member="ModelCardArn",
                arn_noun="model-card",
                noun="model card version",
                status_member="ModelCardStatus",
                statuses=statuses,
                settled=statuses,
                hooks=VersionHooks(),
                grade="runs",
            ),
        ),
        functions={
            "DescribeModelCard": (cards.describe, "runs"),
            "UpdateModelCard": (cards.update, "runs"),
            "DeleteModelCard": (cards.delete, "runs"),
            "ListModelCardVersions": (cards.list_versions, "runs"),
            "CreateModelCardExportJob": (cards.export, "runs"),
            "ListModelCardExportJobs": (cards.list_jobs, "runs"),
        },
    )
