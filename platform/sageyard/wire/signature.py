"""Who a request is for: region and service out of its SigV4 credential scope.

Signatures are not checked: any key is accepted, as no account stands behind it.
"""

from typing import NamedTuple
from urllib.parse import parse_qs


class Scope(NamedTuple):
    """`service` is the signing name, e.g. `sagemaker`; both empty where the request is not signed with SigV4."""

    region: str
    service: str


UNSIGNED = Scope("", "")


def credential_scope(authorization: bytes | None, query: bytes) -> Scope:
    """The scope of an Authorization header, or of a presigned URL's X-Amz-Credential.

    `Credential=AK/date/region/service/aws4_request`; SigV4a has no region.
    """
    if authorization and authorization.startswith(b"AWS4-"):
        credential = authorization.partition(b"Credential=")[2].partition(b",")[0].decode("latin-1")
    elif b"X-Amz-Credential=" in query:
        credential = parse_qs(query.decode("latin-1"))["X-Amz-Credential"][0]
    else:
        return UNSIGNED
    parts = credential.strip().split("/")
    if len(parts) >= 5:
        return Scope(parts[-3], parts[-2])
    return Scope("", parts[-2]) if len(parts) == 4 else UNSIGNED
