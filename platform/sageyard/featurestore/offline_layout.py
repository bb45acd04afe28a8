"""Where the offline store lies: its folder in S3, its Glue table, the partitions and names of its files.

Sources: the guide's pages on the offline store's data format and on its Glue Data Catalog; API_OfflineStoreConfig.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sageyard.clock import utc
from sageyard.resources.spec import Document

CATALOG = "AwsDataCatalog"
DATABASE = "sagemaker_featurestore"
PARTITION_KEYS = ("year", "month", "day", "hour")
ADDED = (("write_time", "timestamp"), ("api_invocation_time", "timestamp"), ("is_deleted", "boolean"))
"""Columns that every record gets, with their Hive types."""
TYPES = {"String": "string", "Integral": "bigint", "Fractional": "double"}
PARQUET = "org.apache.hadoop.hive.ql.io.parquet"


@dataclass(frozen=True, slots=True, order=True)
class Hour:
    """A partition: an hour of event time, in UTC, as its four values."""

    year: str
    month: str
    day: str
    hour: str

    @classmethod
    def of(cls, seconds: float) -> "Hour":
        """The hour that a moment, in epoch seconds, is in."""
        moment = utc(seconds)
        return cls(f"{moment.year:04d}", f"{moment.month:02d}", f"{moment.day:02d}", f"{moment.hour:02d}")

    @property
    def values(self) -> list[str]:
        """In the order of the partition keys."""
        return [self.year, self.month, self.day, self.hour]

    @property
    def folder(self) -> str:
        """`year=2026/month=11/day=21/hour=08`."""
        return "/".join(f"{key}={value}" for key, value in zip(PARTITION_KEYS, self.values, strict=True))


def seconds_of(event_time: str) -> float:
    """An event time, in seconds since 1970 or ISO-8601, in epoch seconds."""
    try:
        return float(event_time)
    except ValueError:
        return datetime.fromisoformat(event_time).timestamp()


def file_name(latest: float, unique: str) -> str:
    """`20261121T081530Z_0123456789abcdef.parquet`: the latest event time inside, and what makes it unique."""
    moment = utc(latest)
    return f"{moment.year:04d}{moment:%m%dT%H%M%SZ}_{unique}.parquet"


def resolved_uri(s3_uri: str, account_id: str, region: str, group: str, created: int) -> str:
    """ResolvedOutputS3Uri: the folder of all partitions."""
    return f"{s3_uri.rstrip('/')}/{account_id}/sagemaker/{region}/offline-store/{group}-{created}/data"


def data_catalog(group: str, created: int) -> Document:
    """The DataCatalogConfig of a group that was given none."""
    return {"Catalog": CATALOG, "Database": DATABASE, "TableName": f"{group.replace('-', '_')}_{created}".lower()}


def hive_type(definition: Document) -> str:
    """The column type of a feature; a collection of any kind is an array."""
    kind = TYPES[definition["FeatureType"]]
    return f"array<{kind}>" if "CollectionType" in definition else kind


def storage(document: Document, location: str) -> dict[str, Any]:
    """StorageDescriptor of a group's table, or of a partition of it."""
    columns = [(one["FeatureName"].lower(), hive_type(one)) for one in document["FeatureDefinitions"]]
    return {
        "Columns": [{"Name": name, "Type": kind} for name, kind in (*columns, *ADDED)],
        "Location": location,
        "InputFormat": f"{PARQUET}.MapredParquetInputFormat",
        "OutputFormat": f"{PARQUET}.MapredParquetOutputFormat",
        "SerdeInfo": {
            "SerializationLibrary": f"{PARQUET}.serde.ParquetHiveSerDe",
            "Parameters": {"serialization.format": "1"},
        },
    }


def table_input(document: Document) -> dict[str, Any]:
    """Glue's TableInput of a group."""
    config = document["OfflineStoreConfig"]
    return {
        "Name": config["DataCatalogConfig"]["TableName"].lower(),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in PARTITION_KEYS],
        "StorageDescriptor": storage(document, config["S3StorageConfig"]["ResolvedOutputS3Uri"]),
    }
