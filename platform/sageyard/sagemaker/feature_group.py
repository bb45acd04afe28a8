"""Feature groups, the metadata of their features, and their records."""

from dataclasses import replace

from sageyard.featurestore.feature_store import FeatureStore
from sageyard.featurestore.metadata import SPEC
from sageyard.featurestore.records import KIND, not_found
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.query import PAGE, selection
from sageyard.resources.spec import Context, Document
from sageyard.resources.tokens import invalid, seal, unseal


class FeatureGroups:
    """Operations on groups that are more than the generic verbs."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def describe(self, request: Document, context: Context) -> Document:
        """DescribeFeatureGroup. One answer shows 2,500 features, which is all that a group can have: no token is ever
        given out, and none is valid."""
        if token := request.get("NextToken"):
            raise invalid(token)
        return self.engine.describe(self.engine.specs[KIND], request, context)

    async def list(self, request: Document, context: Context) -> Document:
        """ListFeatureGroups."""
        sort_by = request.get("SortBy")
        if sort_by == "OfflineStoreStatus":
            return self._by_offline_store(request, context)
        if sort_by == "FeatureGroupStatus":
            request = request | {"SortBy": "Status"}
        page = self.engine.select(self.engine.specs[KIND], request, context)
        return {"FeatureGroupSummaries": page.documents, "NextToken": page.next_token}

    def _by_offline_store(self, request: Document, context: Context) -> Document:
        """Sorted by what is no column: all groups are read, of which an account has 100 unless its quota is raised."""
        request = dict(request)
        token, limit = request.pop("NextToken", None), request.pop("MaxResults", PAGE)
        everything = replace(selection(self.engine.specs[KIND], request, context.region), limit=-1)
        rows = {
            (row.document["OfflineStoreStatus"]["Status"], row.id): row for row in self.engine.store.select(everything)
        }
        descending = everything.descending
        keys = sorted(rows, reverse=descending)
        if token:
            last = tuple(unseal(token, 2))
            if not isinstance(last[0], str) or not isinstance(last[1], int):
                raise invalid(token)
            keys = [key for key in keys if (key < last if descending else key > last)]
        shown = keys[:limit]
        return {
            "FeatureGroupSummaries": [self.engine.document(rows[key]) for key in shown],
            "NextToken": seal(*shown[-1]) if len(keys) > limit else None,
        }


def family(engine: Engine, store: FeatureStore) -> Family:
    """FeatureGroup and sagemaker-featurestore-runtime. Its texts are AWS's, as SDK issues and moto have them."""
    groups, records, metadata = FeatureGroups(engine), store.records, store.metadata
    return Family(
        overrides={
            KIND: {
                "not_found": not_found("{name}"),
                "exists": "Resource Already Exists: FeatureGroup with name {name} already exists. Choose a different "
                "name.\nInfo: Feature Group '{name}' already exists.",
                "delete_status": "Deleting",
                "filters": {"OfflineStoreStatusEquals": "OfflineStoreStatus.Status"},
                "hooks": store.groups,
                "grade": "runs",
            },
        },
        added=(SPEC,),
        functions={
            "DescribeFeatureGroup": (groups.describe, "runs"),
            "ListFeatureGroups": (groups.list, "runs"),
            "DescribeFeatureMetadata": (metadata.describe, "runs"),
            "UpdateFeatureMetadata": (metadata.update, "runs"),
        },
        runtime={
            "sagemaker-featurestore-runtime": {
                "PutRecord": (records.put, "runs"),
                "GetRecord": (records.get, "runs"),
                "DeleteRecord": (records.delete, "runs"),
                "UpdateRecord": (records.update, "runs"),
                "ListRecords": (records.list_identifiers, "runs"),
                "BatchGetRecord": (records.batch_get, "runs"),
                "BatchWriteRecord": (records.batch_write, "runs"),
            },
        },
    )
