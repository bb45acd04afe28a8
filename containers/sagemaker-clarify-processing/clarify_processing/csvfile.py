"""One CSV file, with or without a line of names."""

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pandas as pd

from .errors import AnalysisError

MISSING = ["", "NaN", "nan"]
"""What counts as no value; NA or None may be a category."""


def read_csv(path: Path, headers: Sequence[str] | None, mentioned: set[str]) -> pd.DataFrame:
    """Read a file in UTF-8, as it is or gzipped.

    With `headers` the columns go by those names, and a first line that repeats them is skipped. Without, a first line
    that holds a column of `mentioned`, or only names above a line with a number, gives the names; else they are
    column_0, column_1 and so on.
    """
    try:
        first, second = _first_lines(path)
        if headers:
            if len(first) != len(headers):
                raise AnalysisError(
                    f"analysis_config.json: headers has {len(headers)} names, but {path.name} has {len(first)} "
                    f"columns. Name every column of the file, the label too."
                )
            names, skip = list(headers), first == list(headers)
        elif _is_header(first, second, mentioned):
            names, skip = first, True
        else:
            names, skip = [f"column_{index}" for index in range(len(first))], False
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise AnalysisError(f"{path.name} has the column {twice} twice. Give the columns names of their own.")
        frame = pd.read_csv(
            path,
            header=None,
            skiprows=1 if skip else 0,
            na_values=MISSING,
            keep_default_na=False,
            low_memory=False,
            compression="gzip" if path.suffix == ".gz" else None,
        )
        if len(frame.columns) != len(names):
            raise AnalysisError(
                f"{path.name} has {len(names)} columns in its first line and {len(frame.columns)} below."
            )
        frame.columns = pd.Index(names)
        return frame
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=names)
    except (pd.errors.ParserError, UnicodeDecodeError, csv.Error, OSError) as error:
        raise AnalysisError(f"{path.name} cannot be read as CSV, the dataset_type: {error}") from None


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _first_lines(path: Path) -> tuple[list[str], list[str]]:
    with _open(path) as file:
        reader = (row for row in csv.reader(file) if row)
        return next(reader, []), next(reader, [])


def _is_header(first: Sequence[str], second: Sequence[str], mentioned: set[str]) -> bool:
    if mentioned & set(first):
        return True
    named = all(cell and not _is_number(cell) for cell in first) and len(set(first)) == len(first)
    return named and any(_is_number(cell) for cell in second)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
