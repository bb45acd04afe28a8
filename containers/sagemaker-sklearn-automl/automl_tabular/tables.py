"""Tables as AutoML reads them: CSV with a header line, or Parquet (guide: 'Autopilot datasets and problem types')."""

import json
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pandas as pd
from sagemaker_toolkit.errors import ClientError

CSV = "text/csv;header=present"


def read(folder: Path, content_type: str = CSV) -> pd.DataFrame:
    """All files of a folder, one below the other. ClientError: no file, columns that differ, an unreadable file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "_")))
    if not files:
        raise ClientError(f"There is no file in the input {folder.name}: name an S3 prefix with data.")
    tables = [_read(path, content_type) for path in files]
    for path, table in zip(files, tables, strict=True):
        if list(table.columns) != list(tables[0].columns):
            raise ClientError(
                f"{path.name} has the columns {_shown(table.columns)} and {files[0].name} {_shown(tables[0].columns)}: "
                "all files of an input must have the same ones, in the same order."
            )
    return pd.concat(tables, ignore_index=True)


def _read(path: Path, content_type: str) -> pd.DataFrame:
    try:
        parquet = path.suffix == ".parquet" or "parquet" in content_type
        table = duckdb.read_parquet(str(path)).df() if parquet else pd.read_csv(path)
    except Exception as error:
        raise ClientError(f"{path.name} cannot be read as {content_type}: {error}") from error
    table.columns = [str(column) for column in table.columns]
    return table


def _shown(columns: Sequence[str]) -> str:
    return ", ".join(map(str, columns[:20])) + (", …" if len(columns) > 20 else "")


def write(table: pd.DataFrame, folder: Path) -> None:
    """One CSV file with a header line."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "part-00000.csv", index=False)


def write_json(document: object, path: Path) -> None:
    """A document for people and for the job after this one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")
