"""Private hubs and their contents: models, notebooks and references to models of the public hub.

The row HUB/TYPE/NAME is a content as its latest version shows it, and has the tags (Terraform's provider lists them by
the ARN without a version); the rows HUB/TYPE/NAME/VERSION are its versions. Importing copies nothing, so contents are
Available at once. The public hub, SageMakerPublicHub, is not on this machine.
"""

import json

from sageyard.cloud import Cloud, Objects
from sageyard.errors import ResourceInUseError, ResourceNotFoundError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.query import Page
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, Hooks, Resource, ResourceSpec
from sageyard.resources.timed import TimedHooks
from sageyard.sagemaker.hub_content_files import HubContentFiles
from sageyard.sagemaker.listing import page
from sageyard.store.resources import Row, Selection

HUB = "Hub"
CONTENT = "HubContent"
VERSION = "HubContentVersion"
REFERENCE = "ModelReference"
FIRST = "1.0.0"
"""The version of a content that is imported without one, and of a reference without a MinVersion."""
STATUSES = frozenset(
    {"Available", "Importing", "Deleting", "ImportFailed", "DeleteFailed", "PendingImport", "PendingDelete"}
)


class HubHooks(TimedHooks):
    """A hub says who made it."""

    async def prepare(self, request: Document, context: Context) -> Document:
        return request | {"CreatedBy": {}, "LastModifiedBy": {}}


class ContentHooks(Hooks):
    """A content, as Search shows it, has the ARN of its latest version."""

    def describe(self, resource: Resource, document: Document) -> Document:
        return self.summarize(resource, document)

    def summarize(self, resource: Resource, document: Document) -> Document:
        arn = f"{document['HubContentArn']}/{document['HubContentVersion']}"
        return document | {"HubContentArn": arn, "OriginalCreationTime": document["CreationTime"]}


