"""The operations on records (sagemaker-featurestore-runtime), each one transaction over both stores.

What was acknowledged is durable: the online record and what goes to the offline store are committed together.
"""

import json
from collections.abc import Iterable

from sageyard.clock import iso
from sageyard.errors import AwsError, ConflictError, ResourceNotFoundError, ValidationError
from sageyard.featurestore.online import OnlineStore, Stored
from sageyard.featurestore.schema import FeatureGroup, Record, seconds
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Context, Document, ResourceSpec
from sageyard.resources.tokens import invalid, seal, unseal
from sageyard.store.resources import Row

KIND = "FeatureGroup"
PAGE = 100
MAX_UPDATED = 100
"""Features of one UpdateRecord (its documentation)."""
UPDATABLE = frozenset({"Standard_V2", "InMemory"})
"""Storage types that have UpdateRecord (its documentation)."""


def not_found(name: str) -> str:
    """AWS's text (aws/sagemaker-python-sdk #2606)."""
    return f"Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name {name}"


class Records:
    """Reads and writes records. Compiled feature groups are kept until any group changes; no record ever is."""

    def __init__(self, engine: Engine, online: OnlineStore) -> None:
        self.engine = engine
        self.online = online
        self._groups: dict[tuple[str, str], FeatureGroup] = {}
        self._stores: dict[str, int] = {}
        engine.watchers.append(self._changed)

    # -- operations -----------------------------------------------------------------------------------------------

    async def put(self, request: Document, context: Context) -> Document:
        """PutRecord: to the online store only what is newer than what it has, to the offline store always."""
        group = self._writable(request["FeatureGroupName"], context.region)
        self._put(group, request, None, context.now)
        return {}

    async def batch_write(self, request: Document, context: Context) -> Document:
        """BatchWriteRecord: PutRecord of each entry; those that are refused are told, the others written."""
        errors: list[Document] = []
        with self.online.database.transaction():
            for entry in request["Entries"]:
                try:
                    group = self._group(entry["FeatureGroupName"], context.region)
                    self._put(group, entry, request.get("TtlDuration"), context.now)
                except AwsError as error:
                    errors.append({"Entry": entry, **_told(error)})
        return {"Errors": errors, "UnprocessedEntries": []}

    async def get(self, request: Document, context: Context) -> Document:
        """GetRecord: the latest record; empty where there is none."""
        group = self._group(request["FeatureGroupName"], context.region)
        return self._get(group, request["RecordIdentifierValueAsString"], request, context.now) or {}

    async def batch_get(self, request: Document, context: Context) -> Document:
        """BatchGetRecord: records that are not there are left out, what is refused is among the Errors."""
        records: list[Document] = []
        errors: list[Document] = []
        for wanted in request["Identifiers"]:
            for identifier in wanted["RecordIdentifiersValueAsString"]:
                named = {
                    "FeatureGroupName": wanted["FeatureGroupName"],
                    "RecordIdentifierValueAsString": identifier,
                }
                try:
                    group = self._group(wanted["FeatureGroupName"], context.region)
                    found = self._get(group, identifier, request | wanted, context.now)
                except AwsError as error:
                    errors.append(named | _told(error))
                else:
                    if found:
                        records.append(named | found)
        return {"Records": records, "Errors": errors, "UnprocessedIdentifiers": []}

    async def delete(self, request: Document, context: Context) -> Document:
        """DeleteRecord: softly, or hard with all that the online store has.

        What is not older than the deletion stays online; the offline store gets its marker nevertheless, except of a
        hard deletion, which is then refused.
        """
        group = self._writable(request["FeatureGroupName"], context.region)
        identifier, event_time = request["RecordIdentifierValueAsString"], request["EventTime"]
        group.check_identifier(identifier)
        moment, targets = group.moment(event_time), group.targets(request.get("TargetStores"))
        marker = json.dumps({group.identifier: identifier, group.event_time: event_time})
        hard = request.get("DeletionMode") == "HardDelete"
        with self.online.database.transaction():
            if "OnlineStore" in targets:
                store = self._store(group)
                before = self.online.latest(store, identifier)
                if before is None or not before.alive(context.now) or moment > before.event_time:
                    if hard:
                        self.online.remove(store, identifier)
                    else:
                        ttl = before.ttl if before else group.ttl
                        expires = moment + ttl if ttl else None
                        self.online.write(store, identifier, Stored(marker, moment, ttl, expires, True), before)
                elif hard:
                    raise ValidationError(
                        f"EventTime '{event_time}' is not later than that of the record '{identifier}' in the online "
                        "store: a HardDelete needs a later EventTime."
                    )
            if "OfflineStore" in targets:
                self.online.to_offline(group.arn, marker, event_time, context.now, is_deleted=True)
        return {}

    async def update(self, request: Document, context: Context) -> Document:
        """UpdateRecord: the features given replace those of the record, which must exist."""
        group = self._group(request["FeatureGroupName"], context.region)
        if "OnlineStore" not in group.stores or group.storage not in UPDATABLE:
            raise ValidationError(
                f"FeatureGroup '{group.name}' has no online store of the StorageType {' or '.join(sorted(UPDATABLE))}, "
                "which UpdateRecord needs: migrate it to Standard_V2 with UpdateFeatureGroup, or use PutRecord."
            )
        identifier, targets = request["RecordIdentifierValueAsString"], group.targets(request.get("TargetStores"))
        if "OnlineStore" not in targets:
            raise ValidationError("UpdateRecord cannot target the OfflineStore only: name the OnlineStore as well.")
        changes = _changes(group, identifier, request)
        event_time, ttl = changes.get(group.event_time), seconds(request.get("TtlDuration"))
        with self.online.database.transaction():
            store = self._store(group)
            before = self.online.latest(store, identifier)
            if before is None or before.is_deleted or not before.alive(context.now):
                raise ResourceNotFoundError(
                    f"FeatureGroup '{group.name}' has no record '{identifier}' in its online store: use PutRecord to "
                    "create it."
                )
            moment = before.event_time if event_time is None else group.moment(str(event_time))
            if moment < before.event_time:
                raise ConflictError(
                    f"EventTime '{event_time}' is older than that of the record '{identifier}': get the record, and "
                    "give its EventTime or a newer one."
                )
            record = before.record | changes
            text, ttl = group.text(record), ttl or before.ttl
            self.online.write(store, identifier, Stored(text, moment, ttl, group.expiry(moment, ttl)), before)
            if "OfflineStore" in targets:
                self.online.to_offline(group.arn, text, str(record[group.event_time]), context.now)
        return {}

    async def list_identifiers(self, request: Document, context: Context) -> Document:
        """ListRecords: identifiers in their order, so that pages stay stable while records come and go."""
        group = self._readable(self._group(request["FeatureGroupName"], context.region))
        after = ""
        if token := request.get("NextToken"):
            (last,) = unseal(token, 1)
            if not isinstance(last, str):
                raise invalid(token)
            after = last
        limit = int(request.get("MaxResults", PAGE))
        deleted = request.get("IncludeSoftDeletedRecords", False)
        found = self.online.identifiers(self._store(group), after, limit + 1, context.now, deleted=deleted)
        more = len(found) > limit
        return {"RecordIdentifiers": found[:limit], "NextToken": seal(found[limit - 1]) if more else None}

    # -- what they share ------------------------------------------------------------------------------------------

    def purge(self, now: float, limit: int) -> int:
        """Remove up to `limit` expired records, hard, and mark them deleted in the offline store; answers how many."""

        def mark(arn: str, identifier: str, expires: float) -> None:
            row = self.engine.store.by_arn(arn, KIND)
            group = self._compiled(row) if row else None
            if group is not None and "OfflineStore" in group.stores:
                event_time = group.written(expires)
                marker = json.dumps({group.identifier: identifier, group.event_time: event_time})
                self.online.to_offline(arn, marker, event_time, now, is_deleted=True)

        return self.online.purge(now, limit, mark)

    def _put(self, group: FeatureGroup, entry: Document, ttl: Document | None, now: float) -> None:
        targets, record = group.targets(entry.get("TargetStores")), group.complete(entry["Record"])
        identifier, event_time = str(record[group.identifier]), str(record[group.event_time])
        moment = group.moment(event_time)
        lasting = seconds(entry.get("TtlDuration") or ttl) or group.ttl
        expires = group.expiry(moment, lasting)
        text = group.text(record)
        with self.online.database.transaction():
            if "OnlineStore" in targets:
                store = self._store(group)
                before = self.online.latest(store, identifier)
                if before is None or not before.alive(now) or moment > before.event_time:
                    self.online.write(store, identifier, Stored(text, moment, lasting, expires), before)
            if "OfflineStore" in targets:
                self.online.to_offline(group.arn, text, event_time, now)

    def _get(self, group: FeatureGroup, identifier: str, request: Document, now: float) -> Document | None:
        group = self._readable(group)
        names = request.get("FeatureNames")
        for name in names or ():
            if name not in group.features:
                raise group.unknown(name)
        stored = self.online.latest(self._store(group), identifier)
        if stored is None or stored.is_deleted or not stored.alive(now):
            return None
        answer: Document = {"Record": _shown(stored.record, names)}
        if request.get("ExpirationTimeResponse") == "Enabled" and stored.expires is not None:
            answer["ExpiresAt"] = iso(stored.expires)
        return answer

    def _group(self, name: str, region: str) -> FeatureGroup:
        """A feature group by name or ARN, ready for records."""
        group = self._groups.get((region, name))
        if group is None:
            store = self.engine.store
            row = store.by_arn(name, KIND) if name.startswith("arn:") else store.get(KIND, region, name)
            if row is None:
                raise ResourceNotFoundError(not_found(name))
            group = self._groups[region, name] = self._compiled(row)
        if group.status != "Created":
            raise ValidationError(
                f"FeatureGroup '{group.name}' is in status {group.status}: records need one in status Created."
            )
        return group

    def _writable(self, name: str, region: str) -> FeatureGroup:
        """As `_group`, for operations whose model has no ResourceNotFound."""
        try:
            return self._group(name, region)
        except ResourceNotFoundError as error:
            raise ValidationError(error.message) from None

    def _readable(self, group: FeatureGroup) -> FeatureGroup:
        if "OnlineStore" not in group.stores:
            raise ValidationError(
                f"FeatureGroup '{group.name}' has no online store: query its offline store with Amazon Athena."
            )
        return group

    def _store(self, group: FeatureGroup) -> int:
        if group.arn not in self._stores:
            self._stores[group.arn] = self.online.open(group.arn)
        return self._stores[group.arn]

    def _compiled(self, row: Row) -> FeatureGroup:
        return FeatureGroup(row.name, row.arn, self.engine.document(row))

    def forget(self) -> None:
        """Compile groups anew."""
        self._groups.clear()
        self._stores.clear()

    def _changed(self, spec: ResourceSpec, before: Row | None, after: Row | None) -> None:
        if spec.kind == KIND:
            self.forget()


