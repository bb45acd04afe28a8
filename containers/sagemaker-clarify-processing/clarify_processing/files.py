"""The dataset's files: CSV, JSON Lines, JSON and Parquet as one table."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from .columns import find_column
from .config import AnalysisConfig
from .csvfile import read_csv
from .errors import AnalysisError
from .records import read_records


@dataclass(frozen=True)
class Table:
    """All files of a folder, one below the other; `frame` holds every column, of JSON every feature."""

    frame: pd.DataFrame
    label: pd.Series | None
    predicted_label: pd.Series | None
    files: int


def read_table(config: AnalysisConfig, folder: Path, part: str = "") -> Table:
    """Read every file below `folder`, in the order of their names.

    `part` is `facet` or `predicted_label` for those datasets of their own: CSV, with `<part>_headers`.
    AnalysisError names the file, line or column that is not as it should be.
    """
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(name.startswith((".", "_")) for name in path.relative_to(folder).parts)
    )
    where = f"{part}_dataset_uri" if part else "the dataset"
    if not paths:
        raise AnalysisError(f"There is no file in {where}. The input dataset's S3Uri must be a file or a prefix.")
    headers = config.document.get(f"{part}_headers") if part else config.headers
    if not part and config.dataset_type in ("application/jsonlines", "application/json"):
        records = read_records(config, paths)
        return Table(_not_empty(records.features, where), records.label, records.predicted_label, len(paths))
    if part or config.dataset_type == "text/csv":
        frames = [read_csv(path, headers, _mentioned(config)) for path in paths]
    else:
        frames = [read_parquet(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if list(frame.columns) != list(frames[0].columns):
            raise AnalysisError(
                f"{path.name} has the columns {', '.join(frame.columns)}, but {paths[0].name} has "
                f"{', '.join(frames[0].columns)}. All files of {where} must have the same columns."
            )
    frame = _not_empty(pd.concat(frames, ignore_index=True), where)
    if headers and list(frame.columns) != headers:
        if len(headers) != len(frame.columns):
            raise AnalysisError(
                f"analysis_config.json: headers has {len(headers)} names, but {paths[0].name} has "
                f"{len(frame.columns)} columns. Name every column of the file, the label too."
            )
        frame.columns = pd.Index(headers)
    if part:
        return Table(frame, None, None, len(paths))
    label, predicted = config.label, config.document.get("predicted_label")
    if "predicted_label_dataset_uri" in config.document:
        predicted = None
    return Table(
        frame,
        None if label is None else frame[find_column(frame.columns, label, "label")],
        None if predicted is None else frame[find_column(frame.columns, predicted, "predicted_label")],
        len(paths),
    )


def _mentioned(config: AnalysisConfig) -> set[str]:
    """Names of columns in the configuration: a first line with one of them is a header."""
    document = config.document
    places = [document.get(key) for key in ("label", "predicted_label", "joinsource_name_or_index", "group_variable")]
    places += [facet.place for facet in config.facets]
    return {place for place in places if isinstance(place, str)}


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file; AnalysisError if it is none."""
    try:
        return duckdb.execute("SELECT * FROM read_parquet($path)", {"path": str(path)}).df()
    except duckdb.Error as error:
        raise AnalysisError(f"{path.name} cannot be read as Parquet, the dataset_type: {error}") from None


def _not_empty(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    if frame.empty:
        raise AnalysisError(f"There are no rows in {where}. An analysis needs some of either group of each facet.")
    duplicated = frame.columns[frame.columns.duplicated()]
    if not duplicated.empty:
        raise AnalysisError(f"The column {duplicated[0]} is in {where} twice. Give each column its own name: headers.")
    return frame
