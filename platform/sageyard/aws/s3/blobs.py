"""Blob files: the bytes of objects and parts.

A blob is written once, under a name never used before, and is read-only (mode 0444) from then on; the index names it
only after it is complete. So nothing half-written is ever visible, copies and versions share bytes, and a crash leaves
at worst a file that no row names, which `collect` removes after the next start.
"""

import hashlib
import itertools
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from sageyard.aws.s3.checksums import Digests

COPY_CHUNK = 8 * 1024 * 1024


class Blobs:
    """The folder of blob files, 256 subfolders wide.

    Names begin with a token of this process: `collect` can tell the files of earlier processes, which are complete or
    garbage, from those that are being written now.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.token = secrets.token_hex(5)
        self._numbers = itertools.count(1)
        for number in range(256):
            (root / f"{number:02x}").mkdir(parents=True, exist_ok=True)

    def path(self, blob: str) -> Path:
        """The file of a blob."""
        return self.root / blob[-2:] / blob

    def _new(self) -> tuple[str, Path]:
        blob = f"{self.token}{next(self._numbers):08x}"
        return blob, self.path(blob)

    def create(self) -> tuple[str, int]:
        """A new, empty blob: its name and a descriptor to write it with, which the caller closes."""
        blob, path = self._new()
        return blob, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)

    def write(self, data: bytes) -> str:
        """A blob of these bytes."""
        blob, descriptor = self.create()
        try:
            write_all(descriptor, data)
        except BaseException:
            self.remove([blob])
            raise
        finally:
            os.close(descriptor)
        return blob

    def link(self, source: Path) -> str:
        """A blob with the bytes of a file: a hard link where the file system allows one, else a copy."""
        blob, path = self._new()
        try:
            os.link(source.resolve(), path)
            path.chmod(0o444)
        except OSError:
            path.unlink(missing_ok=True)
            try:
                shutil.copyfile(source, path)
            except BaseException:
                self.remove([blob])
                raise
            path.chmod(0o444)
        return blob

    def concatenate(self, slices: Iterable[tuple[str, int, int]]) -> str:
        """A blob of (blob, first byte, length) slices in order, copied by the kernel where it can."""
        blob, target = self.create()
        try:
            for source, first, length in slices:
                descriptor = os.open(self.path(source), os.O_RDONLY | os.O_CLOEXEC)
                try:
                    copy_range(descriptor, first, length, target)
                finally:
                    os.close(descriptor)
        except BaseException:
            self.remove([blob])
            raise
        finally:
            os.close(target)
        return blob

    def remove(self, blobs: Iterable[str]) -> None:
        """Delete files. Whoever has one open reads on undisturbed."""
        for blob in blobs:
            self.path(blob).unlink(missing_ok=True)

    def collect(self, referenced: Callable[[list[str]], set[str]]) -> int:
        """Delete what earlier processes left and no row names; returns the number of files deleted."""
        removed = 0
        for folder in sorted(self.root.iterdir()):
            names = [path.name for path in folder.iterdir() if not path.name.startswith(self.token)]
            for start in range(0, len(names), 500):
                batch = names[start : start + 500]
                orphans = set(batch) - referenced(batch)
                self.remove(orphans)
                removed += len(orphans)
        return removed


class BlobWriter:
    """One blob being written from a stream, hashed on the way.

    Locked, for `abort` may come from the event loop while a thread is still writing: the descriptor must not be closed,
    and its number given to another file, under that thread's hands.
    """

    def __init__(self, blobs: Blobs, digests: Digests) -> None:
        self._blobs = blobs
        self._lock = threading.Lock()
        self._closed = False
        self.digests = digests
        self.size = 0
        self.blob, self._descriptor = blobs.create()

    def feed(self, data: bytes | bytearray) -> None:
        """Append bytes."""
        with self._lock:
            if self._closed:
                return
            write_all(self._descriptor, data)
            self.digests.update(data)
            self.size += len(data)

    def close(self) -> None:
        """No more bytes."""
        with self._lock:
            self._closed = True
            os.close(self._descriptor)

    def abort(self) -> None:
        """Forget the blob: the stream ended early."""
        self.close()
        self._blobs.remove([self.blob])


def write_all(descriptor: int, data: bytes | bytearray) -> None:
    """Write every byte; os.write alone may stop at 2 GiB."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def copy_range(source: int, first: int, length: int, target: int) -> None:
    """Append `length` bytes from `first` on to `target`."""
    while length:
        try:
            copied = os.copy_file_range(source, target, min(length, 1 << 30), offset_src=first)
        except (AttributeError, OSError):
            data = os.pread(source, min(length, COPY_CHUNK), first)
            write_all(target, data)
            copied = len(data)
        if not copied:
            raise EOFError(f"a blob ended {length} bytes early")
        first += copied
        length -= copied


def md5_of(path: Path) -> str:
    """Hex MD5 of a file: the ETag of an object written in one piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
