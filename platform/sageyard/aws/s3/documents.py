"""S3's XML: writing answers, reading requests."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from html import escape
from urllib.parse import quote
from xml.etree import ElementTree

from sageyard.aws.s3.errors import S3Error

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
OWNER_ID = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
OWNER = f"<Owner><ID>{OWNER_ID}</ID></Owner>"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'

Value = str | int | float | bool | None


def fields(values: Mapping[str, Value]) -> str:
    """Leaf elements, escaped; None is left out, booleans are `true` and `false`."""
    return "".join(
        f"<{name}>{escape(str(value).lower() if isinstance(value, bool) else str(value))}</{name}>"
        for name, value in values.items()
        if value is not None
    )


def document(root: str, content: str) -> bytes:
    """A whole answer."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">{content}</{root}>'.encode()


def iso(seconds: float) -> str:
    """`2026-11-21T08:15:30.000Z`, as S3's documents have it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(seconds * 1000) % 1000:03d}Z"


def http_date(seconds: float) -> str:
    """`Sat, 21 Nov 2026 08:15:30 GMT`, as headers have it."""
    return formatdate(seconds, usegmt=True)


def encoded(text: str, encoding_type: str | None) -> str:
    """A key as a listing shows it: percent-encoded where `encoding-type=url` was asked for."""
    return quote(text, safe="/") if encoding_type == "url" else text


def parse(body: bytes) -> ElementTree.Element:
    """The root element of a request's document, namespaces removed; MalformedXML for anything else."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - expat refuses entity bombs since 2.4.1
    except ElementTree.ParseError:
        raise S3Error(
            "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"
        ) from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def tag_set(tags: dict[str, str]) -> str:
    """`<TagSet>` of the pairs."""
    inner = "".join(f"<Tag>{fields({'Key': key, 'Value': value})}</Tag>" for key, value in tags.items())
    return f"<TagSet>{inner}</TagSet>"


def parse_tags(body: bytes) -> dict[str, str]:
    """The pairs of a Tagging document; InvalidTag for a key given twice."""
    tags: dict[str, str] = {}
    for tag in parse(body).iter("Tag"):
        key = tag.findtext("Key") or ""
        if key in tags:
            raise S3Error("InvalidTag", f"Cannot provide multiple Tags with the same key {key!r}")
        tags[key] = tag.findtext("Value") or ""
    return tags
