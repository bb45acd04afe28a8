"""JSON lines as the database reads them quickly, and how its queries refuse what it reads otherwise than Python does.

A refusal is a duckdb.Error; whoever gets it reads the same files a record at a time.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from .window import Window

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z?"
NOT_PLAIN = ("chr(34)", *(f"chr({code})" for code in (11, 12, 13, 28, 29, 30, 133, 8232, 8233)))
"""Quotes, and what Python takes for a line end and CSV does not."""


def read_lines(paths: Sequence[Path], columns: Mapping[str, str]) -> str:
    """The table of the members with their types; what is no object, or lacks the form of its type, is refused."""
    files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    return f"read_json([{files}], format='newline_delimited', records=true, compression='none', columns={{{types}}})"


def inside(window: Window | None) -> str:
    """The condition that the time `made`, in the platform's form or absent, lies in the window."""
    if window is None:
        return "true"
    start, end = (f"TIMESTAMP '{time:%Y-%m-%d %H:%M:%S.%f}'" for time in (window.start, window.end))
    return (
        f"CASE WHEN made IS NULL THEN true WHEN regexp_full_match(made, '{_TIME}') "
        f"THEN CAST(made AS TIMESTAMP) >= {start} AND CAST(made AS TIMESTAMP) < {end} ELSE error('time') END"
    )


def refuse(condition: str) -> str:
    """True, or an error for the row that meets the condition."""
    return f"CASE WHEN {condition} THEN error('not plain') ELSE true END"