class Hubs:
    """Operations on the contents of hubs."""

    def __init__(self, engine: Engine, objects: Objects, endpoint_url: str) -> None:
        self.engine = engine
        self.files = HubContentFiles(objects, endpoint_url)

    async def import_content(self, request: Document, context: Context) -> Document:
        """ImportHubContent: a content, or a further version of it; without a HubContentVersion the one after the
        latest."""
        request = dict(request)
        if request["HubContentType"] == REFERENCE:
            raise ValidationError("A ModelReference is not imported: create it with CreateHubContentReference.")
        _check_document(request["HubContentDocument"])
        hub = self._hub(request.pop("HubName"), context)
        content = self._found(hub, request)
        version = request.setdefault("HubContentVersion", _next(content))
        present = self._version_row(hub, request, version)
        if present is not None:
            raise ResourceInUseError(f"Hub content {present.arn} already exists: import it with another version.")
        return self._store(hub, content, {"SupportStatus": "Supported"} | request, context)

    async def create_reference(self, request: Document, context: Context) -> Document:
        """CreateHubContentReference."""
        hub = self._hub(request["HubName"], context)
        public = request["SageMakerPublicHubContentArn"]
        name = request.get("HubContentName", public.rpartition("/")[2])
        document = {
            "HubContentType": REFERENCE, "HubContentName": name, "HubContentVersion": request.get("MinVersion", FIRST),
            "DocumentSchemaVersion": FIRST, "HubContentDocument": "{}", "SageMakerPublicHubContentArn": public,
            "ReferenceMinVersion": request.get("MinVersion"), "SupportStatus": "Supported",
            "Tags": request.get("Tags", []),
        }  # fmt: skip
        if (present := self._found(hub, document)) is not None:
            raise ResourceInUseError(f"Hub content reference {present.arn} already exists in hub {hub.name}.")
        return self._store(hub, None, document, context)

    def _store(
        self, hub: StoredResource, content: StoredResource | None, document: Document, context: Context
    ) -> Document:
        """Write a new version and the content that it is the latest of, in one transaction."""
        document = {"HubName": hub.name, "HubArn": hub.arn, "CreatedBy": {}, "LastModifiedBy": {}, **document}
        tags = document.pop("Tags", [])
        name = "/".join((hub.name, document["HubContentType"], document["HubContentName"]))
        document = {key: value for key, value in document.items() if value is not None}
        with self.engine.store.database.transaction():
            if content is None:
                content = self.engine.add(
                    CONTENT, hub.region, name, parent=hub.name, status="Available", document=document
                )
                self.engine.store.add_tags(content.arn, [(tag["Key"], tag["Value"]) for tag in tags])
            elif document["HubContentType"] == REFERENCE or not _newer(content, document["HubContentVersion"]):
                _replace(content, document)
            version = self.engine.add(
                VERSION, hub.region, f"{name}/{document['HubContentVersion']}", parent=name, status="Available",
                document=document,
            )  # fmt: skip
        return {"HubArn": hub.arn, "HubContentArn": version.arn}

    async def describe(self, request: Document, context: Context) -> Document:
        """DescribeHubContent: a version, the latest where none is named."""
        return self._version(self._hub(request["HubName"], context), request).document

    async def list_contents(self, request: Document, context: Context) -> Document:
        """ListHubContents: each at its latest version."""
        request = dict(request)
        hub = self._hub(request.pop("HubName"), context)
        part, schema = request.pop("NameContains", "").lower(), request.pop("MaxSchemaVersion", None)

        def wanted(row: Row) -> bool:
            return part in row.document["HubContentName"].lower() and _at_most(row, schema)

        return _summaries(page(self.engine, CONTENT, request, context, parent=hub.name, keep=wanted))

    async def list_versions(self, request: Document, context: Context) -> Document:
        """ListHubContentVersions."""
        request = dict(request)
        hub = self._hub(request.pop("HubName"), context)
        content = self._content(hub, request)
        least, schema = request.pop("MinVersion", None), request.pop("MaxSchemaVersion", None)

        def wanted(row: Row) -> bool:
            new = least is None or numbers(row.document["HubContentVersion"]) >= numbers(least)
            return new and _at_most(row, schema)

        return _summaries(page(self.engine, VERSION, request, context, parent=content.name, keep=wanted))

    async def update(self, request: Document, context: Context) -> Document:
        """UpdateHubContent: what describes a version, by at least one member."""
        if request["HubContentType"] == REFERENCE:
            raise ValidationError("A ModelReference is not updated so: use UpdateHubContentReference.")
        hub = self._hub(request["HubName"], context)
        content, version = self._content(hub, request), self._version(hub, request)
        own = ("HubName", "HubContentType", "HubContentName", "HubContentVersion")
        members = {name: value for name, value in request.items() if name not in own}
        if not members:
            raise ValidationError(
                "Nothing to update: give at least one of HubContentDescription, HubContentDisplayName, "
                "HubContentMarkdown, HubContentSearchKeywords and SupportStatus."
            )
        with self.engine.store.database.transaction():
            version.save(**members, LastModifiedBy={})
            if content.document["HubContentVersion"] == request["HubContentVersion"]:
                content.save(**members, LastModifiedBy={})
        return {"HubArn": hub.arn, "HubContentArn": version.arn}

    async def update_reference(self, request: Document, context: Context) -> Document:
        """UpdateHubContentReference: its MinVersion, which is the version that the reference shows."""
        _check_reference(request)
        hub = self._hub(request["HubName"], context)
        content, version = self._content(hub, request), self._version(hub, request)
        least = request.get("MinVersion")
        if least is None or least == content.document["HubContentVersion"]:
            return {"HubArn": hub.arn, "HubContentArn": version.arn}
        document = version.document | {"HubContentVersion": least, "ReferenceMinVersion": least}
        with self.engine.store.database.transaction():
            version.remove()
            return self._store(hub, content, _storable(document), context)

    async def delete(self, request: Document, context: Context) -> Document:
        """DeleteHubContent: one version; the content goes with its last one."""
        if request["HubContentType"] == REFERENCE:
            raise ValidationError("A ModelReference is not deleted so: use DeleteHubContentReference.")
        hub = self._hub(request["HubName"], context)
        content, version = self._content(hub, request), self._version(hub, request)
        with self.engine.store.database.transaction():
            version.remove()
            left = self._versions(content)
            if not left:
                content.remove()
            elif content.document["HubContentVersion"] == request["HubContentVersion"]:
                _replace(content, max(left, key=lambda row: numbers(row.document["HubContentVersion"])).document)
        return {}

    async def delete_reference(self, request: Document, context: Context) -> Document:
        """DeleteHubContentReference."""
        _check_reference(request)
        hub = self._hub(request["HubName"], context)
        content, version = self._content(hub, request), self._version(hub, request)
        with self.engine.store.database.transaction():
            version.remove()
            content.remove()
        return {}

    async def presigned_urls(self, request: Document, context: Context) -> Document:
        """CreateHubContentPresignedUrls."""
        content = self._version(self._hub(request["HubName"], context), request)
        return await self.files.presigned(request, content.document, context)

    def _hub(self, name: str, context: Context) -> StoredResource:
        """By name or ARN, which some clients write with the capitals of the name."""
        name = name.lower() if name.startswith("arn:") else name
        row = self.engine.find(self.engine.specs[HUB], {"HubName": name}, context.region)
        return StoredResource(self.engine, row)

    def _found(self, hub: StoredResource, request: Document) -> StoredResource | None:
        name = "/".join((hub.name, request["HubContentType"], request["HubContentName"]))
        return self.engine.resource(CONTENT, hub.region, name)

    def _content(self, hub: StoredResource, request: Document) -> StoredResource:
        if (content := self._found(hub, request)) is None:
            raise ResourceNotFoundError(
                f"Hub content {request['HubContentName']} of type {request['HubContentType']} does not exist in hub "
                f"{hub.arn}: ListHubContents names those that do."
            )
        return content

    def _version_row(self, hub: StoredResource, request: Document, version: str) -> StoredResource | None:
        name = "/".join((hub.name, request["HubContentType"], request["HubContentName"], version))
        return self.engine.resource(VERSION, hub.region, name)

    def _version(self, hub: StoredResource, request: Document) -> StoredResource:
        content = self._content(hub, request)
        version = request.get("HubContentVersion") or content.document["HubContentVersion"]
        if (found := self._version_row(hub, request, version)) is None:
            raise ResourceNotFoundError(
                f"Hub content {request['HubContentName']} of type {request['HubContentType']} has no version {version} "
                f"in hub {hub.arn}: ListHubContentVersions names those that it has."
            )
        return found

    def _versions(self, content: StoredResource) -> list[Row]:
        return self.engine.store.select(Selection(VERSION, content.region, parent=content.name, limit=-1))


