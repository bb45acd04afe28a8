"""A dataset's text files in portions that fit into memory: small files together, large ones cut at line ends."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from .errors import Uneven

SIZE = 64 << 20
"""Bytes of text in one portion."""
CELLS = 1 << 23
"""Values of parquet in one portion."""
_BLOCK = 8 << 20


def portions(
    files: Sequence[Path], scratch: Path, *, quoted: bool, first: int | None = None
) -> Iterator[tuple[list[Path], bool]]:
    """Groups of files, and whether they begin where the original file does (with its header).

    A piece of a large file lies in `scratch` until the next one is asked for. `quoted`: a line end between quotes ends
    no line, as in CSV. The first portion has about `first` bytes, if said. Compressed files are left whole.
    """
    small: list[Path] = []
    size, limit = 0, first or SIZE
    for path in files:
        if path.stat().st_size > limit and path.suffix != ".gz":
            if small:  # in the order of the files
                yield small, True
                small, size = [], 0
            yield from _pieces(path, scratch / f"piece{path.suffix}", quoted, limit)
            limit = SIZE
            continue
        if small and size + path.stat().st_size > limit:
            yield small, True
            small, size, limit = [], 0, SIZE
        small.append(path)
        size += path.stat().st_size
    if small:
        yield small, True


def _pieces(path: Path, piece: Path, quoted: bool, limit: int) -> Iterator[tuple[list[Path], bool]]:
    begins = True
    with path.open("rb") as source:
        while _cut(source, piece, quoted, limit):
            yield [piece], begins
            begins, limit = False, SIZE
    piece.unlink()


def _cut(source: BinaryIO, piece: Path, quoted: bool, limit: int) -> int:
    """Copy the next piece, `limit` bytes and the rest of the line; returns its size."""
    size = quotes = 0
    with piece.open("wb") as target:
        while size < limit and (block := source.read(min(_BLOCK, limit))):
            quotes += block.count(b'"') if quoted else 0
            size += target.write(block)
        ended = block.endswith(b"\n")
        while block and (quotes % 2 or not ended):  # up to the next line end that is outside quotes
            block = source.readline(_BLOCK)
            quotes += block.count(b'"') if quoted else 0
            size += target.write(block)
            ended = block.endswith(b"\n")
            if size > 2 * SIZE:
                raise Uneven(f"{source.name} has no line end outside quotes for {SIZE} bytes")
    return size
