"""The life of a feature group: creation, updates and deletion, over both stores.

Rules are those of the operations' documentation in the service model; refusals are worded as AWS words such.
"""

from collections.abc import Callable

from sageyard.errors import AwsError, ValidationError
from sageyard.featurestore.definitions import check_features, check_group, in_memory
from sageyard.featurestore.metadata import FeatureMetadata
from sageyard.featurestore.offline import OfflineStore
from sageyard.featurestore.online import OnlineStore
from sageyard.resources.spec import Context, Document, Hooks, Resource

DAY = 86400.0
STATUS_CREATED = "Created"


class FeatureGroupHooks(Hooks):
    """A group is Created once its offline table and its online store are there."""

    def __init__(
        self, online: OnlineStore, offline: OfflineStore, metadata: FeatureMetadata, now: Callable[[], float]
    ) -> None:
        self.online = online
        self.offline = offline
        self.metadata = metadata
        self.now = now

    async def prepare(self, request: Document, context: Context) -> Document:
        online = dict(request.get("OnlineStoreConfig", {}))
        if online.get("EnableOnlineStore"):
            online.setdefault("StorageType", "Standard")
        elif "OfflineStoreConfig" not in request:
            raise ValidationError(
                "A FeatureGroup needs at least one store: give an OnlineStoreConfig with EnableOnlineStore, an "
                "OfflineStoreConfig, or both."
            )
        elif "TtlDuration" in online or "StorageType" in online:
            raise ValidationError(
                "TtlDuration and StorageType of OnlineStoreConfig need an online store: set EnableOnlineStore to true."
            )
        _check_ttl(online)
        check_group(request)
        throughput = request.get("ThroughputConfig", {"ThroughputMode": "OnDemand"})
        _check_throughput(throughput)
        document = request | {"ThroughputConfig": throughput, "OfflineStoreStatus": {"Status": "Disabled"}}
        if online:
            document["OnlineStoreConfig"] = online
        if "OfflineStoreConfig" in request:
            if "RoleArn" not in request:
                raise ValidationError(
                    "RoleArn is missing: an OfflineStoreConfig needs the role that writes to the offline store."
                )
            document |= {
                "OfflineStoreConfig": await self.offline.prepare(request, context),
                "OfflineStoreStatus": {"Status": "Active"},
            }
        return document

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        if resource.status == "Deleting":
            return await self._remove(resource)
        document = resource.document
        if "OfflineStoreConfig" in document:
            try:
                await self.offline.created(resource)
            except AwsError as error:
                return resource.save(status="CreateFailed", FailureReason=error.message)
        await self.metadata.add(resource, document["FeatureDefinitions"])
        self.online.open(resource.arn)
        return resource.save(status=STATUS_CREATED)

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        _check_status(resource, "updated")
        given = [name for name in ("FeatureAdditions", "OnlineStoreConfig", "ThroughputConfig") if name in request]
        if len(given) != 1:
            told = f"not {' and '.join(given)} together" if given else "not none of them"
            raise ValidationError(
                "UpdateFeatureGroup takes one of FeatureAdditions, OnlineStoreConfig and ThroughputConfig at a time, "
                f"{told}."
            )
        document, change = resource.document, request[given[0]]
        if given == ["FeatureAdditions"]:
            present = document["FeatureDefinitions"]
            names = [definition["FeatureName"] for definition in present]
            check_features(change, collections=in_memory(document), taken=names)
            members: Document = {"FeatureDefinitions": [*present, *change]}
        elif given == ["OnlineStoreConfig"]:
            members = {"OnlineStoreConfig": _online(document, change)}
        else:
            members = {"ThroughputConfig": self._throughput(resource, change)}
        return members | {"LastUpdateStatus": {"Status": "Successful"}}

    async def updated(self, resource: Resource) -> None:
        document = resource.document
        await self.metadata.add(resource, document["FeatureDefinitions"])
        if "OfflineStoreConfig" in document and resource.exists:  # it may have been deleted meanwhile
            await self.offline.updated(resource)

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        if resource.status in {"Creating", "Deleting"}:
            _check_status(resource, "deleted")

    async def deleted(self, resource: Resource) -> None:
        await self._remove(resource)

    def describe(self, resource: Resource, document: Document) -> Document:
        """With an empty NextToken: a group can have no more features than one answer shows."""
        size = None
        if document.get("OnlineStoreConfig", {}).get("EnableOnlineStore"):
            size = self.online.bytes_of(resource.arn)
        return document | {"OnlineStoreTotalSizeBytes": size, "NextToken": ""}

    async def _remove(self, resource: Resource) -> None:
        """What was acknowledged goes to the offline store, which stays; the online store goes."""
        offline = "OfflineStoreConfig" in resource.document
        if offline:
            await self.offline.flush()
        self.online.drop(resource.arn)
        await self.metadata.remove(resource)
        resource.remove()
        if offline:
            await self.offline.flush()  # lets go of what could not be written, for the bucket is gone

    def _throughput(self, resource: Resource, change: Document) -> Document:
        """The new throughput; a group can be switched to on-demand once in 24 hours."""
        config: Document = resource.document["ThroughputConfig"] | change
        if config["ThroughputMode"] == "OnDemand":
            for name in ("ProvisionedReadCapacityUnits", "ProvisionedWriteCapacityUnits"):
                if name not in change:
                    config.pop(name, None)
        _check_throughput(config)
        if config["ThroughputMode"] == "OnDemand" != resource.document["ThroughputConfig"]["ThroughputMode"]:
            now, last = self.now(), resource.private.get("on demand since")
            if last is not None and now < last + DAY:
                raise ValidationError(
                    f"FeatureGroup '{resource.name}' was switched to OnDemand less than 24 hours ago: its "
                    "ThroughputMode can be switched to OnDemand only once in a 24 hour period."
                )
            resource.save(private={"on demand since": now})
        return config


