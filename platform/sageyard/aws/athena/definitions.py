"""DDL and SHOW, carried out on Glue's Data Catalog: what they print is what Athena puts into its text file."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from sageyard.aws.athena.catalog import MISSING, Catalog, Table
from sageyard.aws.athena.dialect import Statement, refusal
from sageyard.aws.athena.errors import QueryError
from sageyard.errors import AwsError

HIVE = "org.apache.hadoop.hive"
TEXT_INPUT, TEXT_OUTPUT = "org.apache.hadoop.mapred.TextInputFormat", f"{HIVE}.ql.io.HiveIgnoreKeyTextOutputFormat"
LAZY = f"{HIVE}.serde2.lazy.LazySimpleSerDe"
STORED_AS = {
    "TEXTFILE": (LAZY, TEXT_INPUT, TEXT_OUTPUT),
    "PARQUET": (
        f"{HIVE}.ql.io.parquet.serde.ParquetHiveSerDe",
        f"{HIVE}.ql.io.parquet.MapredParquetInputFormat",
        f"{HIVE}.ql.io.parquet.MapredParquetOutputFormat",
    ),
}
PART = r'(?:`[^`]+`|"[^"]+"|[\w$-]+)'
NAME = rf"(?:(?:{PART}\.)?{PART}\.)?{PART}"
MSCK = re.compile(rf"MSCK\s+REPAIR\s+TABLE\s+({NAME})", re.IGNORECASE)
ADD_PARTITIONS = re.compile(
    rf"ALTER\s+TABLE\s+({NAME})\s+ADD\s+(IF\s+NOT\s+EXISTS\s+)?(PARTITION\s*\(.*)", re.IGNORECASE | re.DOTALL
)
PARTITION = re.compile(r"\s*PARTITION\s*\(([^)]*)\)(?:\s*LOCATION\s*'([^']*)')?", re.IGNORECASE)
ASSIGNMENT = re.compile(rf"\s*({PART})\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([\w.-]+))\s*(?:,|$)")
SHOW = re.compile(
    rf"SHOW\s+(DATABASES|SCHEMAS|TABLES|PARTITIONS|COLUMNS)(?:\s+(?:IN|FROM))?(?:\s+({NAME}))?(?:\s+(?:LIKE\s+)?'([^']*)')?",
    re.IGNORECASE,
)
BATCH = 100  # of BatchCreatePartition


class Definitions:
    """The statements about tables, in one region's catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def carry_out(self, statement: Statement, database: str) -> Iterator[str]:
        """The lines that the statement prints; QueryError."""
        from sqlglot import exp

        tree = statement.tree
        try:
            match statement.word:
                case "SHOW":
                    yield from self._show(statement.text, database)
                case "MSCK":
                    yield from self._repair(statement.text, database)
                case "ALTER":
                    self._add_partitions(statement.text, database)
                case "DESCRIBE" if isinstance(tree, exp.Describe) and isinstance(tree.this, exp.Table):
                    yield from self._describe(self._catalog.table(tree.this.db or database, tree.this.name))
                case "CREATE" if isinstance(tree, exp.Create):
                    self._create(tree, database)
                case "DROP" if isinstance(tree, exp.Drop):
                    self._drop(tree, database)
                case word:
                    raise refusal(word)
        except AwsError as error:
            raise QueryError(f"HIVE_METASTORE_ERROR: {error.code}: {error.message}") from None

    def _create(self, tree: Any, database: str) -> None:
        from sqlglot import exp

        if tree.kind in {"DATABASE", "SCHEMA"}:
            self._create_database(tree)
            return
        external = tree.find(exp.ExternalProperty) is not None and isinstance(tree.this, exp.Schema)
        if tree.kind != "TABLE" or tree.expression is not None or not external:
            kind = "CREATE TABLE AS SELECT" if tree.kind == "TABLE" and tree.expression is not None else ""
            raise refusal(kind or f"CREATE {tree.kind}")
        target = tree.this.this
        database = target.db or database
        self._catalog.check_database(database)
        if database.lower() == "default":
            self._ensure_default()
        try:
            table = _table_input(tree, target.name.lower())
            self._catalog.call("CreateTable", DatabaseName=database.lower(), TableInput=table)
        except AwsError as error:
            if error.code != "AlreadyExistsException" or not tree.args.get("exists"):
                raise

    def _create_database(self, tree: Any) -> None:
        name = (tree.this.name or tree.this.db).lower()
        try:
            self._catalog.call("CreateDatabase", DatabaseInput={"Name": name})
        except AwsError as error:
            if error.code != "AlreadyExistsException" or not tree.args.get("exists"):
                raise

    def _ensure_default(self) -> None:
        try:
            self._catalog.call("CreateDatabase", DatabaseInput={"Name": "default"})
        except AwsError as error:
            if error.code != "AlreadyExistsException":
                raise

    def _drop(self, tree: Any, database: str) -> None:
        target = tree.args["tables"][0] if tree.args.get("tables") else tree.this
        try:
            if tree.args["kind"] == "TABLE":
                name = {"DatabaseName": (target.db or database).lower(), "Name": target.name.lower()}
                self._catalog.call("DeleteTable", **name)
            elif tree.args["kind"] in {"DATABASE", "SCHEMA"}:
                self._drop_database((target.name or target.db).lower(), bool(tree.args.get("cascade")))
            else:
                raise refusal(f"DROP {tree.args['kind']}")
        except AwsError as error:
            if error.code != MISSING or not tree.args.get("exists"):
                raise

    def _drop_database(self, name: str, cascade: bool) -> None:
        if not cascade and self._catalog.call("GetTables", DatabaseName=name).get("TableList"):
            raise QueryError(f"InvalidOperationException: Database {name} is not empty: DROP DATABASE {name} CASCADE")
        self._catalog.call("DeleteDatabase", Name=name)

    def _describe(self, table: Table) -> Iterator[str]:
        for name, kind in table.columns + table.partition_keys:
            yield f"{name:<20}\t{kind:<20}\t{'':<20}"
        if table.partition_keys:
            yield "\t \t "
            yield "# Partition Information\t \t "
            yield f"{'# col_name':<20}\t{'data_type':<20}\t{'comment':<20}"
            for name, kind in table.partition_keys:
                yield f"{name:<20}\t{kind:<20}\t{'':<20}"

    def _show(self, text: str, database: str) -> Iterator[str]:
        match = SHOW.fullmatch(text)
        if match is None:
            raise refusal(" ".join(text.split()[:2]).upper())
        what, steps = match[1].upper(), [step.strip('`"') for step in re.findall(PART, match[2] or "")]
        like = re.compile((match[3] or "*").replace("*", ".*"), re.IGNORECASE)
        if what in {"DATABASES", "SCHEMAS"}:
            found = self._catalog.call("GetDatabases").get("DatabaseList") or []
            yield from sorted(each["Name"] for each in found if like.fullmatch(each["Name"]))
        elif what == "TABLES":
            schema = steps[-1] if steps else database
            self._catalog.check_database(schema)
            if schema != "default" or "default" in list(self._show("SHOW DATABASES", database)):
                found = self._catalog.call("GetTables", DatabaseName=schema.lower()).get("TableList") or []
                yield from sorted(each["Name"] for each in found if like.fullmatch(each["Name"]))
        elif not steps:
            raise QueryError(f"SYNTAX_ERROR: SHOW {what} needs a table's name")
        else:
            table = self._catalog.table(steps[-2] if len(steps) > 1 else database, steps[-1])
            if what == "COLUMNS":
                yield from (f"{name:<20}" for name, _ in table.columns + table.partition_keys)
            else:
                yield from sorted(_path(table, values) for values, _ in self._catalog.partitions(table))

    def _repair(self, text: str, database: str) -> Iterator[str]:
        match = MSCK.fullmatch(text)
        if match is None:
            raise refusal(" ".join(text.split()[:2]).upper())
        table = self._named(match[1], database)
        known = {values for values, _ in self._catalog.partitions(table)}
        missing = sorted(item for item in self._catalog.folders(table).items() if item[0] not in known)
        if not missing:
            return
        names = [f"{table.name}:{_path(table, values)}" for values, _ in missing]
        yield "\t".join(["Partitions not in metastore:", *names])
        self._register(table, missing)
        yield from (f"Repair: Added partition to metastore {name}" for name in names)

    def _add_partitions(self, text: str, database: str) -> None:
        match = ADD_PARTITIONS.fullmatch(text)
        if match is None:
            raise refusal(" ".join(text.split()[:2]).upper() + " without ADD PARTITION")
        table, wanted = self._named(match[1], database), []
        for part in PARTITION.finditer(match[3]):
            pairs = ASSIGNMENT.finditer(part[1])
            given = {pair[1].strip('`"').lower(): pair[2] or pair[3] or pair[4] for pair in pairs}
            if given.keys() != {name for name, _ in table.partition_keys}:
                raise QueryError(f"SemanticException: PARTITION ({part[1]}) does not name the keys of {table.name}")
            values = tuple(given[name] for name, _ in table.partition_keys)
            wanted.append((values, part[2] or f"{table.location.rstrip('/')}/{_path(table, values)}"))
        known = {values for values, _ in self._catalog.partitions(table)}
        again = [values for values, _ in wanted if values in known]
        if again and not match[2]:
            name = f"{table.name}:{_path(table, again[0])}"
            raise QueryError(f"AlreadyExistsException: partition {name} exists already")
        self._register(table, [each for each in wanted if each[0] not in known])

    def _named(self, name: str, database: str) -> Table:
        steps = [step.strip('`"') for step in re.findall(PART, name)]
        return self._catalog.table(steps[-2] if len(steps) > 1 else database, steps[-1])

    def _register(self, table: Table, partitions: list[tuple[tuple[str, ...], str]]) -> None:
        storage = table.document["StorageDescriptor"]
        for first in range(0, len(partitions), BATCH):
            entries = [
                {"Values": list(values), "StorageDescriptor": {**storage, "Location": location}}
                for values, location in partitions[first : first + BATCH]
            ]
            names = {"DatabaseName": table.database, "TableName": table.name}
            self._catalog.call("BatchCreatePartition", **names, PartitionInputList=entries)


