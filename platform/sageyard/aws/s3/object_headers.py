"""Between headers and documents: what a client says of an object, and what is said back."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

from sageyard.aws.s3.buckets import Bucket
from sageyard.aws.s3.checksums import PREFIX
from sageyard.aws.s3.documents import http_date, parse
from sageyard.aws.s3.errors import S3Error
from sageyard.aws.s3.objects import StoredObject
from sageyard.clock import iso

KEPT = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
)
ENCRYPTION = "x-amz-server-side-encryption"
OVERRIDES = {
    f"response-{name}": name
    for name in (
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
    )
}
METADATA_LIMIT = 2048


def document_of(headers: dict[str, str], bucket: Bucket, now: float) -> dict[str, Any]:
    """The document of an object that a request creates; default encryption and retention from the bucket."""
    kept = {name: headers[name] for name in KEPT if name in headers}
    kept.setdefault("content-type", "binary/octet-stream")
    if encoding := kept.pop("content-encoding", None):
        codings = [part.strip() for part in encoding.split(",")]
        if rest := ",".join(part for part in codings if part and part != "aws-chunked"):
            kept["content-encoding"] = rest
    if kept.get("x-amz-storage-class") == "STANDARD":
        del kept["x-amz-storage-class"]
    metadata = {name: value for name, value in headers.items() if name.startswith("x-amz-meta-")}
    if sum(len(name) - len("x-amz-meta-") + len(value) for name, value in metadata.items()) > METADATA_LIMIT:
        message = "Your metadata headers exceed the maximum allowed metadata size"
        raise S3Error("MetadataTooLarge", message, MaxSizeAllowed=METADATA_LIMIT)
    encryption = {
        name: value
        for name, value in headers.items()
        if name.startswith(ENCRYPTION) and not name.endswith("-customer-key") and not name.endswith("-context")
    }
    document: dict[str, Any] = {"headers": {**kept, **metadata, **(encryption or bucket.encryption())}}
    if bucket.object_lock and "x-amz-object-lock-mode" not in kept:
        document["headers"].update(default_retention(bucket, now))
    if tagging := headers.get("x-amz-tagging"):
        document["tags"] = dict(parse_qsl(tagging, keep_blank_values=True))
    if acl := headers.get("x-amz-acl"):
        document["acl"] = acl
    return document


def default_retention(bucket: Bucket, now: float) -> dict[str, str]:
    """The lock headers of the bucket's default retention rule, if it has one."""
    if "object-lock" not in bucket.documents:
        return {}
    root = parse(bucket.documents["object-lock"])
    mode = next((element.text for element in root.iter("Mode")), None)
    if not mode:
        return {}
    days = sum(int(element.text or 0) for element in root.iter("Days"))
    years = sum(int(element.text or 0) for element in root.iter("Years"))
    until = iso(now + (days + 365 * years) * 86400)
    return {"x-amz-object-lock-mode": mode, "x-amz-object-lock-retain-until-date": until}


def checksum_headers(document: dict[str, Any]) -> dict[str, str]:
    """`x-amz-checksum-*` of an object."""
    checksums: dict[str, str] = document.get("checksums", {})
    if not checksums:
        return {}
    headers = {f"{PREFIX}{name}": value for name, value in checksums.items()}
    return {**headers, f"{PREFIX}type": document.get("checksum_type", "FULL_OBJECT")}


def version_headers(bucket: Bucket, stored: StoredObject) -> dict[str, str]:
    """`x-amz-version-id`, where the bucket has or had versions."""
    return {} if bucket.versioning is None else {"x-amz-version-id": stored.version}


def written_headers(bucket: Bucket, stored: StoredObject) -> dict[str, str]:
    """What answers a write."""
    encryption = {name: value for name, value in stored.document["headers"].items() if name.startswith(ENCRYPTION)}
    return {
        "etag": f'"{stored.etag}"',
        **encryption,
        **checksum_headers(stored.document),
        **version_headers(bucket, stored),
    }


def read_headers(bucket: Bucket, stored: StoredObject) -> dict[str, str]:
    """What answers GET and HEAD, but for lengths and ranges."""
    headers = {
        **stored.document["headers"],
        "etag": f'"{stored.etag}"',
        "last-modified": http_date(stored.modified),
        "accept-ranges": "bytes",
        **version_headers(bucket, stored),
    }
    if tags := stored.document.get("tags"):
        headers["x-amz-tagging-count"] = str(len(tags))
    return headers


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """(first, length) of a `Range` header; None where it asks for nothing S3 understands; InvalidRange outside."""
    if header is None or not header.startswith("bytes=") or "," in header:
        return None
    first, dash, last = header.removeprefix("bytes=").partition("-")
    if not dash or not (first + last).isdecimal():
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if first and last and int(last) < start:
        return None
    if start >= size or (not first and int(last) == 0):
        headers = {"content-range": f"bytes */{size}"}
        message = "The requested range is not satisfiable"
        raise S3Error("InvalidRange", message, headers=headers, RangeRequested=header, ActualObjectSize=size)
    return start, end - start + 1


def _matches(header: str, stored: StoredObject) -> bool:
    return any(tag.strip().removeprefix("W/").strip('"') in {stored.etag, "*"} for tag in header.split(","))


def _time(header: str | None, absent: float) -> float:
    """A date header in epoch seconds; `absent` where there is none or it is no date."""
    if header is None:
        return absent
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        try:
            moment = datetime.fromisoformat(header)
        except ValueError:
            return absent
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def precondition_failed(condition: str) -> S3Error:
    """412, naming the header that did not hold."""
    message = "At least one of the pre-conditions you specified did not hold"
    return S3Error("PreconditionFailed", message, Condition=condition)


def not_modified(headers: dict[str, str], stored: StoredObject, prefix: str = "") -> bool:
    """Whether a conditional read need not send the object; PreconditionFailed where it must not (RFC 9110, 13.2.2).

    `prefix` is `x-amz-copy-source-` for the conditions of a copy.
    """
    modified = int(stored.modified)
    if (wanted := headers.get(f"{prefix}if-match")) is not None:
        if not _matches(wanted, stored):
            raise precondition_failed("If-Match")
    elif modified > _time(headers.get(f"{prefix}if-unmodified-since"), float("inf")):
        raise precondition_failed("If-Unmodified-Since")
    if (unwanted := headers.get(f"{prefix}if-none-match")) is not None:
        return _matches(unwanted, stored)
    return modified <= _time(headers.get(f"{prefix}if-modified-since"), float("-inf"))


def write_condition(headers: dict[str, str]) -> Callable[[StoredObject | None], None] | None:
    """The check of a conditional write: `If-None-Match: *` or `If-Match: etag`."""
    wanted, unwanted = headers.get("if-match"), headers.get("if-none-match")
    if wanted is None and unwanted is None:
        return None

    def check(current: StoredObject | None) -> None:
        if unwanted is not None and current is not None and _matches(unwanted, current):
            raise precondition_failed("If-None-Match")
        if wanted is not None:
            if current is None:
                raise S3Error("NoSuchKey", "The specified key does not exist.")
            if not _matches(wanted, current):
                raise precondition_failed("If-Match")

    return check
