"""Files on S3 that the configuration names."""

from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from .errors import AnalysisError


def fetch(uri: str, folder: Path, key: str) -> Path:
    """Download an object, or all objects under a prefix, into `folder`, which is made; returns `folder`.

    AnalysisError names `key`, the configuration's key that holds the URI.
    """
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise AnalysisError(f"analysis_config.json: {key} is {uri!r}. It must be an S3 URI, s3://bucket/prefix.")
    prefix = parts.path.lstrip("/")
    folder.mkdir(parents=True)
    try:
        client = boto3.client("s3")
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=parts.netloc, Prefix=prefix)
        names = [entry["Key"] for page in pages for entry in page.get("Contents", ()) if not entry["Key"].endswith("/")]
        if prefix in names:
            names = [prefix]
        for name in names:
            path = folder / (name.removeprefix(prefix).lstrip("/") or Path(name).name)
            path.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(parts.netloc, name, str(path))
    except (BotoCoreError, ClientError) as error:
        raise AnalysisError(f"analysis_config.json: {key} is {uri!r}, which cannot be read: {error}") from None
    if not names:
        raise AnalysisError(f"analysis_config.json: {key} is {uri!r}, but there is no object. Correct the URI.")
    return folder
