"""The offline store: every record that was acknowledged, as Parquet in S3 in AWS's layout, with its table in Glue.

AWS writes within 15 minutes; here the outbox is emptied every second, by a thread. What is in the outbox is durable,
and a batch of it becomes objects once, whatever is killed when (see `offline_batches`).
"""

import asyncio
import hashlib
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sageyard.clock import Clock
from sageyard.cloud import Cloud, ObjectNotFoundError, split_s3_uri
from sageyard.errors import AwsError, ValidationError
from sageyard.featurestore.offline_batches import Batch, Batches
from sageyard.featurestore.offline_files import ParquetWriter, by_hour
from sageyard.featurestore.offline_layout import (
    CATALOG,
    Hour,
    data_catalog,
    file_name,
    resolved_uri,
    storage,
    table_input,
)
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Context, Document, Resource
from sageyard.store.database import Database

TICK = 1.0
"""Seconds between two looks at the outbox."""
PATIENCE = 30.0
"""Seconds until a group whose records could not be written, for its bucket is gone, is tried again."""
MOST_PARTITIONS = 100  # of one BatchCreatePartition
EXISTS, MISSING = "AlreadyExistsException", "EntityNotFoundException"

logger = logging.getLogger(__name__)


class OfflineStore:
    """Empties the outbox of `features.db` into S3, and keeps each group's Glue table."""

    def __init__(self, database: Database, engine: Engine, cloud: Cloud, clock: Clock) -> None:
        self._batches = Batches(database)
        self._engine = engine
        self._cloud = cloud
        self._clock = clock
        self._files = ParquetWriter(database.path.parent / "offline")
        self._lock = threading.Lock()
        self._closing = False
        self._failed: dict[str, float] = {}
        """Groups whose records could not be written, and the monotonic time of the next attempt."""
        self._registered: dict[str, set[Hour]] = {}
        """Partitions that Glue is known to have, by ARN of the group."""

    # -- a group's life -------------------------------------------------------------------------------------------

    async def prepare(self, request: Document, context: Context) -> Document:
        """The request's OfflineStoreConfig, checked and completed; raises ValidationError."""
        config = dict(request["OfflineStoreConfig"])
        if config.get("TableFormat") == "Iceberg":
            raise ValidationError(
                "TableFormat Iceberg is not written by Sageyard: its tables need an Iceberg catalog and writer, which "
                "DuckDB has only as a download. Leave TableFormat out, or give Glue: Athena's queries are the same."
            )
        uri = config["S3StorageConfig"]["S3Uri"]
        try:
            bucket, _ = split_s3_uri(uri)
            await asyncio.to_thread(self._cloud.objects.list, bucket, uri)  # below no such prefix is anything
        except ValueError:
            raise ValidationError(f"S3Uri '{uri}' is not of the form s3://bucket/prefix.") from None
        except ObjectNotFoundError:
            raise ValidationError(f"S3Uri '{uri}' names the bucket '{bucket}', which does not exist.") from None
        created = int(context.now)
        name = request["FeatureGroupName"]
        resolved = resolved_uri(uri, context.account_id, context.region, name, created)
        config["S3StorageConfig"] = config["S3StorageConfig"] | {"ResolvedOutputS3Uri": resolved}
        config["TableFormat"] = "Glue"
        disabled = config.setdefault("DisableGlueTableCreation", False)
        if "DataCatalogConfig" not in config and not disabled:
            config["DataCatalogConfig"] = data_catalog(name, created)
        elif not disabled and config["DataCatalogConfig"]["Catalog"].lower() != CATALOG.lower():
            raise ValidationError(
                f"DataCatalogConfig names the Catalog '{config['DataCatalogConfig']['Catalog']}': Feature Store "
                f"creates tables in {CATALOG} only. Name that, or set DisableGlueTableCreation."
            )
        return config

    async def created(self, resource: Resource) -> None:
        """Register the group's database and table in Glue; AwsError where the table's name is taken."""
        if _has_table(resource.document):
            await asyncio.to_thread(self._create_table, resource.region, resource.document)

    def _create_table(self, region: str, document: Document) -> None:
        config, wanted = document["OfflineStoreConfig"], table_input(document)
        database = config["DataCatalogConfig"]["Database"].lower()
        glue = self._cloud.services.call
        with _tolerating(EXISTS):
            glue(region, "glue", "CreateDatabase", {"DatabaseInput": {"Name": database}})
        try:
            glue(region, "glue", "CreateTable", {"DatabaseName": database, "TableInput": wanted})
        except AwsError as error:
            if error.code != EXISTS:
                raise
            found = glue(region, "glue", "GetTable", {"DatabaseName": database, "Name": wanted["Name"]})["Table"]
            if found["StorageDescriptor"]["Location"] != wanted["StorageDescriptor"]["Location"]:
                raise

    async def updated(self, resource: Resource) -> None:
        """Let the group's table have the columns of its new features."""
        if _has_table(resource.document):
            await asyncio.to_thread(self._update_table, resource.region, resource.document)

    def _update_table(self, region: str, document: Document) -> None:
        database = document["OfflineStoreConfig"]["DataCatalogConfig"]["Database"].lower()
        parameters = {"DatabaseName": database, "TableInput": table_input(document)}
        with _tolerating(MISSING):  # its owner may have dropped it
            self._cloud.services.call(region, "glue", "UpdateTable", parameters)

    # -- records --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Empty the outbox again and again."""
        while True:
            await asyncio.sleep(TICK)
            try:
                await asyncio.to_thread(self._drain)
            except Exception:
                logger.exception("the offline store is written in the next second")

    async def flush(self) -> None:
        """Everything acknowledged is in S3 when this returns, but for groups whose bucket is gone."""
        self._failed.clear()
        await asyncio.to_thread(self._drain)

    def clear(self) -> None:
        """Forget what was acknowledged and not written, for a reset. Blocks."""
        with self._lock:
            self._batches.clear()
            self._failed.clear()
            self._registered.clear()

    def close(self) -> None:
        """Let the batch under way be finished; what is left stays in the outbox. Blocks."""
        self._closing = True
        with self._lock:
            self._files.close()

    def _drain(self) -> None:
        """Write all that had been acknowledged when this began."""
        if not (until := self._batches.newest()):
            return
        with self._lock:
            now = time.monotonic()
            self._failed = {arn: again for arn, again in self._failed.items() if again > now}
            while not self._closing:
                batch = self._batches.next(self._clock.now(), self._failed, until)
                if batch is None:
                    break
                try:
                    self._store(batch)
                except Exception as error:
                    self._failed[batch.feature_group_arn] = time.monotonic() + PATIENCE
                    logger.warning("records of %s wait: %s: %s", batch.feature_group_arn, type(error).__name__, error)

    def _store(self, batch: Batch) -> None:
        """Write a batch's objects, register their partitions, and let go of its records, in this order."""
        row = self._engine.store.by_arn(batch.feature_group_arn, "FeatureGroup")
        if row is None:
            logger.warning("records of %s are dropped: the feature group is gone", batch.feature_group_arn)
        elif not batch.stored:
            document = row.document
            bucket, prefix = split_s3_uri(document["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"])
            shares = by_hour(self._batches.records(batch))
            for hour, file in self._files.write(document, shares, batch.written):
                name = file_name(shares[hour].latest, _unique(batch, hour))
                self._cloud.objects.put(bucket, f"{prefix}/{hour.folder}/{name}", file)
            if _has_table(document):
                self._register(row.region, row.arn, document, sorted(shares))
        self._batches.finish(batch)

    def _register(self, region: str, arn: str, document: Document, hours: list[Hour]) -> None:
        """Add partitions to the group's table; Glue says of each whether it had it already."""
        known = self._registered.setdefault(arn, set())
        missing = [hour for hour in hours if hour not in known]
        config = document["OfflineStoreConfig"]
        location = config["S3StorageConfig"]["ResolvedOutputS3Uri"]
        for first in range(0, len(missing), MOST_PARTITIONS):
            some = missing[first : first + MOST_PARTITIONS]
            parameters = {
                "DatabaseName": config["DataCatalogConfig"]["Database"].lower(),
                "TableName": config["DataCatalogConfig"]["TableName"].lower(),
                "PartitionInputList": [
                    {"Values": hour.values, "StorageDescriptor": storage(document, f"{location}/{hour.folder}")}
                    for hour in some
                ],
            }
            with _tolerating(MISSING):  # its owner may have dropped it
                self._cloud.services.call(region, "glue", "BatchCreatePartition", parameters)
            known.update(some)


@contextmanager
def _tolerating(code: str) -> Iterator[None]:
    """Let one error of Glue pass."""
    try:
        yield
    except AwsError as error:
        if error.code != code:
            raise


def _has_table(document: Document) -> bool:
    """Whether the group's table in Glue is Feature Store's to keep."""
    return not document["OfflineStoreConfig"]["DisableGlueTableCreation"]


def _unique(batch: Batch, hour: Hour) -> str:
    """16 characters that no other file of the group has, and that the same batch has again."""
    named = f"{batch.feature_group_arn} {batch.id} {batch.written!r} {hour.folder}"
    return hashlib.sha256(named.encode()).hexdigest()[:16]
