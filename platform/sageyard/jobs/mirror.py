"""A folder on its way to S3: checkpoints, and the outputs of processing jobs."""

import asyncio
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile

from sageyard.cloud import Objects

SCAN_SECONDS = 2.0
Stamp = tuple[int, int, int]


class Mirror:
    """Uploads the files of a folder below a key prefix, and again when they change. Symbolic links are not followed
    (build-your-own-processing-container). With `deletes`, files that vanish are deleted there too, as checkpoints are
    (model-checkpoints)."""

    def __init__(
        self, objects: Objects, folder: Path, bucket: str, prefix: str, scratch: Path, *, deletes: bool = False
    ) -> None:
        self._objects = objects
        self._folder = folder
        self._bucket = bucket
        self._prefix = f"{prefix.rstrip('/')}/" if prefix.rstrip("/") else ""
        self._scratch = scratch
        self._deletes = deletes
        self._sent: dict[str, Stamp] = {}
        self._scanning = threading.Lock()

    def keep(self) -> None:
        """Take the folder as it is for what S3 has already."""
        self._sent = {name: _stamp(path) for name, path in regular_files(self._folder)}

    def scan(self, *, ended: bool = False) -> None:
        """Upload what changed since the last scan. Files that may still be written to are copied first, those of
        an `ended` container are handed over as they are. Blocks."""
        with self._scanning:
            seen: dict[str, Stamp] = {}
            for name, path in regular_files(self._folder):
                try:
                    seen[name] = stamp = _stamp(path)
                    if self._sent.get(name) != stamp:
                        self._upload(name, path, ended=ended)
                except FileNotFoundError:
                    seen.pop(name, None)  # gone while we looked
            if self._deletes:
                for name in self._sent.keys() - seen.keys():
                    self._objects.delete(self._bucket, self._prefix + name)
            self._sent = seen

    async def follow(self) -> None:
        """Scan again and again until cancelled."""
        while True:
            await asyncio.sleep(SCAN_SECONDS)
            await asyncio.to_thread(self.scan)

    def _upload(self, name: str, path: Path, *, ended: bool) -> None:
        if ended:
            self._objects.put(self._bucket, self._prefix + name, path)
            return
        with NamedTemporaryFile(dir=self._scratch, delete=False) as copy, path.open("rb") as file:
            shutil.copyfileobj(file, copy, 1 << 20)
        try:
            self._objects.put(self._bucket, self._prefix + name, Path(copy.name))
        finally:
            Path(copy.name).unlink()


def regular_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Relative name and path of every regular file below a folder, in order of names within each folder."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(folder).as_posix(), path


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino
