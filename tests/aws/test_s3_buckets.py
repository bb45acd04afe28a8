"""Buckets, listings, versions, multipart uploads."""

import hashlib
import json
import os

import pytest
from botocore.exceptions import ClientError

MIB = 1024 * 1024


def code_of(error) -> str:
    return error.value.response["Error"]["Code"]


@pytest.fixture
def tree(s3):
    for key in ("a.txt", "photos/1", "photos/2", "photos/raw/1", "photos/raw/2", "z", "ä/1", "日本"):
        s3.put_object(Bucket="bucket", Key=key, Body=key.encode())
    return s3


def test_a_bucket_may_be_created_twice_in_us_east_1_and_once_elsewhere(aws, s3):
    s3.create_bucket(Bucket="bucket")
    west = aws.client("s3", "us-west-2")
    where = {"LocationConstraint": "us-west-2"}
    west.create_bucket(Bucket="western", CreateBucketConfiguration=where)
    with pytest.raises(ClientError) as error:
        west.create_bucket(Bucket="western", CreateBucketConfiguration=where)
    assert code_of(error) == "BucketAlreadyOwnedByYou"
    assert s3.get_bucket_location(Bucket="western")["LocationConstraint"] == "us-west-2"
    assert s3.get_bucket_location(Bucket="bucket")["LocationConstraint"] is None
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["bucket", "western"]


def test_a_bad_name_is_refused_and_a_full_bucket_is_kept(s3):
    with pytest.raises(ClientError) as error:
        s3.create_bucket(Bucket="No_Good")
    assert code_of(error) == "InvalidBucketName"
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    with pytest.raises(ClientError) as error:
        s3.delete_bucket(Bucket="bucket")
    assert code_of(error) == "BucketNotEmpty"
    s3.delete_object(Bucket="bucket", Key="k")
    s3.delete_bucket(Bucket="bucket")
    with pytest.raises(ClientError) as error:
        s3.list_objects_v2(Bucket="bucket")
    assert code_of(error) == "NoSuchBucket"


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_listings_roll_up_at_the_delimiter(tree, operation):
    listed = getattr(tree, operation)(Bucket="bucket", Delimiter="/")
    assert [entry["Key"] for entry in listed["Contents"]] == ["a.txt", "z", "日本"]
    assert [entry["Prefix"] for entry in listed["CommonPrefixes"]] == ["photos/", "ä/"]
    below = getattr(tree, operation)(Bucket="bucket", Delimiter="/", Prefix="photos/")
    assert [entry["Key"] for entry in below["Contents"]] == ["photos/1", "photos/2"]
    assert [entry["Prefix"] for entry in below["CommonPrefixes"]] == ["photos/raw/"]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2", "list_object_versions"])
@pytest.mark.parametrize("delimiter", ["", "/"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_add_up_to_the_whole_listing(tree, operation, delimiter, size):
    def entries(pages):
        keys, prefixes = [], []
        for page in pages:
            found = [*page.get("Contents", ()), *page.get("Versions", ())]
            assert len(found) + len(page.get("CommonPrefixes", ())) <= size or size == 1000
            keys += [entry["Key"] for entry in found]
            prefixes += [entry["Prefix"] for entry in page.get("CommonPrefixes", ())]
        return keys, prefixes

    paginator = tree.get_paginator(operation)
    paged = entries(paginator.paginate(Bucket="bucket", Delimiter=delimiter, PaginationConfig={"PageSize": size}))
    everything = ["a.txt", "photos/1", "photos/2", "photos/raw/1", "photos/raw/2", "z", "ä/1", "日本"]
    expected = (["a.txt", "z", "日本"], ["photos/", "ä/"]) if delimiter else (everything, [])
    assert paged == expected


def test_a_listing_starts_after_a_key_and_counts_its_keys(tree):
    listed = tree.list_objects_v2(Bucket="bucket", StartAfter="photos/2", MaxKeys=2)
    assert [entry["Key"] for entry in listed["Contents"]] == ["photos/raw/1", "photos/raw/2"]
    assert (listed["KeyCount"], listed["IsTruncated"]) == (2, True)
    assert tree.list_objects_v2(Bucket="bucket", MaxKeys=0)["IsTruncated"] is False


def test_versions_and_delete_markers_keep_what_was_there(s3):
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket="bucket")["Status"] == "Enabled"
    first = s3.put_object(Bucket="bucket", Key="k", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket="bucket", Key="k", Body=b"2")["VersionId"]
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"2"
    assert s3.get_object(Bucket="bucket", Key="k", VersionId=first)["Body"].read() == b"1"
    marker = s3.delete_object(Bucket="bucket", Key="k")
    assert marker["DeleteMarker"] is True
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="bucket", Key="k")
    assert code_of(error) == "NoSuchKey"
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="bucket", Key="k", VersionId=marker["VersionId"])
    assert code_of(error) == "MethodNotAllowed"
    listed = s3.list_object_versions(Bucket="bucket")
    assert [entry["VersionId"] for entry in listed["Versions"]] == [second, first]
    assert [entry["IsLatest"] for entry in listed["DeleteMarkers"]] == [True]
    s3.delete_object(Bucket="bucket", Key="k", VersionId=marker["VersionId"])
    s3.delete_object(Bucket="bucket", Key="k", VersionId=second)
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"1"


def test_suspended_versioning_replaces_only_the_null_version(s3):
    s3.put_object(Bucket="bucket", Key="k", Body=b"null")
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    kept = s3.put_object(Bucket="bucket", Key="k", Body=b"kept")["VersionId"]
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket="bucket", Key="k", Body=b"newer")
    versions = s3.list_object_versions(Bucket="bucket")["Versions"]
    assert [entry["VersionId"] for entry in versions] == ["null", kept]
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"newer"


