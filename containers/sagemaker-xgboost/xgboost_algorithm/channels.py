"""The data of a channel: CSV, libsvm or Parquet files, nested folders included, as arrays.

Source: SageMaker guide, 'Input/Output Interface for the XGBoost Algorithm'. CSV and Parquet have no header and the
label in the first column; with csv_weights the second column is the instance weight.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sagemaker_toolkit.arrays import read_csv
from sagemaker_toolkit.errors import ClientError

CONTENT_TYPES = {
    "csv": "csv",
    "text/csv": "csv",
    "libsvm": "libsvm",
    "text/libsvm": "libsvm",
    "text/x-libsvm": "libsvm",
    "parquet": "parquet",
    "application/x-parquet": "parquet",
}


@dataclass
class Rows:
    """What one channel holds. `features` is an array or a sparse matrix, one row an instance."""

    features: Any
    labels: np.ndarray
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None

    @property
    def count(self) -> int:
        return int(self.features.shape[0])


def file_format(content_type: str | None) -> str:
    """`text/csv;label_size=1` -> `csv`; none means libsvm. Raises ClientError."""
    if not content_type:
        return "libsvm"
    kind, *options = [part.strip().lower() for part in content_type.split(";")]
    if kind not in CONTENT_TYPES:
        raise ClientError(f"{content_type} is not an accepted ContentType: {', '.join(CONTENT_TYPES)}")
    if any(option.startswith("label_size=") and option != "label_size=1" for option in options):
        raise ClientError(f"{content_type} is not an accepted csv ContentType: label_size must be 1")
    return CONTENT_TYPES[kind]


def read(folder: Path, content_type: str | None, *, weighted: bool) -> Rows | None:
    """All data files under a folder in the order of their paths; None if there is no data.

    Raises ClientError naming the file that cannot be read and why.
    """
    kind = file_format(content_type)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size and _is_data(path)]
    if not files:
        return None
    if kind == "libsvm":
        return read_libsvm([(path.name, path.read_bytes()) for path in files])
    tables = [_csv(path) if kind == "csv" else _parquet(path) for path in files]
    if len({table.shape[1] for table in tables}) > 1:
        widths = ", ".join(f"{path.name}: {table.shape[1]}" for path, table in zip(files, tables, strict=True))
        raise ClientError(f"the files of channel {folder.name} differ in their number of columns ({widths})")
    table = tables[0] if len(tables) == 1 else np.concatenate(tables)
    first = 2 if weighted else 1
    if table.shape[1] <= first:
        raise ClientError(f"channel {folder.name} has {table.shape[1]} columns: no feature follows the label")
    return Rows(table[:, first:], table[:, 0], table[:, 1] if weighted else None)


def _is_data(path: Path) -> bool:
    return not path.name.startswith((".", "_"))


def _csv(path: Path) -> np.ndarray:
    data = path.read_bytes()
    try:
        return read_csv(data)
    except ValueError as error:
        line = data.partition(b"\n")[0][:60].decode(errors="replace")
        raise ClientError(
            f"{path.name} is not CSV of numbers without a header: {error} (first line {line!r}; ContentType text/csv)"
        ) from error


def _parquet(path: Path) -> np.ndarray:
    import duckdb

    try:
        columns = duckdb.read_parquet(str(path)).fetchnumpy()
        return np.column_stack([np.ma.filled(np.ma.asarray(c, np.float32), np.nan) for c in columns.values()])
    except (duckdb.Error, ValueError, TypeError) as error:
        raise ClientError(f"{path.name} is not Parquet of numbers: {error}") from error


def read_libsvm(sources: list[tuple[str, bytes]], columns: int = 0) -> Rows:
    """Lines of `<label>[:<weight>] [qid:<group>] <index>:<value> …` as a sparse matrix; indices are taken as they are.

    `sources` are pairs of a name for messages and the text; `columns` is the least width. Raises ClientError.
    """
    import scipy.sparse

    labels: list[float] = []
    weights: list[float] = []
    groups: list[int] = []
    counts: list[int] = []
    pairs: list[bytes] = []
    for name, text in sources:
        for number, line in enumerate(text.splitlines(), 1):
            head, _, rest = line.partition(b"#")[0].strip().partition(b" ")
            if not head:
                continue
            try:
                label, _, weight = head.partition(b":")
                labels.append(float(label))
                if weight:
                    weights.append(float(weight))
                if rest.startswith(b"qid:"):
                    group, _, rest = rest[4:].partition(b" ")
                    groups.append(int(group))
            except ValueError as error:
                raise ClientError(f"{name}, line {number} is not libsvm: {error} in {line[:60]!r}") from error
            counts.append(rest.count(b":"))
            if 2 * counts[-1] != len(words := rest.replace(b":", b" ").split()):
                raise ClientError(f"{name}, line {number} is not libsvm: {line[:60]!r} has no <index>:<value> pairs")
            pairs += words
    for part, values in (("weight", weights), ("qid", groups)):
        if values and len(values) != len(labels):
            raise ClientError(f"{len(values)} of {len(labels)} libsvm lines have a {part}; give it to all or to none")
    try:
        numbers = np.array(pairs, np.float64).reshape(-1, 2)
        indices = numbers[:, 0].astype(np.int64)
    except ValueError as error:
        raise ClientError(f"libsvm data is not numeric: {error}") from error
    if indices.size and indices.min() < 0:
        raise ClientError(f"libsvm index {indices.min()} is negative")
    width = max(columns, int(indices.max()) + 1 if indices.size else 0)
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    matrix = scipy.sparse.csr_matrix((numbers[:, 1].astype(np.float32), indices, starts), (len(labels), width))
    return Rows(
        matrix,
        np.array(labels, np.float32),
        np.array(weights, np.float32) if weights else None,
        np.array(groups, np.uint32) if groups else None,
    )
