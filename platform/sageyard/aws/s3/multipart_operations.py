"""Multipart uploads on the wire."""

from sageyard.aws.s3 import documents
from sageyard.aws.s3.checksums import PREFIX
from sageyard.aws.s3.errors import S3Error
from sageyard.aws.s3.object_headers import ENCRYPTION, byte_range, document_of, write_condition, written_headers
from sageyard.aws.s3.object_operations import copy_source
from sageyard.aws.s3.request import Answer, S3Request, xml_answer
from sageyard.aws.s3.storage import Storage
from sageyard.aws.s3.uploads import Upload


def create_upload(storage: Storage, request: S3Request) -> Answer:
    """CreateMultipartUpload."""
    document = document_of(request.headers, storage.buckets.get(request.bucket), storage.clock.now())
    headers = {name: value for name, value in document["headers"].items() if name.startswith(ENCRYPTION)}
    if algorithm := request.headers.get(f"{PREFIX}algorithm"):
        kind = request.headers.get(f"{PREFIX}type", "COMPOSITE")
        document["checksum_algorithm"], document["checksum_type"] = algorithm.lower(), kind
        headers[f"{PREFIX}algorithm"], headers[f"{PREFIX}type"] = algorithm, kind
    upload = storage.uploads.create(request.bucket, request.key, document)
    values = {"Bucket": request.bucket, "Key": request.key, "UploadId": upload}
    return xml_answer(documents.document("InitiateMultipartUploadResult", documents.fields(values)), headers)


def _upload(storage: Storage, request: S3Request) -> Upload:
    return storage.uploads.get(request.bucket, request.key, request.query["uploadId"])


def _encryption(upload: Upload) -> dict[str, str]:
    return {name: value for name, value in upload.document["headers"].items() if name.startswith(ENCRYPTION)}


def _number(request: S3Request) -> int:
    number = request.query.get("partNumber", "")
    if not number.isdecimal() or not 1 <= int(number) <= 10_000:
        raise S3Error("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    return int(number)


def upload_part(storage: Storage, request: S3Request) -> Answer:
    """UploadPart."""
    payload = request.received()
    upload = _upload(storage, request)
    part = storage.uploads.put_part(
        upload, _number(request), payload.blob, payload.size, payload.etag, payload.checksums
    )
    checksums = {f"{PREFIX}{name}": value for name, value in part.checksums.items()}
    return Answer(200, {"etag": f'"{part.etag}"', **checksums, **_encryption(upload)})


def upload_part_copy(storage: Storage, request: S3Request) -> Answer:
    """UploadPartCopy: a whole object or a range of one."""
    upload, number = _upload(storage, request), _number(request)
    source = copy_source(storage, request)
    first, length = byte_range(request.headers.get("x-amz-copy-source-range"), source.size) or (0, source.size)
    blob = storage.blobs.concatenate([(source.blob, first, length)])
    payload = storage.adopt_blob(blob)
    part = storage.uploads.put_part(upload, number, blob, payload.size, payload.etag, {})
    content = documents.fields({"ETag": f'"{part.etag}"', "LastModified": documents.iso(part.modified)})
    return xml_answer(documents.document("CopyPartResult", content), _encryption(upload))


def complete_upload(storage: Storage, request: S3Request) -> Answer:
    """CompleteMultipartUpload."""
    upload = _upload(storage, request)
    bucket = storage.buckets.get(request.bucket)
    wanted = [
        (int(part.findtext("PartNumber") or 0), part.findtext("ETag") or "")
        for part in documents.parse(request.body).iter("Part")
    ]
    new = storage.uploads.assemble(upload, wanted)
    full = {
        name.removeprefix(PREFIX): value
        for name, value in request.headers.items()
        if name.startswith(PREFIX) and name not in {f"{PREFIX}type", f"{PREFIX}algorithm"}
    }
    if full and new.document.get("checksum_type") == "FULL_OBJECT":
        new.document["checksums"] = full
    try:
        condition = write_condition(request.headers)
        stored = storage.objects.put(request.bucket, request.key, new, condition=condition, upload=upload.id)
    except BaseException:
        storage.objects.release([new.blob])
        raise
    headers = written_headers(bucket, stored)
    values: dict[str, documents.Value] = {
        "Location": f"/{request.bucket}/{request.key}",
        "Bucket": request.bucket,
        "Key": request.key,
        "ETag": headers.pop("etag"),
        **{f"Checksum{name.upper()}": value for name, value in stored.document.get("checksums", {}).items()},
    }
    return xml_answer(documents.document("CompleteMultipartUploadResult", documents.fields(values)), headers)


def abort_upload(storage: Storage, request: S3Request) -> Answer:
    """AbortMultipartUpload."""
    storage.uploads.abort(_upload(storage, request))
    return Answer(204)


def list_parts(storage: Storage, request: S3Request) -> Answer:
    """ListParts."""
    upload = _upload(storage, request)
    limit = request.integer("max-parts", 1000)
    after = request.integer("part-number-marker", 10_000) if "part-number-marker" in request.query else 0
    parts = storage.uploads.parts(upload.id, after, limit + 1)
    shown = parts[:limit]
    content = documents.fields(
        {
            "Bucket": request.bucket,
            "Key": request.key,
            "UploadId": upload.id,
            "PartNumberMarker": after,
            "NextPartNumberMarker": shown[-1].number if shown else 0,
            "MaxParts": limit,
            "IsTruncated": len(parts) > limit,
            "StorageClass": "STANDARD",
        }
    )
    for part in shown:
        values: dict[str, documents.Value] = {
            "PartNumber": part.number,
            "LastModified": documents.iso(part.modified),
            "ETag": f'"{part.etag}"',
            "Size": part.size,
            **{f"Checksum{name.upper()}": value for name, value in part.checksums.items()},
        }
        content += f"<Part>{documents.fields(values)}</Part>"
    return xml_answer(documents.document("ListPartsResult", content + documents.OWNER))


def list_uploads(storage: Storage, request: S3Request) -> Answer:
    """ListMultipartUploads."""
    storage.buckets.get(request.bucket)
    limit = request.integer("max-uploads", 1000)
    prefix, encoding = request.query.get("prefix", ""), request.query.get("encoding-type")
    key, marker = request.query.get("key-marker", ""), request.query.get("upload-id-marker", "")
    uploads = storage.listing.uploads(request.bucket, prefix, key, marker, limit + 1)
    shown = uploads[:limit]
    content = documents.fields(
        {
            "Bucket": request.bucket,
            "KeyMarker": documents.encoded(key, encoding),
            "UploadIdMarker": marker,
            "Prefix": documents.encoded(prefix, encoding),
            "EncodingType": encoding,
            "MaxUploads": limit,
            "IsTruncated": len(uploads) > limit,
        }
    )
    if len(uploads) > limit and shown:
        key, marker = documents.encoded(shown[-1][0], encoding), shown[-1][1]
        content += documents.fields({"NextKeyMarker": key, "NextUploadIdMarker": marker})
    for key, upload, initiated in shown:
        values = {"Key": documents.encoded(key, encoding), "UploadId": upload, "Initiated": documents.iso(initiated)}
        inner = documents.fields({**values, "StorageClass": "STANDARD"})
        content += f"<Upload>{inner}{documents.OWNER}</Upload>"
    return xml_answer(documents.document("ListMultipartUploadsResult", content))
