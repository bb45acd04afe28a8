"""MLflow tracking servers and apps. Records; no MLflow runs behind them."""

from sageyard.errors import ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, Resource
from sageyard.resources.timed import TimedHooks
from sageyard.sagemaker.presigned import Pages

SERVER = "MlflowTrackingServer"
ACTIVE = ("Created", "Started", "Updated")


class TrackingServerHooks(TimedHooks):
    """Active from its creation until it is stopped."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages

    async def prepare(self, request: Document, context: Context) -> Document:
        url = self.pages.url("mlflow-tracking-server", request["TrackingServerName"])
        return {"TrackingServerSize": "Small", "AutomaticModelRegistration": False, "TrackingServerUrl": url} | request

    def describe(self, resource: Resource, document: Document) -> Document:
        return document | {"IsActive": "Active" if document["TrackingServerStatus"] in ACTIVE else "Inactive"}

    def summarize(self, resource: Resource, document: Document) -> Document:
        return self.describe(resource, document)


class MlflowAppHooks(TimedHooks):
    """Defaults of the API reference."""

    async def prepare(self, request: Document, context: Context) -> Document:
        return {"ModelRegistrationMode": "AutoModelRegistrationDisabled", "AccountDefaultStatus": "DISABLED"} | request


def family(engine: Engine, pages: Pages) -> Family:
    """MlflowTrackingServer and MlflowApp."""

    def server(request: Document, context: Context) -> StoredResource:
        return StoredResource(engine, engine.find(engine.specs[SERVER], request, context.region))

    def move(resource: StoredResource, allowed: tuple[str, ...], status: str) -> Document:
        if resource.status not in allowed:
            raise ValidationError(
                f"Tracking server {resource.arn} is {resource.status}: it must be one of {', '.join(allowed)}."
            )
        resource.save(status=status)
        return {"TrackingServerArn": resource.arn}

    async def start(request: Document, context: Context) -> Document:
        return move(server(request, context), ("Stopped", "StartFailed"), "Started")

    async def stop(request: Document, context: Context) -> Document:
        return move(server(request, context), (*ACTIVE, "StopFailed"), "Stopped")

    async def server_url(request: Document, context: Context) -> Document:
        found = server(request, context)
        if found.status not in ACTIVE:
            raise ValidationError(f"Tracking server {found.arn} is {found.status}: start it first.")
        return {"AuthorizedUrl": pages.url("mlflow-tracking-server", found.name)}

    async def app_url(request: Document, context: Context) -> Document:
        row = engine.find(engine.specs["MlflowApp"], request, context.region)
        return {"AuthorizedUrl": pages.url("mlflow-app", row.document["Name"])}

    return Family(
        overrides={
            SERVER: {"hooks": TrackingServerHooks(pages)},
            "MlflowApp": {
                "hooks": MlflowAppHooks(),
                "filters": {"DefaultForDomainId": "DefaultDomainIdList[]"},
            },
        },
        functions={
            "StartMlflowTrackingServer": (start, "stored only"),
            "StopMlflowTrackingServer": (stop, "stored only"),
            "CreatePresignedMlflowTrackingServerUrl": (server_url, "simulated"),
            "CreatePresignedMlflowAppUrl": (app_url, "simulated"),
        },
    )