def _check_status(resource: Resource, done: str) -> None:
    if resource.status != STATUS_CREATED:
        raise ValidationError(
            f"FeatureGroup '{resource.name}' is in status {resource.status} and cannot be {done}: wait until it is "
            f"{STATUS_CREATED}."
        )


def _online(document: Document, change: Document) -> Document:
    """The new OnlineStoreConfig. A TtlDuration whose Unit and Value are null removes the default of the group."""
    config = dict(document.get("OnlineStoreConfig", {}))
    if not config.get("EnableOnlineStore"):
        raise ValidationError(
            "OnlineStoreConfig cannot be updated: the FeatureGroup has no online store. Create one that has."
        )
    storage = change.get("StorageType", config["StorageType"])
    if storage != config["StorageType"] and (config["StorageType"], storage) != ("Standard", "Standard_V2"):
        raise ValidationError(
            f"StorageType cannot be changed from {config['StorageType']} to {storage}: only Standard can be, to "
            "Standard_V2."
        )
    config["StorageType"] = storage
    if "TtlDuration" in change:
        config["TtlDuration"] = change["TtlDuration"]
        if not change["TtlDuration"]:
            del config["TtlDuration"]
    _check_ttl(config)
    return config


def _check_ttl(config: Document) -> None:
    if "TtlDuration" in config and len(config["TtlDuration"]) != 2:
        raise ValidationError("TtlDuration needs both its Unit and its Value.")


def _check_throughput(config: Document) -> None:
    given = [name for name in ("ProvisionedReadCapacityUnits", "ProvisionedWriteCapacityUnits") if name in config]
    if config["ThroughputMode"] == "OnDemand" and given:
        raise ValidationError(f"{' and '.join(given)} cannot be given with the ThroughputMode OnDemand.")
    if config["ThroughputMode"] == "Provisioned" and len(given) < 2:
        raise ValidationError(
            "The ThroughputMode Provisioned needs both ProvisionedReadCapacityUnits and ProvisionedWriteCapacityUnits."
        )
