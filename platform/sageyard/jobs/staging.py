"""Objects of S3 on their way into a container's folder."""

import gzip
import json
import shutil
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sageyard.cloud import ObjectNotFoundError, Objects, split_s3_uri
from sageyard.jobs.failure import JobFailedError

LINK_FROM = 1 << 20
"""Bytes. Smaller files are copied, so that scripts may change them, as v3's training driver does with chmod. Larger
ones are hard links to the stored object, made read-only: they cost nothing, and must not be written to."""


CHUNK = 1 << 20


class BombError(Exception):
    """A gzip file that unpacks to more bytes than it may; their number."""


class NoObjectsError(LookupError):
    """Nothing lies under an S3 URL; the message is AWS's (amazon-sagemaker-examples #2489)."""

    def __init__(self, uri: str, region: str, role: str) -> None:
        bucket = uri.removeprefix("s3://").partition("/")[0]
        super().__init__(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
            f"exists in the selected region ({region}), that objects exist under that S3 prefix, and that the role "
            f'"{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
        )


@dataclass(frozen=True, slots=True)
class Source:
    """Where a channel or a processing input comes from."""

    uri: str
    manifest: bool = False
    """The object at `uri` lists the objects (ManifestFile), else `uri` is a key prefix (S3Prefix)."""
    sharded: bool = False
    """Each host gets a part of the objects (ShardedByS3Key)."""
    compressed: bool = False
    """Objects are gzip files, to be unpacked."""


@dataclass(frozen=True, slots=True)
class StagedObject:
    """One object and the relative path of its file."""

    bucket: str
    key: str
    path: str


def resolve(objects: Objects, source: Source, region: str, role: str) -> list[StagedObject]:
    """The objects of a source in key order; NoObjectsError if there are none. Blocks."""
    try:
        found = _manifest(objects, source.uri) if source.manifest else _prefix(objects, source.uri)
    except ObjectNotFoundError:
        found = []
    if not found:
        raise NoObjectsError(source.uri, region, role)
    return found


def share(staged: Sequence[StagedObject], source: Source, host: int, hosts: int) -> Sequence[StagedObject]:
    """What host number `host`, from 0, gets."""
    return staged[host::hosts] if source.sharded else staged


def place(
    objects: Objects, staged: Sequence[StagedObject], folder: Path, unpack: Callable[[int], int] | None = None
) -> None:
    """Make the files; with `unpack`, of gzip files, it says how many bytes one of so many bytes may unpack to.
    JobFailedError, OSError. Blocks."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in staged:
        target = folder / each.path
        uri = f"s3://{each.bucket}/{each.key}"
        if ".." in Path(each.path).parts or target == folder:
            raise JobFailedError(f"ClientError: Data download failed: {uri} names no file below the channel's folder")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _place(objects.path(each.bucket, each.key), target, unpack)
        except ObjectNotFoundError as error:
            raise JobFailedError(f"ClientError: Data download failed: no object {error}") from None
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise JobFailedError(
                f"ClientError: Data download failed: {uri} finds its place taken by another object"
            ) from None
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise JobFailedError(
                f"ClientError: Data download failed: {uri} is no whole gzip file, but CompressionType is Gzip"
            ) from None
        except BombError as error:
            raise JobFailedError(
                f"ClientError: Data download failed: {uri} unpacks to more than {error} bytes. Store it as it is, or "
                "start the server with a higher --unpack-limit"
            ) from None


def _place(blob: Path, target: Path, unpack: Callable[[int], int] | None) -> None:
    if unpack is not None:
        target = target.with_suffix("") if target.suffix == ".gz" else target
        left = largest = unpack(blob.stat().st_size)
        with gzip.open(blob) as packed, target.open("xb") as file:
            while data := packed.read(CHUNK):
                left -= len(data)
                if left < 0:
                    raise BombError(largest)
                file.write(data)
        return
    if target.exists():
        raise FileExistsError(target)
    if blob.stat().st_size >= LINK_FROM:
        try:
            target.hardlink_to(blob)
        except OSError:
            pass  # another file system, or one without links
        else:
            target.chmod(0o444)
            return
    shutil.copyfile(blob, target)


def _prefix(objects: Objects, uri: str) -> list[StagedObject]:
    bucket, prefix = split_s3_uri(uri)
    return [
        StagedObject(bucket, each.key, _relative(prefix, each.key))
        for each in objects.list(bucket, prefix)
        if not each.key.endswith("/")  # consoles make empty objects to show folders
    ]


def _relative(prefix: str, key: str) -> str:
    """A key's path in the channel: below the prefix where that is a folder, else from the prefix's last part on."""
    rest = key[len(prefix) :]
    if rest and (not prefix or prefix.endswith("/") or rest.startswith("/")):
        return rest.lstrip("/")
    return key[prefix.rfind("/") + 1 :]


def _manifest(objects: Objects, uri: str) -> list[StagedObject]:
    """`[{"prefix": "s3://bucket/folder/"}, "relative/key", ...]` (API_S3DataSource)."""
    rule = 'it must be a JSON list like [{"prefix": "s3://bucket/folder/"}, "key-1", "key-2"]'
    try:
        head, *keys = json.loads(objects.read(*split_s3_uri(uri)))
        bucket, prefix = split_s3_uri(head["prefix"])
    except (ValueError, TypeError, KeyError):
        raise JobFailedError(f"ClientError: Data download failed: manifest {uri} is not valid: {rule}") from None
    if not all(isinstance(key, str) for key in keys):
        raise JobFailedError(f"ClientError: Data download failed: manifest {uri} is not valid: {rule}")
    return [StagedObject(bucket, prefix + key, key.lstrip("/")) for key in keys]
