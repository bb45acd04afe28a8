"""Which objects a transform job reads, and what each becomes."""

import json
from dataclasses import dataclass

from sageyard.cloud import ObjectNotFoundError, Objects, split_s3_uri
from sageyard.resources.spec import Document


@dataclass(frozen=True, slots=True)
class Input:
    """One object; `relative` is its key below the prefix asked for, by which its output is named."""

    bucket: str
    key: str
    relative: str


def inputs(objects: Objects, source: Document) -> list[Input]:
    """The objects of an S3DataSource, by key; raises ObjectNotFoundError where there are none, or ValueError."""
    uri = source["S3Uri"]
    bucket, prefix = split_s3_uri(uri)
    if source["S3DataType"] == "ManifestFile":
        return _listed(objects, bucket, prefix)
    stem = prefix if prefix.endswith("/") else prefix.rpartition("/")[0] + "/" if "/" in prefix else ""
    if (
        prefix
        and not prefix.endswith("/")
        and any(info.key.startswith(prefix + "/") for info in objects.list(bucket, prefix))
    ):
        stem = prefix + "/"
    found = [
        Input(bucket, info.key, info.key.removeprefix(stem))
        for info in objects.list(bucket, prefix)
        if not info.key.endswith("/")
    ]
    if not found:
        raise ObjectNotFoundError(uri)
    return found


def _listed(objects: Objects, bucket: str, key: str) -> list[Input]:
    """A manifest is `[{"prefix": "s3://…"}, "relative/key", …]`."""
    try:
        head, *relative = json.loads(objects.read(bucket, key))
        place, stem = split_s3_uri(head["prefix"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"s3://{bucket}/{key} is no manifest ({error!r}): it must be "
            '[{"prefix": "s3://bucket/folder/"}, "key", …]'
        ) from None
    return [Input(place, stem + name, name) for name in relative]