def _changes(group: FeatureGroup, identifier: str, request: Document) -> Record:
    """The features of an UpdateRecord, checked as far as the record itself is not needed."""
    if len(request["Features"]) > MAX_UPDATED:
        raise ValidationError(
            f"Features has {len(request['Features'])} entries, more than the {MAX_UPDATED} of one UpdateRecord: update "
            "the others with another call."
        )
    changes = group.values(request["Features"])
    if changes.get(group.identifier, identifier) != identifier:
        raise ValidationError(
            f"Feature '{group.identifier}' is the record identifier, which no update changes: leave it out, or give "
            f"'{identifier}'."
        )
    if "TtlDuration" in request and group.event_time not in changes:
        raise ValidationError(f"TtlDuration needs an EventTime: give feature '{group.event_time}' as well.")
    return changes


def _shown(record: Record, names: Iterable[str] | None) -> list[Document]:
    wanted = None if names is None else set(names)
    return [
        {"FeatureName": name, "ValueAsString" if isinstance(value, str) else "ValueAsStringList": value}
        for name, value in record.items()
        if wanted is None or name in wanted
    ]


def _told(error: AwsError) -> Document:
    code = "ValidationError" if isinstance(error, ValidationError) else error.code
    return {"ErrorCode": code, "ErrorMessage": error.message}
