"""Which AWS service and region a request is for: told by its signature's credential scope."""

import re
from urllib.parse import parse_qs

from starlette.types import Scope

from sageyard.settings import DEFAULT_REGION

CREDENTIAL = re.compile(r"Credential=[^/,\s]+/\d{8}/([^/,\s]+)/([^/,\s]+)/aws4_request")
CREDENTIAL_V4A = re.compile(r"Credential=[^/,\s]+/\d{8}/([^/,\s]+)/aws4_request")


def scope_of(scope: Scope) -> tuple[str, str]:
    """(signing name, region) from the Authorization header or the `X-Amz-Credential` of a presigned URL.

    What carries neither is S3's (SigV2, presigned the old way, or anonymous), but for the form posts of STS, which may
    come unsigned (AssumeRoleWithWebIdentity). SigV4a names no region: the default is taken.
    """
    headers = dict(scope["headers"])
    authorization = headers.get(b"authorization", b"").decode("latin-1")
    if match := CREDENTIAL.search(authorization):
        return match[2], match[1]
    if match := CREDENTIAL_V4A.search(authorization):
        return match[1], DEFAULT_REGION
    query = scope["query_string"]
    if b"X-Amz-Credential" in query:
        credential = parse_qs(query.decode("latin-1"))["X-Amz-Credential"][0].split("/")
        if len(credential) == 5:
            return credential[3], credential[2]
    content_type = headers.get(b"content-type", b"")
    if scope["method"] == "POST" and scope["path"] == "/" and content_type.startswith(b"application/x-www-form"):
        return "sts", DEFAULT_REGION
    return "s3", DEFAULT_REGION
