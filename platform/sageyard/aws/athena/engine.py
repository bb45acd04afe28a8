"""DuckDB over the files of a query's tables, and over nothing else.

Each query has a database of its own in memory and a folder of hard links to the objects that it reads: what is deleted
or overwritten meanwhile does not disturb it. Before the query is run its connection is confined to that folder, and
its configuration locked.
"""

import json
import os
import re
import shutil
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sageyard.aws.athena.catalog import Catalog, Table, TableFile
from sageyard.aws.athena.dialect import SCHEMA, Query
from sageyard.aws.athena.errors import CancelledError, QueryError
from sageyard.aws.athena.formats import Files, everything, json_keys, kind_of, literal, parquet_schemas, select
from sageyard.aws.athena.values import MACROS, column_info, line
from sageyard.cloud import ObjectNotFoundError, Objects

MEMORY = "1GB"
SPILL = "10GB"
LARGEST_RESULT = 4 << 30  # bytes of CSV
ROWS = 5000  # lines written at once
TRINO = """
CREATE MACRO to_iso8601(value) AS CASE typeof(value)
    WHEN 'DATE' THEN strftime(value, '%Y-%m-%d')
    WHEN 'TIMESTAMP WITH TIME ZONE' THEN strftime(timezone('UTC', value::TIMESTAMPTZ), '%Y-%m-%dT%H:%M:%S.%gZ')
    ELSE strftime(value, '%Y-%m-%dT%H:%M:%S.%g') END;
CREATE MACRO at_timezone(value, zone) AS timezone(zone, value);
CREATE MACRO map_agg(key, value) AS map(list(key), list(value));
CREATE MACRO every(value) AS bool_and(value);
CREATE MACRO codepoint(value) AS unicode(value);
"""
CODES = {
    "CatalogException": "FUNCTION_NOT_FOUND",
    "ConversionException": "INVALID_CAST_ARGUMENT",
    "InvalidInputException": "INVALID_FUNCTION_ARGUMENT",
    "OutOfMemoryException": "EXCEEDED_LOCAL_MEMORY_LIMIT",
    "OutOfRangeException": "NUMERIC_VALUE_OUT_OF_RANGE",
    "PermissionException": "PERMISSION_DENIED",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a query gave: ColumnInfo of its columns, bytes read of its files."""

    columns: list[dict[str, Any]]
    scanned: int


@dataclass(slots=True)
class Cancellation:
    """The way to stop a query from another thread."""

    stopped: bool = False
    interrupt: Callable[[], None] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def stop(self) -> None:
        """Stop it now, or as soon as it begins."""
        with self.lock:
            self.stopped = True
            if self.interrupt is not None:
                self.interrupt()

    def watch(self, interrupt: Callable[[], None] | None) -> None:
        """From now on this is what stops the work under way; None: nothing."""
        with self.lock:
            self.interrupt = interrupt

    def check(self) -> None:
        """CancelledError where the query was stopped."""
        if self.stopped:
            raise CancelledError


class Engine:
    """Runs queries below one folder, which is on the objects' file system and belongs to nobody else."""

    def __init__(self, folder: Path, objects: Objects) -> None:
        self._folder = folder
        self._objects = objects

    def clear(self) -> None:
        """Remove what a killed server left behind."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, name: str, query: Query, catalog: Catalog, output: Path, cancellation: Cancellation) -> Outcome:
        """Write a query's result as CSV with a header; QueryError, CancelledError. Blocks."""
        import duckdb

        folder = self._folder / name
        (folder / "tables").mkdir(parents=True)
        try:
            with closing(duckdb.connect(config={"memory_limit": MEMORY, "threads": 2})) as connection:
                cancellation.watch(connection.interrupt)
                try:
                    self._bind(connection, folder, query, catalog, cancellation)
                    return self._run(connection, query.sql, output, cancellation)
                except duckdb.InterruptException:
                    raise CancelledError from None
                except duckdb.Error as error:
                    raise QueryError(_reason(error)) from None
                finally:
                    cancellation.watch(None)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _bind(self, connection: Any, folder: Path, query: Query, catalog: Catalog, cancellation: Cancellation) -> None:
        tables = folder / "tables"
        settings = {
            "temp_directory": literal(str(folder / "spill")),
            "max_temp_directory_size": literal(SPILL),
            "allowed_directories": f"[{literal(str(tables))}]",
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "TimeZone": "'UTC'",
            "integer_division": "true",  # as Trino divides: 7 / 2 is 3, and by zero is an error
            "enable_profiling": "'no_output'",
            "lock_configuration": "true",
        }
        for setting, value in settings.items():
            connection.execute(f"SET {setting} = {value}")
        connection.execute(f"CREATE SCHEMA {SCHEMA}; {MACROS} {TRINO}")
        for view, wanted in query.tables.items():
            cancellation.check()
            table = catalog.table(wanted.database, wanted.name)
            kind = kind_of(table)
            linked = self._link(tables / view, table, catalog.files(table))
            sources = self._sources(connection, linked, kind) if linked else []
            connection.execute(f"CREATE VIEW {SCHEMA}.{view} AS {select(table, sources)}")

    @staticmethod
    def _sources(connection: Any, folder: str, kind: str) -> list[Files]:
        """A table's files, by their columns."""

        def names(query: str) -> list[str]:
            return [row[0] for row in connection.execute(f"DESCRIBE {query}").fetchall()]

        if kind == "parquet":
            alike = [
                [literal(path) for path in row[0]] for row in connection.execute(parquet_schemas(folder)).fetchall()
            ]
            one = "SELECT * FROM read_parquet({}, hive_partitioning=false)"
            return [Files(f"[{', '.join(paths)}]", names(one.format(paths[0]))) for paths in alike]
        argument = everything(folder)
        return [Files(argument, names(json_keys(argument)) if kind == "json" else [])]

    def _link(self, folder: Path, table: Table, files: list[TableFile]) -> str | None:
        """Link a table's objects, in folders that name their partition; None where there are none."""
        keys = [name for name, _ in table.partition_keys]
        made: set[tuple[str, ...]] = set()
        linked = 0
        for number, file in enumerate(files):
            steps = [f"{key}={quote(value, safe='')}" for key, value in zip(keys, file.partition, strict=True)]
            target = folder.joinpath(*steps)
            if file.partition not in made:
                target.mkdir(parents=True, exist_ok=True)
                made.add(file.partition)
            name = file.key.rpartition("/")[2]
            packed = f".{name.rpartition('.')[2]}" if name.endswith((".gz", ".zst")) else ""
            try:
                _link(self._objects.path(file.bucket, file.key), target / f"{number}{packed}")
            except (ObjectNotFoundError, FileNotFoundError):
                continue  # deleted since it was listed
            linked += 1
        return str(folder) if linked else None

    def _run(self, connection: Any, sql: str, output: Path, cancellation: Cancellation) -> Outcome:
        relation = connection.sql(sql)
        names, kinds = relation.columns, relation.types
        columns = [column_info(name, kind) for name, kind in zip(names, kinds, strict=True)]
        positions = ", ".join(f"c{number}" for number in range(len(kinds)))
        cancellation.check()
        result = connection.execute(f"SELECT {line(kinds)} FROM ({sql}) AS result({positions})")  # noqa: S608
        with output.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join('"' + name.replace('"', '""') + '"' for name in names) + "\n")
            while rows := result.fetchmany(ROWS):
                cancellation.check()
                file.writelines(f"{row[0]}\n" for row in rows)
                if file.tell() > LARGEST_RESULT:
                    raise QueryError(f"EXCEEDED_RESULT_LIMIT: the result is larger than {LARGEST_RESULT} bytes")
        profile = json.loads(connection.get_profiling_information())
        return Outcome(columns, int(profile.get("io", {}).get("total_bytes_read") or 0))


def _link(source: Path, target: Path) -> None:
    """A hard link, or a copy where the file system has none."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)


def _reason(error: Exception) -> str:
    """DuckDB's message, under the code that Trino gives to such a failure."""
    message = re.sub(r"^(\w+ )+Error: ", "", str(error).split("\n\nLINE", 1)[0].strip())
    if "Division by zero" in message:
        return "DIVISION_BY_ZERO: Division by zero"
    if match := re.match(r'Referenced column "([^"]*)" not found', message):
        return f"COLUMN_NOT_FOUND: Column '{match[1]}' cannot be resolved"
    return f"{CODES.get(type(error).__name__, 'SYNTAX_ERROR')}: {message}"
