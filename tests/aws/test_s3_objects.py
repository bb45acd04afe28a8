"""Objects in S3: put, get, ranges, conditions, metadata, tags, copies, checksums, presigned URLs."""

import base64
import hashlib
import urllib.error
import urllib.request
import zlib

import pytest
from botocore.exceptions import ClientError


def code_of(error) -> tuple[str, int]:
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_an_object_comes_back_with_its_bytes_etag_and_metadata(s3):
    body = bytes(range(256)) * 10
    put = s3.put_object(
        Bucket="bucket",
        Key="a/b c+ü.txt",
        Body=body,
        ContentType="text/plain",
        CacheControl="no-cache",
        ContentDisposition="attachment",
        Metadata={"Owner": "me", "two_words": "x"},
    )
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got = s3.get_object(Bucket="bucket", Key="a/b c+ü.txt")
    assert got["Body"].read() == body
    assert (got["ContentType"], got["CacheControl"], got["ContentLength"]) == ("text/plain", "no-cache", 2560)
    assert got["Metadata"] == {"owner": "me", "two_words": "x"}
    assert got["ServerSideEncryption"] == "AES256"
    head = s3.head_object(Bucket="bucket", Key="a/b c+ü.txt")
    assert (head["ETag"], head["ContentLength"], head["ContentDisposition"]) == (put["ETag"], 2560, "attachment")


def test_an_empty_object_is_an_object(s3):
    s3.put_object(Bucket="bucket", Key="folder/", Body=b"")
    got = s3.get_object(Bucket="bucket", Key="folder/")
    assert (got["ContentLength"], got["Body"].read()) == (0, b"")


def test_what_is_missing_is_told_as_s3_tells_it(s3):
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="bucket", Key="none")
    assert code_of(error) == ("NoSuchKey", 404)
    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket="bucket", Key="none")
    assert code_of(error) == ("404", 404)
    assert error.value.response["Error"]["Message"] == "Not Found"
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="no-such-bucket", Key="k", Body=b"x")
    assert code_of(error) == ("NoSuchBucket", 404)
    with pytest.raises(ClientError) as error:
        s3.head_bucket(Bucket="no-such-bucket")
    assert code_of(error) == ("404", 404)


def test_a_bucket_of_another_owner_is_refused(s3):
    s3.head_bucket(Bucket="bucket", ExpectedBucketOwner="123456789012")
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="bucket", Key="k", Body=b"x", ExpectedBucketOwner="210987654321")
    assert code_of(error) == ("AccessDenied", 403)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-3", 0, 3), ("bytes=4-", 4, 9), ("bytes=-3", 7, 9), ("bytes=5-100", 5, 9), ("bytes=-100", 0, 9)],
)
def test_ranges_give_their_bytes(s3, asked, first, last):
    s3.put_object(Bucket="bucket", Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket="bucket", Key="k", Range=asked)
    assert got["Body"].read() == b"0123456789"[first : last + 1]
    assert got["ContentRange"] == f"bytes {first}-{last}/10"
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_a_range_outside_the_object_is_416(s3):
    s3.put_object(Bucket="bucket", Key="k", Body=b"0123456789")
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="bucket", Key="k", Range="bytes=10-")
    assert code_of(error) == ("InvalidRange", 416)


def test_conditional_reads_follow_the_etag_and_the_date(s3):
    put = s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    modified = s3.head_object(Bucket="bucket", Key="k")["LastModified"]
    assert s3.get_object(Bucket="bucket", Key="k", IfMatch=put["ETag"])["Body"].read() == b"x"
    for condition in ({"IfNoneMatch": put["ETag"]}, {"IfModifiedSince": modified}):
        with pytest.raises(ClientError) as error:
            s3.get_object(Bucket="bucket", Key="k", **condition)
        assert code_of(error)[1] == 304
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="bucket", Key="k", IfMatch='"other"')
    assert code_of(error) == ("PreconditionFailed", 412)


