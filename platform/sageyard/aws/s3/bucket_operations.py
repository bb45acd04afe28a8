"""Operations on buckets: creating, listing, and the configuration that is kept as written."""

import base64
import binascii
import json

from sageyard.aws.s3 import documents
from sageyard.aws.s3.acl import acl_document
from sageyard.aws.s3.documents import OWNER, encoded
from sageyard.aws.s3.errors import S3Error
from sageyard.aws.s3.objects import StoredObject
from sageyard.aws.s3.request import Answer, S3Request, xml_answer
from sageyard.aws.s3.storage import Storage

# What GET answers before anything was put: an error (code, message), or a default document (root, content).
MISSING = {
    "cors": ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    "lifecycle": ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
    "object-lock": (
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    ),
    "policy": ("NoSuchBucketPolicy", "The bucket policy does not exist"),
    "publicAccessBlock": (
        "NoSuchPublicAccessBlockConfiguration",
        "The public access block configuration was not found",
    ),
    "replication": ("ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
    "tagging": ("NoSuchTagSet", "The TagSet does not exist"),
    "website": ("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
}
DEFAULTS = {
    "accelerate": ("AccelerateConfiguration", ""),
    "encryption": (
        "ServerSideEncryptionConfiguration",
        "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
        "</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>",
    ),
    "logging": ("BucketLoggingStatus", ""),
    "notification": ("NotificationConfiguration", ""),
    "ownershipControls": (
        "OwnershipControls",
        "<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>",
    ),
    "policyStatus": ("PolicyStatus", "<IsPublic>FALSE</IsPublic>"),
    "requestPayment": ("RequestPaymentConfiguration", "<Payer>BucketOwner</Payer>"),
}
# Configurations of which a bucket has several, told apart by `id`: the root of their listing.
NUMBERED = {
    "analytics": "ListBucketAnalyticsConfigurationResult",
    "intelligent-tiering": "ListBucketIntelligentTieringConfigurationsOutput",
    "inventory": "ListInventoryConfigurationsResult",
    "metrics": "ListMetricsConfigurationsResult",
}
CONFIGURATIONS = (*MISSING, *DEFAULTS, *NUMBERED)


def list_buckets(storage: Storage, request: S3Request) -> Answer:
    """ListBuckets, with prefix, region and pages."""
    prefix, region = request.query.get("prefix", ""), request.query.get("bucket-region")
    after = _decode(request.query.get("continuation-token", ""))
    limit = request.integer("max-buckets", 10_000)
    found = [
        bucket
        for bucket in storage.buckets.all()
        if bucket.name.startswith(prefix) and bucket.name > after and region in {None, bucket.region}
    ]
    entries = ""
    for bucket in found[:limit]:
        values = {"Name": bucket.name, "CreationDate": documents.iso(bucket.created), "BucketRegion": bucket.region}
        entries += f"<Bucket>{documents.fields(values)}</Bucket>"
    token = _encode(found[limit - 1].name) if len(found) > limit else None
    content = f"{OWNER}<Buckets>{entries}</Buckets>" + documents.fields({"ContinuationToken": token})
    return xml_answer(documents.document("ListAllMyBucketsResult", content))


def create_bucket(storage: Storage, request: S3Request) -> Answer:
    """CreateBucket, in the region of LocationConstraint, else of the request's signature."""
    region = (documents.parse(request.body).findtext("LocationConstraint") if request.body else None) or request.region
    lock = request.headers.get("x-amz-bucket-object-lock-enabled", "").lower() == "true"
    storage.buckets.create(request.bucket, region, lock)
    if lock:
        content = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
        body = documents.document("ObjectLockConfiguration", content)
        storage.buckets.put_document(request.bucket, "object-lock", body)
    if acl := request.headers.get("x-amz-acl"):
        storage.buckets.put_document(request.bucket, "acl", acl.encode())
    return Answer(200, {"location": f"/{request.bucket}"})


def head_bucket(storage: Storage, request: S3Request) -> Answer:
    """HeadBucket."""
    bucket = storage.buckets.get(request.bucket)
    return Answer(200, {"x-amz-bucket-region": bucket.region, "content-type": "application/xml"})


def delete_bucket(storage: Storage, request: S3Request) -> Answer:
    """DeleteBucket."""
    storage.buckets.delete(request.bucket)
    return Answer(204)


def get_location(storage: Storage, request: S3Request) -> Answer:
    """GetBucketLocation: empty for us-east-1."""
    region = storage.buckets.get(request.bucket).region
    return xml_answer(documents.document("LocationConstraint", "" if region == "us-east-1" else region))


def get_versioning(storage: Storage, request: S3Request) -> Answer:
    """GetBucketVersioning."""
    status = storage.buckets.get(request.bucket).versioning
    return xml_answer(documents.document("VersioningConfiguration", documents.fields({"Status": status})))


def put_versioning(storage: Storage, request: S3Request) -> Answer:
    """PutBucketVersioning."""
    storage.buckets.set_versioning(request.bucket, documents.parse(request.body).findtext("Status") or "")
    return Answer()


def get_bucket_acl(storage: Storage, request: S3Request) -> Answer:
    """GetBucketAcl."""
    acl = storage.buckets.get(request.bucket).documents.get("acl")
    return xml_answer(acl_document(None if acl is None else acl.decode()))


def put_bucket_acl(storage: Storage, request: S3Request) -> Answer:
    """PutBucketAcl."""
    acl = request.headers.get("x-amz-acl", "").encode() or request.body
    storage.buckets.put_document(request.bucket, "acl", acl)
    return Answer()


def _configuration(request: S3Request) -> str:
    return next(name for name in CONFIGURATIONS if name in request.query)


def get_configuration(storage: Storage, request: S3Request) -> Answer:
    """GetBucketPolicy, GetBucketCors, ...: the document as it was put."""
    name = _configuration(request)
    kept = storage.buckets.get(request.bucket).documents
    if name in NUMBERED and "id" not in request.query:
        bodies = b"".join(_without_declaration(kept[key]) for key in sorted(kept) if key.startswith(f"{name}/"))
        return xml_answer(documents.document(NUMBERED[name], f"<IsTruncated>false</IsTruncated>{bodies.decode()}"))
    body = kept.get(f"{name}/{request.query['id']}" if name in NUMBERED else name)
    if name == "policy" and body is not None:
        return Answer(200, {"content-type": "application/json"}, body)
    if body is not None:
        return xml_answer(body)
    if name in DEFAULTS:
        return xml_answer(documents.document(*DEFAULTS[name]))
    raise S3Error(*MISSING.get(name, ("NoSuchConfiguration", "The specified configuration does not exist.")))


def _without_declaration(body: bytes) -> bytes:
    return body.partition(b"?>")[2] if body.startswith(b"<?xml") else body


def put_configuration(storage: Storage, request: S3Request) -> Answer:
    """PutBucketPolicy, PutBucketCors, ...: kept as written, after a look at its form."""
    name = _configuration(request)
    if name == "policy":
        try:
            json.loads(request.body)
        except ValueError:
            raise S3Error("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'") from None
    elif name == "tagging":
        documents.parse_tags(request.body)
    else:
        documents.parse(request.body)
    document = f"{name}/{request.query.get('id', '')}" if name in NUMBERED else name
    storage.buckets.put_document(request.bucket, document, request.body)
    return Answer(204 if name in {"policy", "tagging"} else 200)


def delete_configuration(storage: Storage, request: S3Request) -> Answer:
    """DeleteBucketPolicy, DeleteBucketCors, ...."""
    name = _configuration(request)
    document = f"{name}/{request.query.get('id', '')}" if name in NUMBERED else name
    storage.buckets.delete_document(request.bucket, document)
    return Answer(204)


def list_objects_v2(storage: Storage, request: S3Request) -> Answer:
    """ListObjectsV2."""
    storage.buckets.get(request.bucket)
    query, encoding = request.query, request.query.get("encoding-type")
    prefix, delimiter, start = query.get("prefix", ""), query.get("delimiter", ""), query.get("start-after", "")
    token = query.get("continuation-token")
    limit = request.integer("max-keys", 1000)
    page = storage.listing.current(request.bucket, prefix, delimiter, _decode(token) if token else start, limit)
    truncated = page.truncated and limit > 0
    head = documents.fields(
        {
            "Name": request.bucket,
            "Prefix": encoded(prefix, encoding),
            "Delimiter": encoded(delimiter, encoding) if delimiter else None,
            "StartAfter": encoded(start, encoding) if start else None,
            "ContinuationToken": token,
            "NextContinuationToken": _encode(page.last) if truncated else None,
            "EncodingType": encoding,
            "KeyCount": len(page.objects) + len(page.prefixes),
            "MaxKeys": limit,
            "IsTruncated": truncated,
        }
    )
    owner = OWNER if query.get("fetch-owner") == "true" else ""
    body = _contents(page.objects, encoding, owner) + _common_prefixes(page.prefixes, encoding)
    return xml_answer(documents.document("ListBucketResult", head + body))


def list_objects(storage: Storage, request: S3Request) -> Answer:
    """ListObjects, version 1."""
    storage.buckets.get(request.bucket)
    query, encoding = request.query, request.query.get("encoding-type")
    prefix, delimiter, marker = query.get("prefix", ""), query.get("delimiter", ""), query.get("marker", "")
    limit = request.integer("max-keys", 1000)
    page = storage.listing.current(request.bucket, prefix, delimiter, marker, limit)
    truncated = page.truncated and limit > 0
    head = documents.fields(
        {
            "Name": request.bucket,
            "Prefix": encoded(prefix, encoding),
            "Marker": encoded(marker, encoding),
            "Delimiter": encoded(delimiter, encoding) if delimiter else None,
            "NextMarker": encoded(page.last, encoding) if truncated and delimiter else None,
            "EncodingType": encoding,
            "MaxKeys": limit,
            "IsTruncated": truncated,
        }
    )
    body = _contents(page.objects, encoding, OWNER) + _common_prefixes(page.prefixes, encoding)
    return xml_answer(documents.document("ListBucketResult", head + body))


def list_versions(storage: Storage, request: S3Request) -> Answer:
    """ListObjectVersions."""
    storage.buckets.get(request.bucket)
    query, encoding = request.query, request.query.get("encoding-type")
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = (query.get("key-marker", ""), query.get("version-id-marker") or None)
    limit = request.integer("max-keys", 1000)
    page = storage.listing.versions(request.bucket, prefix, delimiter, after, limit)
    truncated = page.truncated and limit > 0
    head = documents.fields(
        {
            "Name": request.bucket,
            "Prefix": encoded(prefix, encoding),
            "KeyMarker": encoded(after[0], encoding),
            "VersionIdMarker": after[1],
            "NextKeyMarker": encoded(page.last[0], encoding) if truncated else None,
            "NextVersionIdMarker": page.last[1] if truncated else None,
            "Delimiter": encoded(delimiter, encoding) if delimiter else None,
            "EncodingType": encoding,
            "MaxKeys": limit,
            "IsTruncated": truncated,
        }
    )
    entries = ""
    for version in page.versions:
        values: dict[str, documents.Value] = {
            "Key": encoded(version.key, encoding),
            "VersionId": version.version,
            "IsLatest": version.latest,
            "LastModified": documents.iso(version.modified),
        }
        if version.marker:
            entries += f"<DeleteMarker>{documents.fields(values)}{OWNER}</DeleteMarker>"
        else:
            entries += f"<Version>{documents.fields(values)}{_size(version)}{OWNER}</Version>"
    return xml_answer(
        documents.document("ListVersionsResult", head + entries + _common_prefixes(page.prefixes, encoding))
    )


def _size(stored: StoredObject) -> str:
    storage_class = stored.document["headers"].get("x-amz-storage-class", "STANDARD")
    return documents.fields({"ETag": f'"{stored.etag}"', "Size": stored.size, "StorageClass": storage_class})


def _contents(objects: list[StoredObject], encoding: str | None, owner: str) -> str:
    return "".join(
        f"<Contents>{documents.fields({'Key': encoded(stored.key, encoding)})}"
        f"<LastModified>{documents.iso(stored.modified)}</LastModified>{_size(stored)}{owner}</Contents>"
        for stored in objects
    )


def _common_prefixes(prefixes: list[str], encoding: str | None) -> str:
    return "".join(
        f"<CommonPrefixes>{documents.fields({'Prefix': encoded(prefix, encoding)})}</CommonPrefixes>"
        for prefix in prefixes
    )


def _encode(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()


def _decode(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise S3Error("InvalidArgument", "The continuation token provided is incorrect") from None
