"""Extensions of HyperPod clusters. Records; nothing is installed on a node."""

import uuid

from sageyard.errors import ResourceInUseError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document
from sageyard.resources.timed import TimedHooks
from sageyard.resources.tokens import invalid
from sageyard.store.resources import Selection

KIND = "ClusterExtension"


class ExtensionHooks(TimedHooks):
    """An extension of an existing cluster, in a version that the request names: there is no catalogue."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def identify(self, request: Document) -> str:
        return f"{request['ExtensionName']}/{uuid.uuid4().hex[:12]}"

    async def prepare(self, request: Document, context: Context) -> Document:
        name = request["ExtensionName"]
        self.engine.find(self.engine.specs["Cluster"], {"ClusterName": request["ClusterArn"]}, context.region)
        if "ExtensionVersion" not in request:
            raise ValidationError(f"Sageyard offers no versions of {name!r} to choose from: give an ExtensionVersion.")
        members = (("ClusterArn", request["ClusterArn"]), ("ExtensionName", name))
        if self.engine.store.select(Selection(KIND, context.region, members=members, limit=1)):
            raise ResourceInUseError(f"Cluster {request['ClusterArn']} has the extension {name!r} already.")
        return request


def _arn_path(identity: list[str]) -> str:
    """`sagemaker-<cluster>/<name>/<id>`, as the pattern of ExtensionArn says."""
    cluster = identity[0].rpartition("/")[2]
    return f"sagemaker-{cluster}/{identity[1]}"


def family(engine: Engine) -> Family:
    """ClusterExtension."""

    async def no_versions(request: Document, context: Context) -> Document:
        """ListClusterExtensionVersions: empty for an extension that is not offered, as its documentation says."""
        if "NextToken" in request:
            raise invalid(request["NextToken"])
        return {"ExtensionVersions": []}

    return Family(
        overrides={KIND: {"hooks": ExtensionHooks(engine), "arn_path": _arn_path}},
        functions={"ListClusterExtensionVersions": (no_versions, "simulated")},
    )
