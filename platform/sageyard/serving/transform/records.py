"""Input objects as records, records as payloads (API reference: TransformInput, CreateTransformJob)."""

import gzip
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

RECORD_IO_MAGIC = 0xCED7230A
MIB = 1024 * 1024


class RecordError(ValueError):
    """An object that cannot be split as asked for, or a record that is too long."""


def records(path: Path, split_type: str, compression: str) -> Iterator[bytes]:
    """The records of a file, one at a time; the file whole where SplitType is None. Raises RecordError."""
    with _opened(path, compression) as file:
        try:
            if split_type == "Line":
                yield from (line.rstrip(b"\r\n") for line in file if line.strip())
            elif split_type == "RecordIO":
                yield from _record_io(file)
            elif split_type == "TFRecord":
                yield from _tf_records(file)
            else:
                yield file.read()
        except (OSError, EOFError, struct.error) as error:
            raise RecordError(f"it cannot be read as {split_type}, CompressionType {compression}: {error}") from None


def _opened(path: Path, compression: str) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb")) if compression == "Gzip" else path.open("rb")


def _record_io(file: BinaryIO) -> Iterator[bytes]:
    """MXNet's RecordIO: a magic number, the length in 29 bits, the data padded to 4 bytes."""
    while head := file.read(8):
        magic, length = struct.unpack("<II", head)
        if magic != RECORD_IO_MAGIC:
            raise RecordError("it is no RecordIO file: a record does not begin with the magic number")
        length &= (1 << 29) - 1
        yield head + file.read(length + -length % 4)


def _tf_records(file: BinaryIO) -> Iterator[bytes]:
    """TensorFlow's TFRecord: the length in 64 bits, its checksum, the data, its checksum."""
    while head := file.read(12):
        (length,) = struct.unpack("<Q", head[:8])
        yield head + file.read(length + 4)


def payloads(found: Iterable[bytes], split_type: str, strategy: str, limit: int) -> Iterator[list[bytes]]:
    """Records that travel together: one each, or as many as fit into `limit` bytes (0: no limit). RecordError."""
    joint = len(separator(split_type))
    batch: list[bytes] = []
    size = 0
    for record in found:
        if limit and len(record) > limit:
            raise RecordError(
                f"a record of {len(record)} bytes is longer than MaxPayloadInMB allows, {limit // MIB} MB: raise it or "
                "set SplitType"
            )
        if batch and (strategy == "SingleRecord" or (limit and size + joint + len(record) > limit)):
            yield batch
            batch, size = [], 0
        size += len(record) + (joint if batch else 0)
        batch.append(record)
    if batch:
        yield batch


def separator(split_type: str) -> bytes:
    """What stands between the records of one payload."""
    return b"\n" if split_type == "Line" else b""
