"""Parquet files of records, written by DuckDB: the records stay JSON until it reads them."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sageyard.featurestore.offline_layout import Hour, seconds_of
from sageyard.resources.spec import Document

if TYPE_CHECKING:
    import duckdb

MEMORY = "512MB"
TYPES = {"String": "VARCHAR", "Integral": "BIGINT", "Fractional": "DOUBLE"}


@dataclass(slots=True)
class Share:
    """The records of one hour of event time; `latest` in epoch seconds, `invoked` in microseconds."""

    latest: float
    records: list[str] = field(default_factory=list)
    invoked: list[int] = field(default_factory=list)
    deleted: list[bool] = field(default_factory=list)


def by_hour(records: Iterable[sqlite3.Row]) -> dict[Hour, Share]:
    """Rows of the outbox, by the partition that they belong to."""
    shares: dict[int, Share] = {}
    for _, record, event_time, invoked, deleted in records:
        seconds = seconds_of(event_time)
        number = int(seconds // 3600)
        if (share := shares.get(number)) is None:
            share = shares[number] = Share(seconds)
        elif seconds > share.latest:
            share.latest = seconds
        share.records.append(record)
        share.invoked.append(round(invoked * 1_000_000))
        share.deleted.append(bool(deleted))
    return {Hour.of(number * 3600): share for number, share in shares.items()}


class ParquetWriter:
    """One DuckDB, made when it is first needed; used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._connection: duckdb.DuckDBPyConnection | None = None

    def write(self, document: Document, shares: dict[Hour, Share], written: float) -> Iterator[tuple[Hour, Path]]:
        """A file for each hour, in turn; it is gone when the next is asked for."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "share.parquet"
        copy = f"COPY ({_select(document['FeatureDefinitions'])}) TO '{_escaped(file)}' (FORMAT parquet)"
        for hour, share in shares.items():
            try:
                moment = round(written * 1_000_000)
                self._open().execute(copy, [moment, share.records, share.invoked, share.deleted])
                yield hour, file
            finally:
                file.unlink(missing_ok=True)

    def _open(self) -> "duckdb.DuckDBPyConnection":
        if self._connection is None:
            import duckdb

            self._connection = duckdb.connect(config={"memory_limit": MEMORY, "threads": 1})
        return self._connection

    def close(self) -> None:
        """Let the engine go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")


def _select(definitions: list[Document]) -> str:
    structure = {one["FeatureName"]: ["VARCHAR"] if "CollectionType" in one else "VARCHAR" for one in definitions}
    columns = []
    for one in definitions:
        name = f'"{one["FeatureName"]}"'  # letters, digits, - and _
        kind = TYPES[one["FeatureType"]] + ("[]" if "CollectionType" in one else "")
        columns.append(f"TRY_CAST(record.{name} AS {kind}) AS {name}")
    return (
        f"SELECT {', '.join(columns)}, make_timestamp($1) AS write_time,"  # noqa: S608 - names as checked on creation
        " make_timestamp(invoked) AS api_invocation_time, is_deleted FROM ("
        f"SELECT from_json(unnest($2::VARCHAR[]), '{json.dumps(structure)}') AS record,"
        " unnest($3::BIGINT[]) AS invoked, unnest($4::BOOLEAN[]) AS is_deleted)"
    )
