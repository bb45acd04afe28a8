"""Studio: domains with their user profiles, spaces and apps. Records; no Studio runs behind them."""

from sageyard.errors import ResourceInUseError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document, Resource
from sageyard.resources.timed import TimedHooks
from sageyard.sagemaker.presigned import Pages
from sageyard.store.resources import Row, Selection

SUMMARIES = {"SpaceSettings": ("AppType", "RemoteAccess", "SpaceStorageSettings"),
             "SpaceSharingSettings": ("SharingType",), "OwnershipSettings": ("OwnerUserProfileName",)}  # fmt: skip


class Studio:
    """What belongs to whom."""

    def __init__(self, engine: Engine, pages: Pages) -> None:
        self.engine = engine
        self.pages = pages

    def within(self, kind: str, domain: str, region: str, members: dict[str, str] | None = None) -> Row | None:
        """A resource of a domain, with these document members if given."""
        wanted = Selection(kind, region, parent=domain, members=tuple((members or {}).items()), limit=1)
        return next(iter(self.engine.store.select(wanted)), None)

    def check_exists(self, kind: str, request: Document, name: str, region: str) -> None:
        """Refuse a profile or space that the domain does not have, with its type's own not-found error."""
        identity = {"DomainId": request["DomainId"], f"{kind}Name": name}
        self.engine.find(self.engine.specs[kind], identity, region)

    def owned(self, request: Document) -> Document:
        """A request about an app, with the name of the one profile or space that owns it."""
        owners = [request[member] for member in ("UserProfileName", "SpaceName") if member in request]
        if len(owners) > 1:
            raise ValidationError("An app belongs to a user profile or to a space: give only one of them.")
        return request | {"Owner": owners[0] if owners else ""}

    async def create_app(self, request: Document, context: Context) -> Document:
        """CreateApp, for a profile or a space of the domain."""
        request = self.owned(request)
        if not request["Owner"]:
            raise ValidationError("An app belongs to a user profile or to a space: give UserProfileName or SpaceName.")
        self.engine.find(self.engine.specs["Domain"], {"DomainId": request["DomainId"]}, context.region)
        kind = "UserProfile" if "UserProfileName" in request else "Space"
        self.check_exists(kind, request, request["Owner"], context.region)
        return await self.engine.create(self.engine.specs["App"], request, context)

    async def describe_app(self, request: Document, context: Context) -> Document:
        """DescribeApp."""
        return self.engine.describe(self.engine.specs["App"], self.owned(request), context)

    async def delete_app(self, request: Document, context: Context) -> Document:
        """DeleteApp: gone at once; AWS lists it as Deleted for a day."""
        return await self.engine.delete(self.engine.specs["App"], self.owned(request), context)

    async def presigned_domain_url(self, request: Document, context: Context) -> Document:
        """CreatePresignedDomainUrl: for a profile of a domain in IAM mode, as its documentation says."""
        domain = self.engine.find(self.engine.specs["Domain"], request, context.region)
        self.check_exists("UserProfile", request, request["UserProfileName"], context.region)
        if "SpaceName" in request:
            self.check_exists("Space", request, request["SpaceName"], context.region)
        if domain.document["AuthMode"] != "IAM":
            raise ValidationError(
                f"Domain {domain.name} has AuthMode {domain.document['AuthMode']}: presigned URLs are for domains with "
                "AuthMode IAM."
            )
        return {"AuthorizedUrl": self.pages.url("studio", domain.name, request["UserProfileName"])}


class DomainHooks(TimedHooks):
    """Defaults of the API reference; updated settings are merged."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    async def prepare(self, request: Document, context: Context) -> Document:
        url = self.studio.pages.url("studio", request["DomainId"])
        return {"AppNetworkAccessType": "PublicInternetOnly", "TagPropagation": "DISABLED", "Url": url} | request

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        settings = request.pop("DomainSettingsForUpdate", None)
        before = resource.document
        for member in ("DefaultUserSettings", "DefaultSpaceSettings"):
            if member in request:
                request[member] = before.get(member, {}) | request[member]
        if settings is not None:
            server = settings.pop("RStudioServerProDomainSettingsForUpdate", None)
            if server is not None:
                settings["RStudioServerProDomainSettings"] = server
            request["DomainSettings"] = before.get("DomainSettings", {}) | settings
        return request

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        for kind in ("UserProfile", "Space", "App"):
            if self.studio.within(kind, resource.name, resource.region):
                raise _in_use("Domain", resource, kind)


class UserProfileHooks(TimedHooks):
    """A profile outlives its apps and the spaces that it owns."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        if "UserSettings" in request:
            request["UserSettings"] = resource.document.get("UserSettings", {}) | request["UserSettings"]
        return request

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        domain, _, name = resource.name.partition("/")
        owned = {"App": "UserProfileName", "Space": "OwnershipSettings.OwnerUserProfileName"}
        for kind, member in owned.items():
            if self.studio.within(kind, domain, resource.region, {member: name}):
                raise _in_use("UserProfile", resource, kind)


class SpaceHooks(TimedHooks):
    """A space outlives its apps; a private one belongs to a profile."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    async def prepare(self, request: Document, context: Context) -> Document:
        if "OwnershipSettings" in request:
            owner = request["OwnershipSettings"]["OwnerUserProfileName"]
            self.studio.check_exists("UserProfile", request, owner, context.region)
        return request | {"Url": self.studio.pages.url("studio", request["DomainId"], request["SpaceName"])}

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        if "SpaceSettings" in request:
            request["SpaceSettings"] = resource.document.get("SpaceSettings", {}) | request["SpaceSettings"]
        return request

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        domain, _, name = resource.name.partition("/")
        if self.studio.within("App", domain, resource.region, {"SpaceName": name}):
            raise _in_use("Space", resource, "App")

    def summarize(self, resource: Resource, document: Document) -> Document:
        for member, shown in SUMMARIES.items():
            if member in document:
                inner = document[member]
                document[f"{member}Summary"] = {name: inner[name] for name in shown if name in inner}
        return document


def _in_use(kind: str, resource: Resource, children: str) -> ResourceInUseError:
    """As AWS words it (aws/amazon-sagemaker-feedback #113)."""
    return ResourceInUseError(
        f"Unable to delete {kind} [{resource.arn}] because {children}(s) are associated with it. Delete them first."
    )


def family(engine: Engine, pages: Pages) -> Family:
    """Domain, UserProfile, Space, App, StudioLifecycleConfig; AppImageConfig needs no more than derivation."""
    studio = Studio(engine, pages)
    return Family(
        overrides={
            "Domain": {"hooks": DomainHooks(studio)},
            "UserProfile": {"hooks": UserProfileHooks(studio)},
            "Space": {"hooks": SpaceHooks(studio)},
            "StudioLifecycleConfig": {"filters": {"AppTypeEquals": "StudioLifecycleConfigAppType"}},
            "App": {"identity": ("DomainId", "Owner", "AppType", "AppName")},
        },
        functions={
            "CreateApp": (studio.create_app, "stored only"),
            "DescribeApp": (studio.describe_app, "stored only"),
            "DeleteApp": (studio.delete_app, "stored only"),
            "CreatePresignedDomainUrl": (studio.presigned_domain_url, "simulated"),
        },
        refused={
            "StartSession": "it connects an editor to a Studio space, and no machine runs behind a space here. Open "
            "your working folder in the editor itself.",
        },
    )
