"""Operations on objects: put, get, head, delete, copy, and what is attached to an object."""

import os
from typing import Any
from urllib.parse import parse_qs, unquote

from sageyard.aws.s3 import documents
from sageyard.aws.s3.acl import acl_document
from sageyard.aws.s3.buckets import Bucket
from sageyard.aws.s3.errors import S3Error
from sageyard.aws.s3.object_headers import (
    OVERRIDES,
    byte_range,
    checksum_headers,
    document_of,
    not_modified,
    precondition_failed,
    read_headers,
    version_headers,
    write_condition,
    written_headers,
)
from sageyard.aws.s3.objects import Deleted, NewObject, StoredObject
from sageyard.aws.s3.request import Answer, BlobSlice, S3Request, xml_answer
from sageyard.aws.s3.storage import Storage

INLINE = 1024 * 1024  # bodies up to this size are read at once, larger ones are streamed
LOCK = "x-amz-object-lock-"


def put_object(storage: Storage, request: S3Request) -> Answer:
    """PutObject."""
    payload = request.received()
    bucket = storage.buckets.get(request.bucket)
    if len(request.key.encode()) > 1024:
        raise S3Error("KeyTooLongError", "Your key is too long", Size=len(request.key.encode()), MaxSizeAllowed=1024)
    document = document_of(request.headers, bucket, storage.clock.now())
    if payload.checksums:
        document["checksums"] = payload.checksums
    new = NewObject(payload.blob, payload.size, payload.etag, document)
    stored = storage.objects.put(request.bucket, request.key, new, condition=write_condition(request.headers))
    return Answer(200, written_headers(bucket, stored))


def get_object(storage: Storage, request: S3Request) -> Answer:
    """GetObject and HeadObject: ranges, parts, conditions, header overrides."""
    bucket = storage.buckets.get(request.bucket)
    version = request.query.get("versionId")
    if request.method == "HEAD":
        return _read(request, storage.objects.find(request.bucket, request.key, version), None, bucket)
    stored, descriptor = storage.open(request.bucket, request.key, version)
    try:
        answer = _read(request, stored, descriptor, bucket)
    except BaseException:
        os.close(descriptor)
        raise
    if not isinstance(answer.body, BlobSlice):
        os.close(descriptor)
    return answer


def _read(request: S3Request, stored: StoredObject, descriptor: int | None, bucket: Bucket) -> Answer:
    headers = read_headers(bucket, stored)
    if not_modified(request.headers, stored):
        return Answer(304, {name: headers[name] for name in ("etag", "last-modified")})
    for parameter, name in OVERRIDES.items():
        if parameter in request.query:
            headers[name] = request.query[parameter]
    status, first, length = 200, 0, stored.size
    if "partNumber" in request.query:
        status, first, length = 206, *_part(request, stored, headers)
    elif wanted := byte_range(request.headers.get("range"), stored.size):
        status, (first, length) = 206, wanted
    if status == 206:
        headers["content-range"] = f"bytes {first}-{first + length - 1}/{stored.size}"
    elif request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        headers.update(checksum_headers(stored.document))
    headers["content-length"] = str(length)
    if descriptor is None:
        return Answer(status, headers)
    if length <= INLINE:
        return Answer(status, headers, os.pread(descriptor, length, first))
    return Answer(status, headers, BlobSlice(descriptor, first, length))


def _part(request: S3Request, stored: StoredObject, headers: dict[str, str]) -> tuple[int, int]:
    sizes: list[int] = stored.document.get("parts", [stored.size])
    number = request.integer("partNumber", 10_000)
    if not 1 <= number <= len(sizes):
        raise S3Error("InvalidPart", "The requested partnumber is not satisfiable", PartNumber=number)
    if "parts" in stored.document:
        headers["x-amz-mp-parts-count"] = str(len(sizes))
    return sum(sizes[: number - 1]), sizes[number - 1]


def delete_object(storage: Storage, request: S3Request) -> Answer:
    """DeleteObject: a version, or the current one."""
    bypass = request.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
    keys = [(request.key, request.query.get("versionId"))]
    condition = write_condition(request.headers)
    (result,) = storage.objects.delete(request.bucket, keys, bypass=bypass, condition=condition)
    if isinstance(result, S3Error):
        raise result
    return Answer(204, _deleted_headers(result))


def _deleted_headers(result: Deleted) -> dict[str, str]:
    headers = {}
    if result.version is not None:
        headers["x-amz-version-id"] = result.version
    if result.marker:
        headers["x-amz-delete-marker"] = "true"
    return headers


