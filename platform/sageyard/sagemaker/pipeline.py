"""Pipelines and their numbered versions with aliases.

Every change of the definition makes a version (UpdatePipeline's documentation); role, description and parallelism are
the pipeline's own. A definition that AWS cannot read is refused in the words that aws/sagemaker-python-sdk #2345 and
#3908 show.
"""

import asyncio

from sageyard.cloud import Cloud, ObjectNotFoundError, Objects
from sageyard.errors import ConflictError, ResourceNotFoundError, ValidationError
from sageyard.pipelines.definition import UNREADABLE, read
from sageyard.pipelines.hooks import TYPES
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, Hooks, Resource, ResourceSpec
from sageyard.sagemaker.listing import page
from sageyard.sagemaker.versions import Versions
from sageyard.store.resources import Row

PIPELINE = "Pipeline"
VERSION = "PipelineVersion"
MAX_DEFINITION = 1_048_576
"""Characters, as PipelineDefinition's shape in the service model has it."""
MAX_ALIASES = 10


class PipelineHooks(Hooks):
    """A pipeline is made with its version 1."""

    def __init__(self, versions: Versions, objects: Objects) -> None:
        self.versions = versions
        self.objects = objects

    async def prepare(self, request: Document, context: Context) -> Document:
        definition = await definition_of(request, self.objects)
        if definition is None:
            raise ValidationError("Give a PipelineDefinition or a PipelineDefinitionS3Location.")
        aliases = checked_aliases(request.get("PipelineVersionAliases", []))
        kept = {name: value for name, value in request.items() if name not in {"PipelineDefinitionS3Location"}}
        return {"PipelineDisplayName": request["PipelineName"]} | kept | {
            "PipelineDefinition": definition, "PipelineVersionAliases": aliases, "PipelineVersionId": 1,
            "CreatedBy": {}, "LastModifiedBy": {},
        }  # fmt: skip

    def created(self, resource: Resource) -> None:
        """The definition, up to a megabyte, is the version's: a listing of pipelines does not read it."""
        made = resource.document
        self.versions.add(resource, 1, version_of(1, made["PipelineDefinition"], made["PipelineVersionAliases"]))
        resource.save(PipelineDefinition=None, PipelineVersionAliases=None, ClientRequestToken=None)


class VersionHooks(Hooks):
    """A version is shown with its pipeline's ARN."""

    def describe(self, resource: Resource, document: Document) -> Document:
        return self.summarize(resource, document)

    def summarize(self, resource: Resource, document: Document) -> Document:
        return document | {"PipelineArn": document["PipelineArn"].rpartition("/")[0]}


class Pipelines:
    """Operations on pipelines and their versions."""

    def __init__(self, engine: Engine, versions: Versions, objects: Objects) -> None:
        self.engine = engine
        self.versions = versions
        self.objects = objects

    async def describe(self, request: Document, context: Context) -> Document:
        """DescribePipeline: by version id or alias, the latest version where neither is given."""
        pipeline = self.versions.owner(request["PipelineName"], context)
        number, alias = request.get("PipelineVersionId"), request.get("PipelineVersionAlias")
        if number is not None and alias is not None:
            raise ValidationError(
                "PipelineVersionId and PipelineVersionAlias cannot be given together: choose one of them."
            )
        document = pipeline.document
        if alias is not None:
            version = self._named(pipeline, alias)
        else:
            version = self._numbered(pipeline, document["PipelineVersionId"] if number is None else number)
        own = {name: value for name, value in version.document.items() if name not in document}
        return document | own

    async def update(self, request: Document, context: Context) -> Document:
        """UpdatePipeline; answers the id of the version that the pipeline now has."""
        members = dict(request)
        definition = await definition_of(request, self.objects)
        pipeline = self.versions.owner(members.pop("PipelineName"), context)
        members.pop("PipelineDefinition", None)
        members.pop("PipelineDefinitionS3Location", None)
        aliases = checked_aliases(members.pop("PipelineVersionAliases", []))
        number: int = pipeline.document["PipelineVersionId"]
        changed = definition not in {None, self._numbered(pipeline, number).document["PipelineDefinition"]}
        if aliases and not changed:
            raise ValidationError(
                "PipelineVersionAliases can be given only when the update changes the pipeline definition: change "
                f"those of version {number} with UpdatePipelineVersion."
            )
        self._check_free(pipeline, aliases, None)
        with self.engine.store.database.transaction():
            if changed and definition is not None:
                number += 1
                self.versions.add(pipeline, number, version_of(number, definition, aliases))
            pipeline.save(**members, PipelineVersionId=number, LastModifiedBy={})
        return {"PipelineArn": pipeline.arn, "PipelineVersionId": number}

    async def list_pipelines(self, request: Document, context: Context) -> Document:
        """ListPipelines; none is managed by AWS."""
        request = dict(request)
        if request.pop("ManagedBy", "CUSTOMER") == "AWS":
            return {"PipelineSummaries": []}
        if prefix := request.pop("PipelineNamePrefix", ""):
            request["NameContains"] = prefix  # has an index

        def wanted(row: Row) -> bool:
            return row.name.startswith(prefix)

        found = page(self.engine, PIPELINE, request, context, keep=wanted)
        return {"PipelineSummaries": found.documents, "NextToken": found.next_token}

    async def list_versions(self, request: Document, context: Context) -> Document:
        """ListPipelineVersions."""
        request = dict(request)
        pipeline = self.versions.owner(request.pop("PipelineName"), context)
        found = self.engine.select(self.engine.specs[VERSION], request, context, parent=pipeline.name)
        return {"PipelineVersionSummaries": found.documents, "NextToken": found.next_token}

    async def update_version(self, request: Document, context: Context) -> Document:
        """UpdatePipelineVersion: display name, description and aliases."""
        members = dict(request)
        pipeline = self.versions.owner(members.pop("PipelineArn"), context)
        number = members.pop("PipelineVersionId")
        version = self._numbered(pipeline, number)
        operations = members.pop("PipelineVersionAliasOperations", {})
        added, removed = operations.get("Add", []), operations.get("Remove", [])
        self._check_free(pipeline, added, version)
        present: list[str] = version.document["PipelineVersionAliases"]
        if absent := [alias for alias in removed if alias not in present]:
            raise ResourceNotFoundError(f"Version {number} of {pipeline.arn} has no alias {absent[0]!r}.")
        aliases = checked_aliases([*(alias for alias in present if alias not in removed), *added])
        version.save(**members, PipelineVersionAliases=aliases, LastModifiedBy={})
        return {"PipelineArn": pipeline.arn, "PipelineVersionId": number}

    def _numbered(self, pipeline: StoredResource, number: int) -> StoredResource:
        if (version := self.versions.get(pipeline, number)) is None:
            raise ResourceNotFoundError(f"Pipeline version {number} of '{pipeline.arn}' does not exist.")
        return version

    def _named(self, pipeline: StoredResource, alias: str) -> StoredResource:
        for version in self.versions.all(pipeline):
            if alias in version.document["PipelineVersionAliases"]:
                return version
        raise ResourceNotFoundError(f"Pipeline version with alias '{alias}' of '{pipeline.arn}' does not exist.")

    def _check_free(self, pipeline: StoredResource, aliases: list[str], own: StoredResource | None) -> None:
        """An alias is unique within the pipeline; it does not move by itself."""
        for version in self.versions.all(pipeline) if aliases else ():
            taken = [alias for alias in aliases if alias in version.document["PipelineVersionAliases"]]
            if taken and (own is None or own.name != version.name):
                raise ConflictError(
                    f"Alias '{taken[0]}' belongs to version {version.document['PipelineVersionId']} of {pipeline.arn}: "
                    "remove it there with UpdatePipelineVersion first."
                )


