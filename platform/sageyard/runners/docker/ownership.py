"""Files under /opt/ml between two worlds: the server's user on this machine, any user in the container."""

import os
import stat
from collections.abc import Callable, Collection
from pathlib import Path


def open_up(root: Path, read_only: Collection[Path], *, to_all: bool) -> list[Path]:
    """Make a container's /opt/ml ready; returns the files in it that have another name elsewhere: stored objects,
    to be mounted read-only, as root in a container could write to them.

    `to_all` lets every user read and write the rest, for an image with a user of its own. Folders in `read_only` are
    passed over. Blocks.
    """
    linked = []
    for folder, names, files in os.walk(root):
        here = Path(folder)
        names[:] = [name for name in names if here / name not in read_only]
        if to_all:
            here.chmod(0o777)
        for name in files:
            path = here / name
            found = path.lstat()
            if not (stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode)):
                continue
            if found.st_nlink > 1:
                linked.append(path)
            elif to_all:
                path.chmod(stat.S_IMODE(found.st_mode) | 0o666)
    return linked


def take_back(root: Path, chown: Callable[[], None]) -> None:
    """Give the server's user what a container's user has written. `chown` is for a server that is not root and so
    cannot do it itself; it is called only where there is something to do. Blocks."""
    own = os.geteuid()
    foreign = [path for path in _everything(root) if path.lstat().st_uid != own]
    if foreign and own:
        chown()
        return
    for path in foreign:
        os.lchown(path, own, os.getegid())


def _everything(root: Path) -> list[Path]:
    return [root, *(Path(folder) / name for folder, names, files in os.walk(root) for name in (*names, *files))]
