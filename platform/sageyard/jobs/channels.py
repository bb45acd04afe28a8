"""What a request says about its inputs, and what of it can be done here.

Refused, with the way out named: Pipe mode, augmented manifests, file systems, dataset definitions.
"""

from typing import Any

from sageyard.cloud import split_s3_uri
from sageyard.errors import ValidationError
from sageyard.jobs.staging import Source

Document = dict[str, Any]
FILE_MODES = {"File", "FastFile"}
PROCESSING_ROOT = "/opt/ml/processing/"


def input_mode(channel: Document, default: str) -> str:
    """A channel's input mode: its own, or that of the algorithm."""
    mode: str = channel.get("InputMode") or default
    return mode


def training_source(channel: Document, default_mode: str) -> Source:
    """The source of a training channel; ValidationError for what cannot be staged."""
    name = channel["ChannelName"]
    mode = input_mode(channel, default_mode)
    if mode not in FILE_MODES:
        raise ValidationError(
            f"Channel {name!r}: input mode {mode!r} is not supported here. Use 'File' or 'FastFile', which both give "
            f"the container its files under /opt/ml/input/data/{name}"
        )
    if "S3DataSource" not in channel["DataSource"]:
        raise ValidationError(
            f"Channel {name!r}: only S3DataSource is supported here, not {', '.join(channel['DataSource']) or 'none'}. "
            "Copy the data to a bucket and name it as S3DataSource"
        )
    if channel.get("RecordWrapperType", "None") != "None":
        raise ValidationError(f"Channel {name!r}: RecordWrapperType 'RecordIO' needs Pipe mode; leave it at 'None'")
    source = channel["DataSource"]["S3DataSource"]
    return _source(
        f"Channel {name!r}",
        source["S3Uri"],
        source["S3DataType"],
        source.get("S3DataDistributionType"),
        channel.get("CompressionType"),
    )


def processing_source(entry: Document) -> tuple[Source, str] | None:
    """Source and local path of a processing input; None where the application fetches it itself (AppManaged)."""
    name = entry["InputName"]
    if entry.get("AppManaged"):
        return None
    if "S3Input" not in entry:
        raise ValidationError(
            f"Processing input {name!r}: DatasetDefinition is not supported here. Export the data to S3 and name it "
            "as S3Input"
        )
    given = entry["S3Input"]
    path = given.get("LocalPath") or ""
    if given.get("S3InputMode", "File") != "File":
        raise ValidationError(f"Processing input {name!r}: S3InputMode 'Pipe' is not supported here; use 'File'")
    check_processing_path(f"Processing input {name!r}", path)
    source = _source(
        f"Processing input {name!r}",
        given["S3Uri"],
        given["S3DataType"],
        given.get("S3DataDistributionType"),
        given.get("S3CompressionType"),
    )
    return source, path


def check_processing_path(what: str, path: str) -> None:
    """Local paths of processing jobs lie under /opt/ml/processing/ (build-your-own-processing-container)."""
    if not f"{path.rstrip('/')}/".startswith(PROCESSING_ROOT) or ".." in path.split("/"):
        raise ValidationError(f"{what}: LocalPath {path!r} must start with {PROCESSING_ROOT!r}")


def _source(what: str, uri: str, data_type: str, distribution: str | None, compression: str | None) -> Source:
    if data_type not in {"S3Prefix", "ManifestFile"}:
        raise ValidationError(
            f"{what}: S3DataType {data_type!r} is not supported here. Use 'S3Prefix', or 'ManifestFile' with a list "
            "of the objects"
        )
    try:
        split_s3_uri(uri)
    except ValueError as error:
        raise ValidationError(f"{what}: {error}") from None
    return Source(
        uri=uri,
        manifest=data_type == "ManifestFile",
        sharded=distribution == "ShardedByS3Key",
        compressed=compression == "Gzip",
    )
