"""Which operation a request asks for: by method, by bucket or object, and by the sub-resource in its query."""

from collections.abc import Callable

from sageyard.aws.s3 import bucket_operations as bucket
from sageyard.aws.s3 import multipart_operations as multipart
from sageyard.aws.s3 import object_operations as objects
from sageyard.aws.s3.errors import S3Error
from sageyard.aws.s3.request import Answer, S3Request
from sageyard.aws.s3.storage import Storage

Operation = Callable[[Storage, S3Request], Answer]

BUCKET: dict[tuple[str, str], Operation] = {
    ("PUT", ""): bucket.create_bucket,
    ("HEAD", ""): bucket.head_bucket,
    ("DELETE", ""): bucket.delete_bucket,
    ("GET", ""): bucket.list_objects,
    ("GET", "list-type"): bucket.list_objects_v2,
    ("GET", "versions"): bucket.list_versions,
    ("GET", "uploads"): multipart.list_uploads,
    ("GET", "location"): bucket.get_location,
    ("GET", "versioning"): bucket.get_versioning,
    ("PUT", "versioning"): bucket.put_versioning,
    ("GET", "acl"): bucket.get_bucket_acl,
    ("PUT", "acl"): bucket.put_bucket_acl,
    ("POST", "delete"): objects.delete_objects,
    **{("GET", name): bucket.get_configuration for name in bucket.CONFIGURATIONS},
    **{("PUT", name): bucket.put_configuration for name in bucket.CONFIGURATIONS},
    **{("DELETE", name): bucket.delete_configuration for name in bucket.CONFIGURATIONS},
}
OBJECT: dict[tuple[str, str], Operation] = {
    ("PUT", ""): objects.put_object,
    ("GET", ""): objects.get_object,
    ("HEAD", ""): objects.get_object,
    ("DELETE", ""): objects.delete_object,
    ("POST", "uploads"): multipart.create_upload,
    ("PUT", "uploadId"): multipart.upload_part,
    ("POST", "uploadId"): multipart.complete_upload,
    ("DELETE", "uploadId"): multipart.abort_upload,
    ("GET", "uploadId"): multipart.list_parts,
    ("GET", "tagging"): objects.get_tagging,
    ("PUT", "tagging"): objects.put_tagging,
    ("DELETE", "tagging"): objects.delete_tagging,
    ("GET", "acl"): objects.get_acl,
    ("PUT", "acl"): objects.put_acl,
    ("GET", "retention"): objects.get_retention,
    ("PUT", "retention"): objects.put_retention,
    ("GET", "legal-hold"): objects.get_legal_hold,
    ("PUT", "legal-hold"): objects.put_legal_hold,
    ("GET", "attributes"): objects.get_attributes,
}
# Sub-resources that no operation above knows; without this list they would be taken for plain GET, PUT or POST.
REFUSED = frozenset(
    {"abac", "metadataConfiguration", "metadataTable", "renameObject", "restore", "select", "session", "torrent"}
)
BUCKET_SUBRESOURCES = frozenset(name for _, name in BUCKET) | REFUSED
OBJECT_SUBRESOURCES = frozenset(name for _, name in OBJECT) | REFUSED
COPYING: dict[Operation, Operation] = {
    objects.put_object: objects.copy_object,
    multipart.upload_part: multipart.upload_part_copy,
}
STREAMED: frozenset[Operation] = frozenset({objects.put_object, multipart.upload_part})


def operation_of(request: S3Request) -> Operation:
    """The operation; MethodNotAllowed or NotImplemented where there is none."""
    if not request.bucket:
        if request.method == "GET":
            return bucket.list_buckets
        raise S3Error("MethodNotAllowed", "The specified method is not allowed against this resource.")
    table, known = (OBJECT, OBJECT_SUBRESOURCES) if request.key else (BUCKET, BUCKET_SUBRESOURCES)
    sub = next((name for name in request.query if name in known), "") if request.query else ""
    operation = table.get((request.method, sub))
    if operation is None:
        raise S3Error(
            "NotImplemented",
            f"S3 {request.method} {'?' + sub if sub else request.bucket} is not implemented by Sageyard.",
        )
    if "x-amz-copy-source" in request.headers:
        return COPYING.get(operation, operation)
    return operation
