"""The SELECT by which DuckDB reads a Glue table's files, by the table's SerDe.

Sources: Athena's user guide on the Parquet, OpenCSV, LazySimple, Hive JSON and OpenX JSON SerDes.
"""

from dataclasses import dataclass, field
from functools import cache

from sageyard.aws.athena.catalog import Table
from sageyard.aws.athena.errors import QueryError

CSV = "auto_detect=false, header=false, null_padding=true, strict_mode=false, allow_quoted_nulls=false"


def literal(value: str) -> str:
    """A string of SQL."""
    return "'" + value.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """An identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


@cache
def duckdb_type(hive_type: str) -> str:
    """`array<int>` as `INT[]`; QueryError for a type that Hive does not have."""
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        return exp.DataType.build(hive_type, dialect="hive").sql("duckdb")
    except SqlglotError:
        raise QueryError(f"HIVE_INVALID_METADATA: {hive_type!r} is no type of Hive") from None


@dataclass(frozen=True, slots=True)
class Files:
    """Files that are read in one go: an argument for DuckDB's readers, and their columns' names as written there."""

    argument: str
    names: list[str] = field(default_factory=list)


def select(table: Table, sources: list[Files]) -> str:
    """The table as a query over its files, which lie in `key=value` folders where it has partitions."""
    columns = table.columns + table.partition_keys
    if not sources:
        nulls = ", ".join(f"CAST(NULL AS {duckdb_type(kind)}) AS {quoted(name)}" for name, kind in columns)
        return f"SELECT {nulls} WHERE false"
    return " UNION ALL ".join(_select(table, files) for files in sources)


def _select(table: Table, files: Files) -> str:
    source, columns = _SOURCES[kind_of(table)](table, files)
    columns += [f"CAST({quoted(key)} AS {duckdb_type(kind)}) AS {quoted(key)}" for key, kind in table.partition_keys]
    return f"SELECT {', '.join(columns)} FROM {source}"  # noqa: S608 - quoted names and literals


def everything(folder: str) -> str:
    """The argument that names all files below a folder."""
    return literal(f"{folder}/**/*")


def parquet_schemas(folder: str) -> str:
    """A query for the paths of the files of each schema.

    A table's columns become more over time. Files of one schema are opened only when they are read; to unite schemas
    DuckDB would open all of them each time that it looks at a query.
    """
    return f"""
        SELECT list(file_name ORDER BY file_name) FROM (
            SELECT file_name, list((name, type, num_children, converted_type, logical_type)) AS schema
            FROM parquet_schema({everything(folder)}) GROUP BY file_name
        ) GROUP BY schema ORDER BY min(file_name)
    """  # noqa: S608 - a literal


def kind_of(table: Table) -> str:
    """parquet, csv, text or json; QueryError naming any other SerDe."""
    serde = f"{table.serde} {table.input_format}"
    for sign, kind in (("Parquet", "parquet"), ("OpenCSVSerde", "csv"), ("LazySimpleSerDe", "text"), ("Json", "json")):
        if sign in serde:
            return kind
    raise QueryError(
        f"HIVE_UNSUPPORTED_FORMAT: table {table.database}.{table.name} has SerDe {table.serde or 'of no name'!r}; "
        "Sageyard's Athena reads Parquet, OpenCSVSerde, LazySimpleSerDe and JSON"
    )


def _hive(table: Table) -> str:
    return f"hive_partitioning={str(bool(table.partition_keys)).lower()}, hive_types_autocast=false"


def _parquet(table: Table, files: Files) -> tuple[str, list[str]]:
    written = {name.lower(): name for name in files.names}
    columns = [
        f"CAST({quoted(written[name]) if name in written else 'NULL'} AS {duckdb_type(kind)}) AS {quoted(name)}"
        for name, kind in table.columns
    ]
    return f"read_parquet({files.argument}, {_hive(table)})", columns


def _delimited(table: Table, files: Files, delimiter: str, quote: str, escape: str) -> str:
    options = {
        "delim": f"chr({ord(delimiter[:1] or ',')})",
        "quote": literal(quote),
        "escape": literal(escape),
        "nullstr": r"'\N'",
        "skip": str(int(table.parameters.get("skip.header.line.count") or 0)),
    }
    given = ", ".join(f"{name}={value}" for name, value in options.items())
    columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(table.columns)))
    return f"read_csv({files.argument}, {CSV}, {given}, columns={{{columns}}}, {_hive(table)})"


def _csv(table: Table, files: Files) -> tuple[str, list[str]]:
    """Every field is a string in the file; a number or date that is none fails the query."""
    properties = table.serde_parameters
    separator, quote = properties.get("separatorChar") or ",", properties.get("quoteChar") or '"'
    source = _delimited(table, files, separator, quote[:1], (properties.get("escapeChar") or "\\")[:1])
    return source, [_field(number, name, kind, "CAST") for number, (name, kind) in enumerate(table.columns)]


def _text(table: Table, files: Files) -> tuple[str, list[str]]:
    """Hive's text: \\001 between fields unless told otherwise; what does not parse is NULL."""
    properties = table.serde_parameters
    delimiter = properties.get("field.delim") or properties.get("serialization.format") or "\x01"
    delimiter = chr(int(delimiter)) if delimiter.isdecimal() else delimiter
    source = _delimited(table, files, delimiter, "", (properties.get("escape.delim") or "")[:1])
    return source, [_field(number, name, kind, "TRY_CAST") for number, (name, kind) in enumerate(table.columns)]


def _field(number: int, name: str, kind: str, cast: str) -> str:
    value, target = f"c{number}", duckdb_type(kind)
    if target == "TEXT":
        return f"{value} AS {quoted(name)}"
    value = f"NULLIF({value}, '')"
    if target == "TIMESTAMP":  # written out, or milliseconds since 1970
        value = f"COALESCE(TRY_CAST({value} AS TIMESTAMP), epoch_ms(TRY_CAST({value} AS BIGINT)))"
    return f"{cast}({value} AS {target}) AS {quoted(name)}"


def json_keys(argument: str) -> str:
    """A query whose columns are the keys of JSON objects, as they are written."""
    options = "format='newline_delimited', maximum_depth=1, sample_size=-1, ignore_errors=true, hive_partitioning=false"
    return f"SELECT * FROM read_json({argument}, {options})"  # noqa: S608 - a literal


def _json(table: Table, files: Files) -> tuple[str, list[str]]:
    """Keys are columns in any case; those of structures have to be written as they are declared."""
    written = {name.lower(): name for name in files.names}
    keys = [(name, written.get(name, name), duckdb_type(kind)) for name, kind in table.columns]
    columns = ", ".join(f"{literal(key)}: {literal(kind)}" for _, key, kind in keys)
    lenient = str(table.serde_parameters.get("ignore.malformed.json", "").lower() == "true").lower()
    source = (
        f"read_json({files.argument}, format='newline_delimited', columns={{{columns}}}, ignore_errors={lenient}, "
        f"{_hive(table)})"
    )
    return source, [f"{quoted(key)} AS {quoted(name)}" for name, key, _ in keys]


_SOURCES = {"parquet": _parquet, "csv": _csv, "text": _text, "json": _json}