def test_conditional_writes_never_overwrite(s3):
    first = s3.put_object(Bucket="bucket", Key="k", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="bucket", Key="k", Body=b"2", IfNoneMatch="*")
    assert code_of(error) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="bucket", Key="k", Body=b"2", IfMatch='"other"')
    assert code_of(error) == ("PreconditionFailed", 412)
    s3.put_object(Bucket="bucket", Key="k", Body=b"3", IfMatch=first["ETag"])
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"3"


def test_header_overrides_of_a_get_are_honoured(s3):
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    got = s3.get_object(Bucket="bucket", Key="k", ResponseContentType="text/csv", ResponseCacheControl="max-age=1")
    assert (got["ContentType"], got["CacheControl"]) == ("text/csv", "max-age=1")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_computed_remembered_and_returned(s3, algorithm):
    body = b"checked" * 1000
    expected = {
        "CRC32": zlib.crc32(body).to_bytes(4, "big"),
        "SHA1": hashlib.sha1(body).digest(),
        "SHA256": hashlib.sha256(body).digest(),
    }[algorithm]
    put = s3.put_object(Bucket="bucket", Key="k", Body=body, ChecksumAlgorithm=algorithm)
    assert put[f"Checksum{algorithm}"] == base64.b64encode(expected).decode()
    head = s3.head_object(Bucket="bucket", Key="k", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == base64.b64encode(expected).decode()


def test_a_wrong_checksum_or_md5_is_refused_and_leaves_nothing(s3):
    for wrong in ({"ChecksumSHA256": base64.b64encode(bytes(32)).decode()}, {"ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}):
        with pytest.raises(ClientError) as error:
            s3.put_object(Bucket="bucket", Key="k", Body=b"x", **wrong)
        assert code_of(error) == ("BadDigest", 400)
    assert "Contents" not in s3.list_objects_v2(Bucket="bucket")


def test_aws_chunked_bodies_with_trailing_checksums_are_decoded(aws, s3):
    data = b"z" * 100_000
    checksum = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()

    def send(crc: str) -> int:
        body = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (
            65536,
            data[:65536],
            len(data) - 65536,
            data[65536:],
            crc.encode(),
        )
        headers = {
            "content-encoding": "aws-chunked",
            "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "x-amz-decoded-content-length": str(len(data)),
            "x-amz-trailer": "x-amz-checksum-crc32",
        }
        request = urllib.request.Request(f"{aws.url}/bucket/chunked", body, headers, method="PUT")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    assert send(checksum) == 200
    got = s3.get_object(Bucket="bucket", Key="chunked", ChecksumMode="ENABLED")
    assert (got["Body"].read(), got["ChecksumCRC32"]) == (data, checksum)
    assert "ContentEncoding" not in got
    assert send("AAAAAA==") == 400


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls_read_and_write(aws, s3, version):
    client = aws.client("s3", signature_version=version)
    put = client.generate_presigned_url("put_object", {"Bucket": "bucket", "Key": "p q"})
    with urllib.request.urlopen(urllib.request.Request(put, b"signed", method="PUT"), timeout=10) as answer:
        assert answer.status == 200
    get = client.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "p q"})
    with urllib.request.urlopen(get, timeout=10) as answer:
        assert answer.read() == b"signed"


def test_tags_are_put_read_and_deleted(s3):
    s3.put_object(Bucket="bucket", Key="k", Body=b"x", Tagging="team=ml&stage=dev%20x")
    tags = s3.get_object_tagging(Bucket="bucket", Key="k")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "ml", "stage": "dev x"}
    assert s3.get_object(Bucket="bucket", Key="k")["TagCount"] == 2
    s3.put_object_tagging(Bucket="bucket", Key="k", Tagging={"TagSet": [{"Key": "only", "Value": "one"}]})
    assert s3.get_object_tagging(Bucket="bucket", Key="k")["TagSet"] == [{"Key": "only", "Value": "one"}]
    s3.delete_object_tagging(Bucket="bucket", Key="k")
    assert s3.get_object_tagging(Bucket="bucket", Key="k")["TagSet"] == []


