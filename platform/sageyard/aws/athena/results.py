"""A query's files in S3, and the rows of GetQueryResults read back from them.

`ID.csv` holds every value in double quotes, NULL as nothing; DDL prints into `ID.txt`. Beside each lies `.metadata`, a
protocol buffer: the engine's id of the query and, per column, catalog (1), name (4), label (5), type (6), precision
(7), scale (8), nullable (9) and case sensitivity (10), as files of Athena show it.
"""

import re
from pathlib import Path
from typing import Any, BinaryIO

CELL = re.compile(r'(?:"((?:[^"]|"")*)")?(?:,|$)', re.DOTALL)
UNKNOWN = 3  # of the column's nullability


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _number(position: int, value: int) -> bytes:
    return _varint(position << 3) + _varint(value) if value else b""


def _bytes(position: int, value: bytes) -> bytes:
    return _varint(position << 3 | 2) + _varint(len(value)) + value


def metadata(engine_id: str, columns: list[dict[str, Any]]) -> bytes:
    """The `.metadata` file."""
    encoded = _bytes(1, engine_id.encode())
    for column in columns:
        named = {1: "CatalogName", 4: "Name", 5: "Label", 6: "Type"}
        described = b"".join(_bytes(position, str(column[name]).encode()) for position, name in named.items())
        described += _number(7, column["Precision"]) + _number(8, column["Scale"])
        described += _number(9, UNKNOWN) + _number(10, int(column["CaseSensitive"]))
        encoded += _bytes(4, described)
    return encoded


def read_rows(file: Path, offset: int, count: int, *, csv: bool) -> tuple[list[list[str | None]], int | None]:
    """Up to `count` rows from a byte offset on, and the offset behind them; None at the end."""
    rows: list[list[str | None]] = []
    with file.open("rb") as stream:
        stream.seek(offset)
        while len(rows) < count and (record := _record(stream, csv)) is not None:
            rows.append(_cells(record) if csv else [record])
        place = stream.tell()
        return rows, place if stream.read(1) else None


def _record(stream: BinaryIO, csv: bool) -> str | None:
    """One record without its line's end; of CSV it ends where quotes are balanced."""
    line = stream.readline()
    while csv and line.count(b'"') % 2 and (more := stream.readline()):
        line += more
    return line.decode("utf-8").removesuffix("\n") if line else None


def _cells(record: str) -> list[str | None]:
    cells: list[str | None] = []
    place = 0
    while match := CELL.match(record, place):
        cells.append(None if match[1] is None else match[1].replace('""', '"'))
        place = match.end()
        if place >= len(record) and not match[0].endswith(","):
            break
    return cells