def test_bucket_configuration_comes_back_as_it_was_put(s3):
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    for get, code in (
        (s3.get_bucket_policy, "NoSuchBucketPolicy"),
        (s3.get_bucket_cors, "NoSuchCORSConfiguration"),
        (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
        (s3.get_bucket_tagging, "NoSuchTagSet"),
        (s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration"),
    ):
        with pytest.raises(ClientError) as error:
            get(Bucket="bucket")
        assert code_of(error) == code
    s3.put_bucket_policy(Bucket="bucket", Policy=policy)
    assert s3.get_bucket_policy(Bucket="bucket")["Policy"] == policy
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(Bucket="bucket", LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket="bucket")["Rules"] == [rule]
    s3.delete_bucket_policy(Bucket="bucket")
    with pytest.raises(ClientError):
        s3.get_bucket_policy(Bucket="bucket")
    inventory = {
        "Id": "one",
        "IsEnabled": True,
        "IncludedObjectVersions": "All",
        "Schedule": {"Frequency": "Daily"},
        "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::bucket", "Format": "CSV"}},
    }
    s3.put_bucket_inventory_configuration(Bucket="bucket", Id="one", InventoryConfiguration=inventory)
    assert s3.list_bucket_inventory_configurations(Bucket="bucket")["InventoryConfigurationList"] == [inventory]


def test_default_encryption_of_the_bucket_marks_new_objects(s3):
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/mine"}
    configuration = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    s3.put_bucket_encryption(Bucket="bucket", ServerSideEncryptionConfiguration=configuration)
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    head = s3.head_object(Bucket="bucket", Key="k")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/mine")


def test_a_multipart_upload_is_joined_in_order(s3):
    parts = [os.urandom(5 * MIB), os.urandom(5 * MIB + 1), b"end"]
    upload = s3.create_multipart_upload(Bucket="bucket", Key="big", ContentType="x/y", Metadata={"m": "1"})["UploadId"]
    assert [entry["Key"] for entry in s3.list_multipart_uploads(Bucket="bucket")["Uploads"]] == ["big"]
    done = []
    for number, part in reversed(list(enumerate(parts, 1))):
        etag = s3.upload_part(Bucket="bucket", Key="big", UploadId=upload, PartNumber=number, Body=part)["ETag"]
        done.insert(0, {"PartNumber": number, "ETag": etag})
    listed = s3.list_parts(Bucket="bucket", Key="big", UploadId=upload, MaxParts=2)
    assert [part["PartNumber"] for part in listed["Parts"]] == [1, 2]
    assert listed["IsTruncated"] is True
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="bucket", Key="big")
    assert code_of(error) == "NoSuchKey"
    finished = s3.complete_multipart_upload(
        Bucket="bucket", Key="big", UploadId=upload, MultipartUpload={"Parts": done}
    )
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    assert finished["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    got = s3.get_object(Bucket="bucket", Key="big")
    assert got["Body"].read() == b"".join(parts)
    assert (got["ContentType"], got["Metadata"]) == ("x/y", {"m": "1"})
    part = s3.get_object(Bucket="bucket", Key="big", PartNumber=2)
    assert (part["Body"].read(), part["PartsCount"]) == (parts[1], 3)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="bucket")


def test_multipart_uploads_refuse_what_does_not_fit(s3):
    upload = s3.create_multipart_upload(Bucket="bucket", Key="big")["UploadId"]
    etags = [
        s3.upload_part(Bucket="bucket", Key="big", UploadId=upload, PartNumber=number, Body=b"small")["ETag"]
        for number in (1, 2)
    ]
    for parts, code in (
        ([(1, etags[0]), (2, etags[1])], "EntityTooSmall"),
        ([(2, etags[1]), (1, etags[0])], "InvalidPartOrder"),
        ([(1, '"wrong"')], "InvalidPart"),
    ):
        named = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        with pytest.raises(ClientError) as error:
            s3.complete_multipart_upload(Bucket="bucket", Key="big", UploadId=upload, MultipartUpload={"Parts": named})
        assert code_of(error) == code
    s3.abort_multipart_upload(Bucket="bucket", Key="big", UploadId=upload)
    with pytest.raises(ClientError) as error:
        s3.list_parts(Bucket="bucket", Key="big", UploadId=upload)
    assert code_of(error) == "NoSuchUpload"


def test_parts_are_copied_from_ranges_of_objects(s3):
    source = os.urandom(6 * MIB)
    s3.put_object(Bucket="bucket", Key="source", Body=source)
    upload = s3.create_multipart_upload(Bucket="bucket", Key="copy")["UploadId"]
    parts = []
    for number, span in ((1, f"bytes=0-{5 * MIB - 1}"), (2, f"bytes={5 * MIB}-{6 * MIB - 1}")):
        etag = s3.upload_part_copy(
            Bucket="bucket",
            Key="copy",
            UploadId=upload,
            PartNumber=number,
            CopySource="bucket/source",
            CopySourceRange=span,
        )["CopyPartResult"]["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    s3.complete_multipart_upload(Bucket="bucket", Key="copy", UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket="bucket", Key="copy")["Body"].read() == source


def test_the_transfer_manager_moves_large_files_both_ways(s3, tmp_path):
    file, back = tmp_path / "file", tmp_path / "back"
    file.write_bytes(os.urandom(20 * MIB + 7))
    s3.upload_file(str(file), "bucket", "large")
    assert s3.head_object(Bucket="bucket", Key="large")["ETag"].endswith('-3"')
    s3.download_file("bucket", "large", str(back))
    assert back.read_bytes() == file.read_bytes()
