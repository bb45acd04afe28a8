"""Limits on how many resources, or instances of a type, an account may have (AWS Service Quotas for SageMaker)."""

from collections.abc import Iterator, Mapping
from typing import Any

from sageyard.errors import ResourceLimitExceededError
from sageyard.resources.spec import Document, ResourceSpec
from sageyard.store.resources import Resources

USAGE = " for {noun} usage"


class Quotas:
    """Checks a Create request against the limits that are set; without any, everything fits.

    A limit's name is a resource type (`Endpoint`: jobs count while they run, all else while it exists) or an instance
    type with a job's noun (`ml.m5.xlarge for training job usage`), as AWS writes it.
    """

    def __init__(self, limits: Mapping[str, int], store: Resources) -> None:
        self.limits = limits
        self.store = store

    def check(self, spec: ResourceSpec, request: Document, region: str) -> None:
        """Raise ResourceLimitExceededError where the request is one too many in its region."""
        if not self.limits:
            return
        if (limit := self.limits.get(spec.kind)) is not None:
            count = sum(1 for _ in self._present(spec, region))
            self._compare(f"Number of {spec.noun}s", limit, count, 1, f"{spec.noun}s".title())
        usage = USAGE.format(noun=spec.noun)
        for name, limit in self.limits.items():
            if name.endswith(usage):
                instance_type = name.removesuffix(usage)
                if (wanted := _instances(request, instance_type)) == 0:
                    continue
                count = sum(_instances(document, instance_type) for document in self._present(spec, region))
                self._compare(name, limit, count, wanted, "Instances")

    def _present(self, spec: ResourceSpec, region: str) -> Iterator[Document]:
        """Documents of what uses a quota up."""
        counted = spec.statuses - spec.settled if spec.stop_status and not spec.restartable else spec.statuses or {""}
        return (row.document for row in self.store.in_statuses(spec.kind, counted) if row.region == region)

    def _compare(self, name: str, limit: int, count: int, wanted: int, unit: str) -> None:
        if count + wanted > limit:
            raise ResourceLimitExceededError(
                f"The account-level service limit '{name}' is {limit} {unit}, with current utilization of {count} "
                f"{unit} and a request delta of {wanted} {unit}. Start the server with a higher --quota for it."
            )


def _instances(value: Any, instance_type: str) -> int:
    """How many instances of a type a request asks for, wherever it does."""
    if isinstance(value, list):
        return sum(_instances(item, instance_type) for item in value)
    if not isinstance(value, dict):
        return 0
    own = int(value.get("InstanceCount", 1)) if value.get("InstanceType") == instance_type else 0
    return own + sum(_instances(item, instance_type) for item in value.values())
