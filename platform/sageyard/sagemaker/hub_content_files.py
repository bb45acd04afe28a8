"""The files behind a hub content, and presigned URLs of them.

A content's document names its artifacts as S3 URIs, of objects or of prefixes; which members do differs by its schema,
so every S3 URI in it counts. The URLs are of this server's own S3 and expire after 15 minutes, as AWS's do.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sageyard.cloud import ObjectNotFoundError, Objects, split_s3_uri
from sageyard.errors import ValidationError
from sageyard.resources.spec import Context, Document
from sageyard.resources.tokens import invalid, seal, unseal

LIFETIME = 15 * 60
"""Seconds (AuthorizedUrl's documentation)."""
PAGE = 100
KEYS = Credentials("sageyard", "sageyard")
"""Signatures are not checked here, but clients and proxies read the URL's parts."""


class HubContentFiles:
    """Objects that contents name."""

    def __init__(self, objects: Objects, endpoint_url: str) -> None:
        self.objects = objects
        self.endpoint_url = endpoint_url

    async def presigned(self, request: Document, content: Document, context: Context) -> Document:
        """One page of CreateHubContentPresignedUrls, for a content as DescribeHubContent shows it."""
        access = request.get("AccessConfig", {})
        document = json.loads(content["HubContentDocument"])
        if document.get("GatedBucket") is True and not access.get("AcceptEula"):
            raise ValidationError(
                f"{content['HubContentArn']} is gated: accept its end-user license agreement with AcceptEula in "
                "AccessConfig."
            )
        uris = sorted(set(s3_uris(document)))
        expected = access.get("ExpectedS3Url")
        if expected is not None and not any(uri.startswith(expected) for uri in uris):
            raise ValidationError(f"ExpectedS3Url {expected} is the beginning of no artifact of the content: {uris}.")
        found = await asyncio.to_thread(self._objects, [uri for uri in uris if uri.startswith(expected or "")])
        if not found:
            raise ValidationError(
                f"{content['HubContentArn']} names no object that is in S3: there is nothing to sign."
            )
        if token := request.get("NextToken"):
            (last,) = unseal(token, 1)
            if not isinstance(last, str):
                raise invalid(token)
            found = [one for one in found if one[0] > last]
        limit = request.get("MaxResults", PAGE)
        shown = found[:limit]
        return {
            "AuthorizedUrlConfigs": [{"Url": self._url(uri, context.region), "LocalPath": path} for uri, path in shown],
            "NextToken": seal(shown[-1][0]) if len(found) > limit else None,
        }

    def _objects(self, uris: list[str]) -> list[tuple[str, str]]:
        """URI and local path of every object, in order; what a URI names that is not there is left out."""
        found: dict[str, str] = {}
        for uri in uris:
            bucket, prefix = split_s3_uri(uri)
            folder = prefix.rpartition("/")[0]
            try:
                listed = self.objects.list(bucket, prefix)
            except ObjectNotFoundError:
                continue
            for one in listed:
                if one.key == prefix or prefix.endswith("/") or one.key.startswith(f"{prefix}/") or not prefix:
                    path = one.key.removeprefix(folder).lstrip("/") if folder else one.key
                    found.setdefault(f"s3://{bucket}/{one.key}", f"/{path}")
        return sorted(found.items())

    def _url(self, uri: str, region: str) -> str:
        bucket, key = split_s3_uri(uri)
        request = AWSRequest("GET", f"{self.endpoint_url}/{bucket}/{quote(key, safe='/~')}")
        S3SigV4QueryAuth(KEYS, "s3", region, expires=LIFETIME).add_auth(request)
        return str(request.url)


def s3_uris(value: Any) -> Iterator[str]:
    """Every S3 URI anywhere in a document."""
    if isinstance(value, dict):
        for item in value.values():
            yield from s3_uris(item)
    elif isinstance(value, list):
        for item in value:
            yield from s3_uris(item)
    elif isinstance(value, str) and value.startswith("s3://") and len(value) > len("s3://"):
        yield value