def version_of(number: int, definition: str, aliases: list[str]) -> Document:
    """The members of a new version."""
    return {
        "PipelineVersionId": number, "PipelineDefinition": definition, "PipelineVersionAliases": aliases,
        "CreatedBy": {}, "LastModifiedBy": {},
    }  # fmt: skip


def checked_aliases(aliases: list[str]) -> list[str]:
    """Each alias once; raises ValidationError for one of numbers only, and for more than a version can have."""
    if numbers := [alias for alias in aliases if alias.isdecimal()]:
        raise ValidationError(f"Alias {numbers[0]!r} consists of numbers only: it would be taken for a version's id.")
    once = list(dict.fromkeys(aliases))
    if len(once) > MAX_ALIASES:
        raise ValidationError(f"A pipeline version has at most {MAX_ALIASES} aliases, not {len(once)}.")
    return once


async def definition_of(request: Document, objects: Objects) -> str | None:
    """The definition that a request gives or points at, checked; None where it does neither."""
    text, location = request.get("PipelineDefinition"), request.get("PipelineDefinitionS3Location")
    if text is not None and location is not None:
        raise ValidationError(
            "PipelineDefinition and PipelineDefinitionS3Location cannot be given together: choose one of them."
        )
    if location is not None:
        text = await asyncio.to_thread(_read, location, objects)
    if text is not None:
        read(text, TYPES)
    return text


def _read(location: Document, objects: Objects) -> str:
    uri = f"s3://{location['Bucket']}/{location['ObjectKey']}"
    if "VersionId" in location:
        raise ValidationError(f"VersionId of {uri} is not supported: the object's latest version is read without it.")
    try:
        content = objects.read(location["Bucket"], location["ObjectKey"])
    except ObjectNotFoundError:
        raise ValidationError(f"The pipeline definition {uri} does not exist: upload it first.") from None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValidationError(f"{UNREADABLE}{uri} is not UTF-8 text.") from None
    if len(text) > MAX_DEFINITION:
        raise ValidationError(f"{UNREADABLE}{uri} has {len(text)} characters, more than {MAX_DEFINITION}.")
    return text


def family(engine: Engine, cloud: Cloud) -> Family:
    """Pipeline and its versions."""
    versions = Versions(engine, PIPELINE, VERSION)
    pipelines = Pipelines(engine, versions, cloud.objects)
    return Family(
        overrides={PIPELINE: {"hooks": PipelineHooks(versions, cloud.objects), "grade": "runs"}},
        added=(
            ResourceSpec(
                kind=VERSION,
                identity=("PipelineName", "PipelineVersionId"),
                arn_member="PipelineArn",
                arn_noun="pipeline",
                noun="pipeline version",
                parent_member="PipelineName",
                parent_kind=PIPELINE,
                orphans="delete",
                hooks=VersionHooks(),
                grade="runs",
            ),
        ),
        functions={
            "DescribePipeline": (pipelines.describe, "runs"),
            "UpdatePipeline": (pipelines.update, "runs"),
            "ListPipelines": (pipelines.list_pipelines, "runs"),
            "ListPipelineVersions": (pipelines.list_versions, "runs"),
            "UpdatePipelineVersion": (pipelines.update_version, "runs"),
        },
    )