def delete_objects(storage: Storage, request: S3Request) -> Answer:
    """DeleteObjects: up to 1,000 keys in one transaction."""
    root = documents.parse(request.body)
    keys = [(entry.findtext("Key") or "", entry.findtext("VersionId")) for entry in root.iter("Object")]
    if len(keys) > 1000 or not keys:
        raise S3Error("MalformedXML", f"{len(keys)} keys to delete: there must be 1 to 1,000")
    bypass = request.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
    quiet = root.findtext("Quiet") == "true"
    entries = []
    for (key, version), result in zip(keys, storage.objects.delete(request.bucket, keys, bypass=bypass), strict=True):
        if isinstance(result, S3Error):
            values = {"Key": key, "VersionId": version, "Code": result.code, "Message": result.message}
            entries.append(f"<Error>{documents.fields(values)}</Error>")
        elif not quiet:
            marker = {"DeleteMarker": True, "DeleteMarkerVersionId": result.version} if result.marker else {}
            entries.append(f"<Deleted>{documents.fields({'Key': key, 'VersionId': version, **marker})}</Deleted>")
    return xml_answer(documents.document("DeleteResult", "".join(entries)))


def copy_source(storage: Storage, request: S3Request) -> StoredObject:
    """The object that `x-amz-copy-source` names, its conditions checked."""
    path, _, query = request.headers["x-amz-copy-source"].partition("?")
    bucket, _, key = unquote(path, encoding="utf-8").lstrip("/").partition("/")
    version = parse_qs(query).get("versionId", [None])[0]
    stored = storage.objects.find(bucket, key, version)
    if not_modified(request.headers, stored, "x-amz-copy-source-"):
        raise precondition_failed("If-None-Match")
    return stored


def copy_object(storage: Storage, request: S3Request) -> Answer:
    """CopyObject: the new object shares the blob of the old one."""
    bucket = storage.buckets.get(request.bucket)
    headers = request.headers
    with storage.database.lock:  # the source cannot vanish between reading its row and sharing its blob
        source = copy_source(storage, request)
        document = document_of(headers, bucket, storage.clock.now())
        replaces = headers.get("x-amz-metadata-directive") == "REPLACE"
        changes = replaces or any(name in headers for name in ("x-amz-storage-class", "x-amz-server-side-encryption"))
        if (source.bucket, source.key) == (request.bucket, request.key) and source.latest and not changes:
            message = (
                "This copy request is illegal because it is trying to copy an object to itself without changing the "
                "object's metadata, storage class, website redirect location or encryption attributes."
            )
            raise S3Error("InvalidRequest", message)
        if not replaces:
            new = document["headers"]
            fixed = {name: new[name] for name in new if name.startswith((LOCK, "x-amz-server-side", "x-amz-storage"))}
            old = source.document["headers"]
            kept = {name: old[name] for name in old if not name.startswith((LOCK, "x-amz-server-side"))}
            document["headers"] = {**kept, **fixed}
        if headers.get("x-amz-tagging-directive") != "REPLACE" and "tags" in source.document:
            document["tags"] = source.document["tags"]
        for name in ("checksums", "checksum_type"):
            if name in source.document:
                document[name] = source.document[name]
        new_object = NewObject(source.blob, source.size, source.etag, document)
        stored = storage.objects.put(request.bucket, request.key, new_object, condition=write_condition(headers))
    content = documents.fields({"ETag": f'"{stored.etag}"', "LastModified": documents.iso(stored.modified)})
    answer_headers = written_headers(bucket, stored)
    if source.version != "null":
        answer_headers["x-amz-copy-source-version-id"] = source.version
    return xml_answer(documents.document("CopyObjectResult", content), answer_headers)


def get_tagging(storage: Storage, request: S3Request) -> Answer:
    """GetObjectTagging."""
    stored = storage.objects.find(request.bucket, request.key, request.query.get("versionId"))
    content = documents.tag_set(stored.document.get("tags", {}))
    headers = version_headers(storage.buckets.get(request.bucket), stored)
    return xml_answer(documents.document("Tagging", content), headers)


def put_tagging(storage: Storage, request: S3Request) -> Answer:
    """PutObjectTagging."""
    tags = documents.parse_tags(request.body)
    if len(tags) > 10:
        raise S3Error("BadRequest", "Object tags cannot be greater than 10")
    return _change(storage, request, {"tags": tags}, 200)


