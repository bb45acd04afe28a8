"""Compute quotas and scheduler configurations of HyperPod clusters. Records; nothing is scheduled by them."""

import uuid

from sageyard.errors import ConflictError
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document, Resource
from sageyard.resources.timed import TimedHooks


class IdentifiedHooks(TimedHooks):
    """Told apart by 12 letters and digits, as the patterns of ComputeQuotaId and ClusterSchedulerConfigId say; every
    update makes the next version, of which only the latest is kept."""

    def __init__(self, version_member: str) -> None:
        self.version_member = version_member

    def identify(self, request: Document) -> str:
        return uuid.uuid4().hex[:12]

    async def prepare(self, request: Document, context: Context) -> Document:
        return request | {self.version_member: 1}

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        latest, wanted = resource.document[self.version_member], request.pop("TargetVersion")
        if wanted != latest:
            raise ConflictError(f"TargetVersion {wanted} is not the latest version of {resource.arn}: give {latest}.")
        return request | {self.version_member: latest + 1}


def family() -> Family:
    """ComputeQuota and ClusterSchedulerConfig."""
    kinds = ("ComputeQuota", "ClusterSchedulerConfig")
    return Family(overrides={kind: {"hooks": IdentifiedHooks(f"{kind}Version")} for kind in kinds})
