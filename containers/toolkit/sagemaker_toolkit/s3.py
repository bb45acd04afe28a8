"""Reading one object from S3.

Where the endpoint and the keys stand in the environment, a signed GET by the standard library does: importing boto3
and making its client costs about 0.4 s, more than all the rest of a job's start. Anything else (roles, profiles,
AWS itself) is boto3's.
"""

import hashlib
import hmac
import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

from sagemaker_toolkit.errors import ClientError


def fetch(uri: str, path: Path) -> None:
    """Write the object that `s3://bucket/key` names to `path`. Raises ClientError naming the URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    endpoint = next(
        (
            url
            for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "S3_ENDPOINT_URL")
            if (url := os.environ.get(name))
        ),
        None,
    )
    if endpoint and os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY"):
        _signed_get(endpoint, bucket, key, path, uri)
        return
    import boto3
    from botocore.exceptions import BotoCoreError
    from botocore.exceptions import ClientError as AnsweredError

    try:
        boto3.client("s3", endpoint_url=endpoint).download_file(bucket, key, str(path))
    except (BotoCoreError, AnsweredError) as error:
        raise ClientError(f"cannot download {uri}: {error}") from error


def _signed_get(endpoint: str, bucket: str, key: str, path: Path, uri: str) -> None:
    """GET with Signature Version 4, path style (docs: 'Create a signed AWS API request')."""
    import shutil
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    target = quote(f"/{bucket}/{key}", safe="/-_.~")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "host": urlsplit(endpoint).netloc,
        "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
        "x-amz-date": stamp,
    }
    if token := os.environ.get("AWS_SESSION_TOKEN"):
        headers["x-amz-security-token"] = token
    signed = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"GET\n{target}\n\n{lines}\n{signed}\nUNSIGNED-PAYLOAD"
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    secret = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in scope.split("/"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    signature = hmac.digest(secret, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, "
        f"SignedHeaders={signed}, Signature={signature}"
    )
    try:
        with (
            urlopen(Request(endpoint.rstrip("/") + target, headers=headers), timeout=60) as answer,
            path.open("wb") as file,
        ):
            shutil.copyfileobj(answer, file, 1 << 20)
    except HTTPError as error:
        detail = error.read(300).decode(errors="replace")
        raise ClientError(f"cannot download {uri}: HTTP {error.code} {detail}") from error
    except (URLError, OSError) as error:
        raise ClientError(f"cannot download {uri} from {endpoint}: {error}") from error