def delete_tagging(storage: Storage, request: S3Request) -> Answer:
    """DeleteObjectTagging."""
    return _change(storage, request, {"tags": {}}, 204)


def _change(storage: Storage, request: S3Request, changes: dict[str, Any], status: int) -> Answer:
    with storage.database.transaction():
        stored = storage.objects.find(request.bucket, request.key, request.query.get("versionId"))
        storage.objects.rewrite(stored, {**stored.document, **changes})
    return Answer(status, version_headers(storage.buckets.get(request.bucket), stored))


def get_acl(storage: Storage, request: S3Request) -> Answer:
    """GetObjectAcl."""
    stored = storage.objects.find(request.bucket, request.key, request.query.get("versionId"))
    return xml_answer(acl_document(stored.document.get("acl")))


def put_acl(storage: Storage, request: S3Request) -> Answer:
    """PutObjectAcl: a canned ACL or a document; kept and shown, nobody is refused by it."""
    acl = request.headers.get("x-amz-acl") or request.body.decode()
    return _change(storage, request, {"acl": acl}, 200)


def _lock_headers(storage: Storage, request: S3Request) -> dict[str, str]:
    stored = storage.objects.find(request.bucket, request.key, request.query.get("versionId"))
    headers: dict[str, str] = stored.document["headers"]
    return headers


def get_retention(storage: Storage, request: S3Request) -> Answer:
    """GetObjectRetention."""
    headers = _lock_headers(storage, request)
    if f"{LOCK}mode" not in headers:
        message = "The specified object does not have a ObjectLock configuration"
        raise S3Error("NoSuchObjectLockConfiguration", message)
    values = {"Mode": headers[f"{LOCK}mode"], "RetainUntilDate": headers[f"{LOCK}retain-until-date"]}
    return xml_answer(documents.document("Retention", documents.fields(values)))


def put_retention(storage: Storage, request: S3Request) -> Answer:
    """PutObjectRetention."""
    root = documents.parse(request.body)
    lock = {f"{LOCK}mode": root.findtext("Mode"), f"{LOCK}retain-until-date": root.findtext("RetainUntilDate")}
    return _lock(storage, request, lock)


def get_legal_hold(storage: Storage, request: S3Request) -> Answer:
    """GetObjectLegalHold."""
    status = _lock_headers(storage, request).get(f"{LOCK}legal-hold", "OFF")
    return xml_answer(documents.document("LegalHold", documents.fields({"Status": status})))


def put_legal_hold(storage: Storage, request: S3Request) -> Answer:
    """PutObjectLegalHold."""
    return _lock(storage, request, {f"{LOCK}legal-hold": documents.parse(request.body).findtext("Status")})


def _lock(storage: Storage, request: S3Request, lock: dict[str, str | None]) -> Answer:
    if not storage.buckets.get(request.bucket).object_lock:
        raise S3Error("InvalidRequest", "Bucket is missing Object Lock Configuration")
    headers = {**_lock_headers(storage, request), **lock}
    return _change(storage, request, {"headers": {name: value for name, value in headers.items() if value}}, 200)


def get_attributes(storage: Storage, request: S3Request) -> Answer:
    """GetObjectAttributes."""
    stored = storage.objects.find(request.bucket, request.key, request.query.get("versionId"))
    wanted = {name.strip() for name in request.headers.get("x-amz-object-attributes", "").split(",")}
    content = documents.fields({"ETag": stored.etag}) if "ETag" in wanted else ""
    if "Checksum" in wanted and (checksums := stored.document.get("checksums")):
        values = {f"Checksum{name.upper()}": value for name, value in checksums.items()}
        values["ChecksumType"] = stored.document.get("checksum_type", "FULL_OBJECT")
        content += f"<Checksum>{documents.fields(values)}</Checksum>"
    if "ObjectParts" in wanted and (parts := stored.document.get("parts")):
        content += f"<ObjectParts>{documents.fields({'PartsCount': len(parts)})}</ObjectParts>"
    if "StorageClass" in wanted:
        content += documents.fields({"StorageClass": stored.document["headers"].get("x-amz-storage-class", "STANDARD")})
    if "ObjectSize" in wanted:
        content += documents.fields({"ObjectSize": stored.size})
    headers = {"last-modified": documents.http_date(stored.modified)}
    headers.update(version_headers(storage.buckets.get(request.bucket), stored))
    return xml_answer(documents.document("GetObjectAttributesResponse", content), headers)