def _path(table: Table, values: tuple[str, ...]) -> str:
    keys = zip(table.partition_keys, values, strict=True)
    return "/".join(f"{name}={quote(value, safe=' -_.')}" for (name, _), value in keys)


def _table_input(tree: Any, name: str) -> dict[str, Any]:
    """Glue's TableInput of a CREATE EXTERNAL TABLE."""
    from sqlglot import exp

    location = tree.find(exp.LocationProperty)
    if location is None:
        raise QueryError("SemanticException: CREATE EXTERNAL TABLE needs LOCATION 's3://bucket/folder/'")
    partitioned = tree.find(exp.PartitionedByProperty)
    properties = {
        each.name: each.args["value"].name for each in tree.args["properties"].expressions if type(each) is exp.Property
    }
    serde, input_format, output_format, parameters = _storage(tree)
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", **properties},
        "PartitionKeys": _columns(partitioned.this.expressions if partitioned else []),
        "StorageDescriptor": {
            "Columns": _columns(tree.this.expressions),
            "Location": location.this.name,
            "InputFormat": input_format,
            "OutputFormat": output_format,
            "SerdeInfo": {"SerializationLibrary": serde, "Parameters": parameters},
        },
    }


def _columns(definitions: list[Any]) -> list[dict[str, str]]:
    columns = []
    for column in definitions:
        if column.args.get("kind") is None:
            raise QueryError(f"ParseException: column {column.name!r} needs a type")
        columns.append({"Name": column.name.lower(), "Type": column.args["kind"].sql("hive").lower().replace(" ", "")})
    return columns


