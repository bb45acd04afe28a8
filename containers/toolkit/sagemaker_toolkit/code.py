"""Bringing the user's code into the container and installing what it needs."""

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from sagemaker_toolkit import s3
from sagemaker_toolkit.errors import ClientError, ProgramError
from sagemaker_toolkit.layout import relocated

CHUNK = 1024 * 1024
FREE_SIZE = 2 * 1024**3
LARGEST_RATIO = 50
"""An archive may unpack to 2 GiB, or to 50 times its own size, where SAGEYARD_UNPACK_LIMIT says nothing else."""
TAIL = 8192
"""Bytes kept of what a program wrote last to stderr."""


def bring(source: str, target: Path) -> None:
    """Fill `target` with the code at `source`: `s3://…tar.gz`, a local tarball, or a local folder.

    Raises ClientError if there is none, or if the archive would write outside of `target`.
    """
    target.mkdir(parents=True, exist_ok=True)
    if source.startswith("s3://"):
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "source.tar.gz"
            s3.fetch(source, archive)
            unpack(archive, target, source)
        return
    path = relocated(source)
    if path.is_dir():
        if path.resolve() != target.resolve():
            shutil.copytree(path, target, dirs_exist_ok=True)
    elif path.is_file():
        unpack(path, target, source)
    else:
        raise ClientError(f"sagemaker_submit_directory {source!r} is neither an s3:// URI nor a file or folder here")


def unpack(archive: Path, target: Path, source: str) -> None:
    """Unpack a tarball inside `target`: no absolute paths, no `..`, no links out, no devices, no more bytes than
    `largest_unpacked` says (ClientError)."""
    left = largest = largest_unpacked(archive.stat().st_size)

    def inside(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        nonlocal left
        left -= member.size
        if left < 0:
            raise ClientError(f"{source} unpacks to more than {largest} bytes: SAGEYARD_UNPACK_LIMIT may allow more")
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts:
            raise ClientError(f"{source}: member {member.name!r} leads out of the archive; pack relative paths only")
        return tarfile.data_filter(member, path)

    try:
        with tarfile.open(archive) as tar:
            tar.extractall(target, filter=inside)
            assert tar.fileobj is not None
            tar.fileobj.read(CHUNK)  # to the end, where gzip has its checksum: to tarfile, broken bytes are an end
    except tarfile.FilterError as error:
        raise ClientError(f"{source}: {error}; pack plain files, folders and links inside the archive only") from error
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ClientError(f"{source} is not a tar.gz archive: {error}") from error


def largest_unpacked(packed: int) -> int:
    """How many bytes an archive of `packed` bytes may unpack to. Raises ClientError for a limit that is no number."""
    given = os.environ.get("SAGEYARD_UNPACK_LIMIT")
    if not given:
        return max(FREE_SIZE, LARGEST_RATIO * packed)
    if not given.isdecimal():
        raise ClientError(f"SAGEYARD_UNPACK_LIMIT is {given!r}: give a number of bytes")
    return int(given)


def install_requirements(folder: Path) -> None:
    """`pip install -r requirements.txt` if the folder has one. Raises ProgramError with pip's last words."""
    if (folder / "requirements.txt").is_file():
        command = [sys.executable, "-m", "pip", "install", "-r", "requirements.txt"]
        _install(command, folder, "InstallRequirementsError")


def install_package(folder: Path) -> None:
    """`pip install .` of code that is a Python package (has a setup.py). Raises ProgramError."""
    _install([sys.executable, "-m", "pip", "install", ".", "-U"], folder, "InstallModuleError")


def _install(command: list[str], folder: Path, kind: str) -> None:
    print("$", " ".join(command), flush=True)
    code, output = run(command, folder, dict(os.environ))
    if code:
        raise ProgramError(kind, code, output[-700:], command)


def run(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a program to its end. Its output passes through; SIGTERM is passed on to it.

    Returns its exit status (128 + number if a signal ended it) and the last of what it wrote to stderr.
    """
    import signal

    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE)
    previous = signal.signal(signal.SIGTERM, lambda number, _frame: process.send_signal(number))
    tail = bytearray()
    assert process.stderr is not None
    reader = threading.Thread(target=_pass_through, args=(process.stderr, tail), daemon=True)
    reader.start()
    try:
        code = process.wait()
    finally:
        signal.signal(signal.SIGTERM, previous)
    reader.join(1)  # a process that the program left behind may hold the pipe open; do not wait for that
    return (code if code >= 0 else 128 - code), tail.decode(errors="replace").strip()


def _pass_through(stream: IO[bytes], tail: bytearray) -> None:
    while chunk := os.read(stream.fileno(), 65536):
        os.write(2, chunk)
        tail += chunk
        del tail[:-TAIL]