def numbers(version: str) -> tuple[int, ...]:
    """`1.10.0` as (1, 10, 0): versions are ordered by their numbers."""
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))


def _next(content: StoredResource | None) -> str:
    if content is None:
        return FIRST
    *before, last = numbers(content.document["HubContentVersion"])
    return ".".join(str(number) for number in (*before, last + 1))


def _newer(content: StoredResource, version: str) -> bool:
    return numbers(content.document["HubContentVersion"]) > numbers(version)


def _replace(content: StoredResource, document: Document) -> None:
    """Make a content show another version: what that does not have goes."""
    content.save(**{**dict.fromkeys(_storable(content.document)), **document})


def _at_most(row: Row, schema: str | None) -> bool:
    return schema is None or numbers(row.document["DocumentSchemaVersion"]) <= numbers(schema)


def _summaries(found: Page) -> Document:
    return {"HubContentSummaries": found.documents, "NextToken": found.next_token}


def _storable(document: Document) -> Document:
    columns = {"HubContentArn", "HubContentStatus", "CreationTime", "LastModifiedTime"}
    return {name: value for name, value in document.items() if name not in columns}


def _check_document(text: str) -> None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"HubContentDocument is not valid JSON: {error}.") from None
    if not isinstance(document, dict):
        raise ValidationError("HubContentDocument must be a JSON object.")


def _check_reference(request: Document) -> None:
    if request["HubContentType"] != REFERENCE:
        raise ValidationError(f"HubContentType must be {REFERENCE}, not {request['HubContentType']}.")


def family(engine: Engine, cloud: Cloud) -> Family:
    """Hub and its contents."""
    hubs = Hubs(engine, cloud.objects, cloud.endpoint_url)

    def content(kind: str, *identity: str, **fields: object) -> ResourceSpec:
        return ResourceSpec(
            kind=kind,
            identity=("HubName", "HubContentType", "HubContentName", *identity),
            arn_member="HubContentArn",
            arn_noun="hub-content",
            arn_path="/".join,
            noun="hub content",
            status_member="HubContentStatus",
            statuses=STATUSES,
            settled=STATUSES,
            success_status="Available",
            **fields,  # type: ignore[arg-type]
        )

    return Family(
        overrides={HUB: {"hooks": HubHooks(), "not_found": "Hub {arn} does not exist."}},
        added=(content(CONTENT, parent_kind=HUB, hooks=ContentHooks()), content(VERSION, "HubContentVersion")),
        functions={
            "ImportHubContent": (hubs.import_content, "stored only"),
            "DescribeHubContent": (hubs.describe, "stored only"),
            "ListHubContents": (hubs.list_contents, "stored only"),
            "ListHubContentVersions": (hubs.list_versions, "stored only"),
            "UpdateHubContent": (hubs.update, "stored only"),
            "DeleteHubContent": (hubs.delete, "stored only"),
            "CreateHubContentReference": (hubs.create_reference, "stored only"),
            "UpdateHubContentReference": (hubs.update_reference, "stored only"),
            "DeleteHubContentReference": (hubs.delete_reference, "stored only"),
            "CreateHubContentPresignedUrls": (hubs.presigned_urls, "runs"),
        },
    )