def _storage(tree: Any) -> tuple[str, str, str, dict[str, str]]:
    """SerDe, input and output format, and the SerDe's parameters."""
    from sqlglot import exp

    stored = tree.find(exp.FileFormatProperty)
    serde, (input_format, output_format) = LAZY, (TEXT_INPUT, TEXT_OUTPUT)
    if stored is not None and isinstance(stored.this, exp.InputOutputFormat):
        input_format, output_format = stored.this.args["input_format"].name, stored.this.args["output_format"].name
    elif stored is not None:
        if stored.this.name.upper() not in STORED_AS:
            raise refusal(f"CREATE EXTERNAL TABLE … STORED AS {stored.this.name.upper()}")
        serde, input_format, output_format = STORED_AS[stored.this.name.upper()]
    if (row := tree.find(exp.RowFormatSerdeProperty)) is not None:
        given = row.args.get("serde_properties")
        parameters = {each.name: each.args["value"].name for each in (given.expressions if given else [])}
        return row.name, input_format, output_format, parameters
    parameters = {"serialization.format": "1"}
    if (row := tree.find(exp.RowFormatDelimitedProperty)) is not None:
        named = {"fields": "field.delim", "escaped": "escape.delim", "lines": "line.delim"}
        parameters |= {named[name]: value.name for name, value in row.args.items() if name in named and value}
    return serde, input_format, output_format, parameters
