"""Notebook instances, their lifecycle configurations and code repositories. Records; no Jupyter runs behind them."""

from sageyard.errors import AwsError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, Hooks, Resource
from sageyard.resources.timed import TimedHooks
from sageyard.sagemaker.presigned import Pages
from sageyard.store.resources import Row

KIND = "NotebookInstance"
AT_REST = ("Stopped", "Failed")
DISASSOCIATED = {
    "DisassociateLifecycleConfig": "NotebookInstanceLifecycleConfigName",
    "DisassociateAcceleratorTypes": "AcceleratorTypes",
    "DisassociateDefaultCodeRepository": "DefaultCodeRepository",
    "DisassociateAdditionalCodeRepositories": "AdditionalCodeRepositories",
}


class NotebookInstanceHooks(TimedHooks):
    """Defaults of the API reference, and members that are called differently in requests and answers."""

    def __init__(self, engine: Engine, pages: Pages) -> None:
        self.engine = engine
        self.pages = pages

    async def prepare(self, request: Document, context: Context) -> Document:
        url = self.pages.url("notebook-instance", request["NotebookInstanceName"])
        defaults = {"DirectInternetAccess": "Enabled", "RootAccess": "Enabled", "VolumeSizeInGB": 5, "Url": url}
        if "SubnetId" not in request and request.get("DirectInternetAccess") == "Disabled":
            raise ValidationError("DirectInternetAccess can be Disabled only together with a SubnetId: give one.")
        return defaults | self._resolved(request, context.region)

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        require(resource, AT_REST, "Updating")
        for flag, member in DISASSOCIATED.items():
            if request.pop(flag, False):
                request[member] = None
        return self._resolved(request, context.region)

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        require(resource, AT_REST, "Deleting")

    def _resolved(self, request: Document, region: str) -> Document:
        """Lifecycle configuration and repositories exist; a repository may also be a URL."""
        if (name := request.pop("LifecycleConfigName", None)) is not None:
            kind = "NotebookInstanceLifecycleConfig"
            self.engine.find(self.engine.specs[kind], {f"{kind}Name": name}, region)
            request["NotebookInstanceLifecycleConfigName"] = name
        if (groups := request.pop("SecurityGroupIds", None)) is not None:
            request["SecurityGroups"] = groups
        default = [request["DefaultCodeRepository"]] if request.get("DefaultCodeRepository") else []
        for repository in (*default, *(request.get("AdditionalCodeRepositories") or ())):
            if "://" not in repository:
                self.engine.find(self.engine.specs["CodeRepository"], {"CodeRepositoryName": repository}, region)
        return request


class CodeRepositoryHooks(Hooks):
    """Only the secret of a repository changes (UpdateCodeRepository, GitConfigForUpdate)."""

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        return request | {"GitConfig": resource.document["GitConfig"] | request.get("GitConfig", {})}


class LifecycleConfigHooks(Hooks):
    """A configuration that an instance has stays."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        request = {"NotebookInstanceLifecycleConfigName": resource.name, "MaxResults": 1}
        for user in self.engine.select(self.engine.specs[KIND], request, context).documents:
            raise ValidationError(
                f"Unable to delete Notebook Instance Lifecycle Config '{resource.arn}'. (Details: Notebook instance "
                f"{user['NotebookInstanceName']} uses it.)"
            )


def require(resource: Resource, statuses: tuple[str, ...], target: str) -> None:
    """Refuse what the instance's status does not allow, as AWS words it (aws/amazon-sagemaker-examples #1798)."""
    if resource.status not in statuses:
        raise ValidationError(
            f"Status ({resource.status}) not in ([{', '.join(statuses)}]). Unable to transition to ({target}) for "
            f"Notebook Instance ({resource.arn})."
        )


def family(engine: Engine, pages: Pages) -> Family:
    """NotebookInstance, NotebookInstanceLifecycleConfig and CodeRepository."""

    def found(request: Document, context: Context) -> Row:
        return engine.find(engine.specs[KIND], request, context.region)

    async def start(request: Document, context: Context) -> Document:
        require(StoredResource(engine, found(request, context)), AT_REST, "Pending")
        return await engine.start(engine.specs[KIND], request, context)

    async def stop(request: Document, context: Context) -> Document:
        require(StoredResource(engine, found(request, context)), ("InService",), "Stopping")
        return await engine.stop(engine.specs[KIND], request, context)

    async def presigned_url(request: Document, context: Context) -> Document:
        row = found(request, context)
        if row.status != "InService":
            raise AwsError(f"Notebook instance {row.arn} is {row.status}: start it with StartNotebookInstance first.")
        return {"AuthorizedUrl": pages.url("notebook-instance", row.name)}

    return Family(
        overrides={
            KIND: {
                "exists": "Cannot create a duplicate Notebook Instance ({arn}), which exists already.",
                "filters": {"AdditionalCodeRepositoryEquals": "AdditionalCodeRepositories[]"},
                "hooks": NotebookInstanceHooks(engine, pages),
            },
            "NotebookInstanceLifecycleConfig": {"hooks": LifecycleConfigHooks(engine)},
            "CodeRepository": {"hooks": CodeRepositoryHooks()},
        },
        functions={
            "StartNotebookInstance": (start, "stored only"),
            "StopNotebookInstance": (stop, "stored only"),
            "CreatePresignedNotebookInstanceUrl": (presigned_url, "simulated"),
        },
    )
