"""Model artifacts: unpacked safely, once per variant, and linked into each container's /opt/ml/model.

Archives come from anywhere, so nothing in one may write or point outside its folder, be a device, or fill the disk.
All functions block; call them in a thread.
"""

import gzip
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, cast

from sageyard.cloud import ObjectNotFoundError, Objects, split_s3_uri
from sageyard.serving.deployment import ModelSource

CHUNK = 1024 * 1024
MOST_MEMBERS = 100_000
LARGEST_HEADER = 16 * CHUNK
"""Bytes that tarfile may ask for at once. It reads a header whole, and a header says itself how long it is."""
GZIP = b"\x1f\x8b"


class ArtifactError(ValueError):
    """Model data that is missing or must not be unpacked; the message names it and the rule."""


class Checked:
    """The bytes of an archive, for tarfile."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        """So many bytes; ArtifactError for more than any archive's header needs."""
        if size > LARGEST_HEADER:
            raise ArtifactError(f"a header of the archive says that it has {size} bytes")
        return self._file.read(size)


def stage_model(objects: Objects, source: ModelSource, target: Path, largest: Callable[[int], int]) -> None:
    """Put a model's files into `target`, which appears complete or not at all. A target that exists is kept.
    `largest` tells how many bytes an archive of so many bytes may unpack to. ArtifactError, OSError."""
    if target.exists():
        return
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        bucket, key = split_s3_uri(source.uri)
        if source.archive:
            archive = objects.path(bucket, key)
            unpack(archive, partial, largest(archive.stat().st_size))
        elif source.prefix:
            _link_prefix(objects, bucket, key, partial)
        else:
            _link(objects.path(bucket, key), partial / PurePosixPath(key).name)
    except (ObjectNotFoundError, ValueError, OSError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError):
            raise
        if isinstance(error, ObjectNotFoundError):
            raise ArtifactError(
                f'Failed to download model data from URL: "{source.uri}". Please ensure that there is an object '
                "located at the URL."
            ) from error
        raise ArtifactError(f'Model data at "{source.uri}" cannot be used: {error}') from error
    partial.rename(target)


def _link_prefix(objects: Objects, bucket: str, prefix: str, target: Path) -> None:
    prefix = prefix if prefix.endswith("/") or not prefix else prefix + "/"  # SageMaker's S3Prefix names a folder
    found = [info for info in objects.list(bucket, prefix) if not info.key.endswith("/")]
    if not found:
        raise ObjectNotFoundError(f"s3://{bucket}/{prefix}")
    for info in found:
        relative = PurePosixPath(info.key[len(prefix) :].lstrip("/"))
        if ".." in relative.parts:
            raise ArtifactError(f"object key {info.key!r} leads outside the model folder")
        path = target / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        _link(objects.path(bucket, info.key), path)


def unpack(archive: Path, target: Path, largest: int) -> None:
    """Unpack a tar archive (gzip or plain) into an existing folder.

    ArtifactError for absolute paths, `..`, links that leave the folder, devices and pipes, more than `largest` bytes,
    or what is not a tar archive; OSError where the files cannot be written.
    """
    root = target.resolve()
    left = largest
    try:
        with _opened(archive) as file, tarfile.open(fileobj=Checked(file), mode="r:") as tar:  # type: ignore[call-overload]
            for number, member in enumerate(tar):
                left -= member.size if member.isreg() else 0
                if left < 0 or number >= MOST_MEMBERS:
                    raise ArtifactError(
                        f"the archive unpacks to more than {largest} bytes or {MOST_MEMBERS} files: upload the files "
                        "themselves and name them with ModelDataSource.S3DataSource and CompressionType None, or start "
                        "the server with a higher --unpack-limit"
                    )
                _unpack_member(tar, member, root)
            file.read(CHUNK)  # to the end, where gzip has its checksum
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ArtifactError(f"it is not a readable tar.gz archive: {error}") from error


def _opened(archive: Path) -> IO[bytes]:
    with archive.open("rb") as file:
        packed = file.read(len(GZIP)) == GZIP
    return cast("IO[bytes]", gzip.open(archive)) if packed else archive.open("rb")


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise ArtifactError(f"member {member.name!r} leads outside the model folder")
    if member.isdir() and not name.parts:
        return  # the folder itself: `tar -C folder .` lists it as ".", the SDKs' repacked models as ""
    path = root / name
    if not path.parent.resolve().is_relative_to(root):
        raise ArtifactError(f"member {member.name!r} leads outside the model folder through a link")
    if member.isdir():
        if path.is_symlink():
            raise ArtifactError(f"member {member.name!r} is both a link and a folder")
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.is_file():
        path.unlink()
    if member.isreg():
        source = tar.extractfile(member)
        assert source is not None  # a regular member has bytes
        with source, path.open("wb") as file:
            shutil.copyfileobj(source, file, CHUNK)
        path.chmod(0o755 if member.mode & 0o100 else 0o644)
    elif member.issym() or member.islnk():
        base = path.parent if member.issym() else root
        destination = Path(os.path.normpath(base / member.linkname))
        if Path(member.linkname).is_absolute() or not destination.resolve().is_relative_to(root):
            raise ArtifactError(f"member {member.name!r} links outside the model folder, to {member.linkname!r}")
        if member.issym():
            path.symlink_to(member.linkname)
        else:
            _link(destination, path)
    else:
        raise ArtifactError(f"member {member.name!r} is neither a file, a folder nor a link")


def link_tree(source: Path, target: Path) -> None:
    """Give a container its own view of a staged model: hard links to the same bytes, copies across file systems."""
    for folder, names, files in os.walk(source):
        relative = Path(folder).relative_to(source)
        (target / relative).mkdir(parents=True, exist_ok=True)
        for name in [*files, *(name for name in names if (Path(folder) / name).is_symlink())]:
            origin = Path(folder) / name
            if origin.is_symlink():
                (target / relative / name).symlink_to(origin.readlink())
            else:
                _link(origin, target / relative / name)


def _link(origin: Path, path: Path) -> None:
    try:
        path.hardlink_to(origin)
    except OSError:
        shutil.copyfile(origin, path)
