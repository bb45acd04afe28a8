"""Access control lists: canned names become documents. They are kept and shown; nobody is refused by one."""

from sageyard.aws.s3.documents import OWNER, OWNER_ID, XSI, document
from sageyard.aws.s3.errors import S3Error

GROUPS = "http://acs.amazonaws.com/groups/"
ALL = f"{GROUPS}global/AllUsers"
CANNED: dict[str, list[tuple[str, str]]] = {
    "private": [],
    "public-read": [(ALL, "READ")],
    "public-read-write": [(ALL, "READ"), (ALL, "WRITE")],
    "authenticated-read": [(f"{GROUPS}global/AuthenticatedUsers", "READ")],
    "bucket-owner-read": [],
    "bucket-owner-full-control": [],
    "aws-exec-read": [],
    "log-delivery-write": [(f"{GROUPS}s3/LogDelivery", "WRITE"), (f"{GROUPS}s3/LogDelivery", "READ_ACP")],
}


def acl_document(acl: str | None) -> bytes:
    """The AccessControlPolicy of a canned name, of None (private), or the document that was put."""
    if acl is not None and acl.lstrip().startswith("<"):
        return acl.encode()
    if acl is not None and acl not in CANNED:
        raise S3Error("InvalidArgument", f"{acl!r} is not a canned ACL", ArgumentName="x-amz-acl")
    owner = f'<Grantee {XSI} xsi:type="CanonicalUser"><ID>{OWNER_ID}</ID></Grantee>'
    grants = f"<Grant>{owner}<Permission>FULL_CONTROL</Permission></Grant>"
    for uri, permission in CANNED[acl or "private"]:
        grantee = f'<Grantee {XSI} xsi:type="Group"><URI>{uri}</URI></Grantee>'
        grants += f"<Grant>{grantee}<Permission>{permission}</Permission></Grant>"
    return document("AccessControlPolicy", f"{OWNER}<AccessControlList>{grants}</AccessControlList>")
