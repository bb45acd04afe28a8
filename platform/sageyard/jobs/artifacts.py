"""model.tar.gz and output.tar.gz: what a training job leaves (your-algorithms-training-algo-output)."""

import gzip
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

LEVEL = 1
"""gzip's fastest: trees and tensors hardly get smaller at higher ones, and a job waits for it."""
TIMESTAMP = 315532800
"""1980, the first year that zip files can say: equal files make equal archives, whenever they were written."""


def pack(folders: Sequence[Path], archive: Path) -> None:
    """Archive the contents of folders, one per host; where two hosts wrote the same name the first has it. Symbolic
    links are kept as such. Blocks."""
    entries: dict[str, Path] = {}
    for folder in folders:
        for parent, names, files in os.walk(folder):
            for name in (*names, *files):
                path = Path(parent, name)
                entries.setdefault(path.relative_to(folder).as_posix(), path)
    with (
        archive.open("wb") as file,
        gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in sorted(entries):
            path = entries[name]
            info = tar.gettarinfo(path, name)
            if info is None:
                continue  # a socket
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            info.mtime = TIMESTAMP
            if info.islnk():  # a second name of an earlier file: archive its bytes, whatever the order of hosts
                info.type, info.size = tarfile.REGTYPE, path.stat().st_size
            if info.isreg():
                with path.open("rb") as content:
                    tar.addfile(info, content)
            else:
                tar.addfile(info)


def has_files(folders: Sequence[Path]) -> bool:
    """Whether any of the folders holds anything."""
    return any(folder.is_dir() and any(folder.iterdir()) for folder in folders)
