"""Glue's tables, as Athena reads them: columns, and the objects below a location or below each partition's."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from sageyard.aws.athena.errors import QueryError
from sageyard.cloud import ObjectNotFoundError, Objects, Services, split_s3_uri
from sageyard.errors import AwsError

CATALOG = "awsdatacatalog"
MISSING = "EntityNotFoundException"


@dataclass(frozen=True, slots=True)
class TableFile:
    """One object of a table. `partition` holds the values of the partition keys, in their order."""

    bucket: str
    key: str
    size: int
    partition: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A Glue table. Columns and partition keys are (name in lower case, Hive type)."""

    database: str
    name: str
    columns: list[tuple[str, str]]
    partition_keys: list[tuple[str, str]]
    location: str
    serde: str
    input_format: str
    parameters: dict[str, str]
    serde_parameters: dict[str, str]
    document: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Table":
        """From Glue's answer."""
        storage = document.get("StorageDescriptor") or {}
        serde = storage.get("SerdeInfo") or {}
        return cls(
            document["DatabaseName"],
            document["Name"],
            [(column["Name"].lower(), column.get("Type") or "string") for column in storage.get("Columns") or []],
            [(key["Name"].lower(), key.get("Type") or "string") for key in document.get("PartitionKeys") or []],
            storage.get("Location") or "",
            serde.get("SerializationLibrary") or "",
            storage.get("InputFormat") or "",
            document.get("Parameters") or {},
            serde.get("Parameters") or {},
            document,
        )


class Catalog:
    """Glue's Data Catalog in one region."""

    def __init__(self, services: Services, objects: Objects, region: str) -> None:
        self._services = services
        self._objects = objects
        self._region = region

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """One operation of Glue; AwsError."""
        return self._services.call(self._region, "glue", operation, parameters)

    def table(self, database: str, name: str) -> Table:
        """A table by its name in any case, for Glue has names in lower case; QueryError where there is none."""
        for names in dict.fromkeys([(database.lower(), name.lower()), (database, name)]):
            try:
                return Table.of(self.call("GetTable", DatabaseName=names[0], Name=names[1])["Table"])
            except AwsError as error:
                if error.code != MISSING:
                    raise
        self.check_database(database)
        raise QueryError(f"TABLE_NOT_FOUND: Table '{CATALOG}.{database}.{name}' does not exist")

    def check_database(self, database: str) -> None:
        """QueryError where there is no such database; `default` always is."""
        if not self.has_database(database):
            raise QueryError(f"SCHEMA_NOT_FOUND: Schema '{database}' does not exist")

    def has_database(self, database: str) -> bool:
        """Whether a database exists."""
        if database.lower() == "default":
            return True
        try:
            self.call("GetDatabase", Name=database.lower())
        except AwsError as error:
            if error.code != MISSING:
                raise
            return False
        return True

    def partitions(self, table: Table) -> list[tuple[tuple[str, ...], str]]:
        """(values, location) of each registered partition."""
        found: list[tuple[tuple[str, ...], str]] = []
        token: dict[str, str] = {}
        while True:
            answer = self.call("GetPartitions", DatabaseName=table.database, TableName=table.name, **token)
            for partition in answer.get("Partitions") or []:
                location = (partition.get("StorageDescriptor") or {}).get("Location") or ""
                found.append((tuple(partition["Values"]), location))
            if not answer.get("NextToken"):
                return found
            token = {"NextToken": answer["NextToken"]}

    def files(self, table: Table) -> list[TableFile]:
        """The objects that a query reads; of a partitioned table those of its registered partitions, as on AWS.

        Objects whose names begin with a dot or an underscore are hidden, as in Hive; empty ones hold no rows.
        """
        if not table.partition_keys:
            return [TableFile(bucket, key, size) for bucket, key, size in self._below(table.location)]
        partitions = self.partitions(table)
        inside = {location.rstrip("/"): values for values, location in partitions}
        found: list[TableFile] = []
        # One listing for all partitions in the table's own folder: there may be one for every hour of years.
        for bucket, key, size in self._below(table.location) if partitions else []:
            folder = f"s3://{bucket}/{key.rpartition('/')[0]}"
            if folder in inside:
                found.append(TableFile(bucket, key, size, inside[folder]))
        for values, location in partitions:
            if not location.startswith(f"{table.location.rstrip('/')}/"):
                found += [TableFile(bucket, key, size, values) for bucket, key, size in self._below(location)]
        return found

    def folders(self, table: Table) -> dict[tuple[str, ...], str]:
        """All `key=value` folders below a table's location: the values of the partition keys, and where they are."""
        names = [name for name, _ in table.partition_keys]
        root = table.location.rstrip("/")
        found = {}
        for bucket, key, _ in self._below(table.location):
            steps = f"s3://{bucket}/{key}".removeprefix(f"{root}/").split("/")[: len(names)]
            pairs = [step.partition("=") for step in steps]
            if [name.lower() for name, _, _ in pairs] == names:
                found[tuple(unquote(value) for _, _, value in pairs)] = f"{root}/{'/'.join(steps)}"
        return found

    def _below(self, location: str) -> list[tuple[str, str, int]]:
        try:
            bucket, prefix = split_s3_uri(location)
        except ValueError as error:
            raise QueryError(f"HIVE_METASTORE_ERROR: {error}") from None
        prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        try:
            listed = self._objects.list(bucket, prefix)
        except ObjectNotFoundError:
            raise QueryError(f"HIVE_FILESYSTEM_ERROR: Bucket '{bucket}' of {location} does not exist") from None
        return [
            (bucket, found.key, found.size)
            for found in listed
            if found.size and not found.key.rpartition("/")[2].startswith(("_", "."))
        ]