def test_a_copy_keeps_or_replaces_metadata(s3):
    s3.put_object(Bucket="bucket", Key="from", Body=b"bytes", Metadata={"a": "1"}, ContentType="text/x", Tagging="t=1")
    s3.copy_object(Bucket="bucket", Key="kept", CopySource={"Bucket": "bucket", "Key": "from"})
    kept = s3.get_object(Bucket="bucket", Key="kept")
    assert (kept["Body"].read(), kept["Metadata"], kept["ContentType"], kept["TagCount"]) == (
        b"bytes",
        {"a": "1"},
        "text/x",
        1,
    )
    s3.copy_object(
        Bucket="bucket", Key="new", CopySource="bucket/from", MetadataDirective="REPLACE", Metadata={"b": "2"}
    )
    assert s3.head_object(Bucket="bucket", Key="new")["Metadata"] == {"b": "2"}
    s3.delete_object(Bucket="bucket", Key="from")
    assert s3.get_object(Bucket="bucket", Key="kept")["Body"].read() == b"bytes"
    with pytest.raises(ClientError) as error:
        s3.copy_object(Bucket="bucket", Key="kept", CopySource="bucket/kept")
    assert code_of(error) == ("InvalidRequest", 400)
    with pytest.raises(ClientError) as error:
        s3.copy_object(Bucket="bucket", Key="x", CopySource="bucket/none")
    assert code_of(error) == ("NoSuchKey", 404)


def test_many_objects_are_deleted_at_once(s3):
    for number in range(5):
        s3.put_object(Bucket="bucket", Key=f"k{number}", Body=b"x")
    keys = [{"Key": f"k{number}"} for number in range(4)] + [{"Key": "never"}]
    deleted = s3.delete_objects(Bucket="bucket", Delete={"Objects": keys})["Deleted"]
    assert [entry["Key"] for entry in deleted] == [key["Key"] for key in keys]
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["k4"]


def test_attributes_and_acl_are_answered(s3):
    s3.put_object(Bucket="bucket", Key="k", Body=b"12345")
    attributes = s3.get_object_attributes(Bucket="bucket", Key="k", ObjectAttributes=["ETag", "ObjectSize"])
    assert (attributes["ObjectSize"], attributes["ETag"]) == (5, hashlib.md5(b"12345").hexdigest())
    s3.put_object_acl(Bucket="bucket", Key="k", ACL="public-read")
    grants = s3.get_object_acl(Bucket="bucket", Key="k")["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL", "READ"]


def test_an_operation_that_is_not_implemented_is_a_4xx_that_says_so(s3):
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    with pytest.raises(ClientError) as error:
        s3.restore_object(Bucket="bucket", Key="k", RestoreRequest={"Days": 1})
    assert code_of(error) == ("NotImplemented", 400)
    assert "not implemented" in error.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("bucket/k", {"x-amz-content-sha256": "STREAMING-X", "x-amz-decoded-content-length": "many"}),
        ("bucket?max-keys=many", {}),
        ("bucket/k?partNumber=one&uploadId=x", {}),
    ],
)
def test_a_value_that_cannot_be_read_is_a_400(aws, s3, path, headers):
    method, body = ("GET", None) if "max-keys" in path else ("PUT", b"0\r\n\r\n")
    request = urllib.request.Request(f"{aws.url}/{path}", body, headers, method=method)
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=10)
    assert 400 <= error.value.code < 500
    assert b"<Code>" in error.value.read()


def test_a_locked_version_cannot_be_deleted(s3):
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    version = s3.put_object(Bucket="locked", Key="k", Body=b"x")["VersionId"]
    s3.put_object_legal_hold(Bucket="locked", Key="k", LegalHold={"Status": "ON"})
    with pytest.raises(ClientError) as error:
        s3.delete_object(Bucket="locked", Key="k", VersionId=version)
    assert code_of(error) == ("AccessDenied", 403)
    s3.put_object_legal_hold(Bucket="locked", Key="k", LegalHold={"Status": "OFF"})
    s3.delete_object(Bucket="locked", Key="k", VersionId=version)
    assert "Versions" not in s3.list_object_versions(Bucket="locked")
