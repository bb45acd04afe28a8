"""Objects become files: by link or by copy, under the right names."""

import gzip
import json
from pathlib import Path

import pytest
from sageyard.jobs.failure import JobFailedError
from sageyard.jobs.staging import LINK_FROM, NoObjectsError, Source, StagedObject, place, resolve, share

from tests.unit.jobs.world import REGION, ROLE, MemoryObjects


@pytest.fixture
def objects(tmp_path: Path) -> MemoryObjects:
    (tmp_path / "objects").mkdir()
    return MemoryObjects(tmp_path / "objects")


def paths(objects: MemoryObjects, source: Source) -> list[str]:
    return [each.path for each in resolve(objects, source, REGION, ROLE)]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("data/train/", ["a", "deep/b"]),
        ("data/train", ["train.csv", "a", "deep/b"]),
        ("data/train/a", ["a"]),
        ("data/tr", ["train.csv", "train/a", "train/deep/b"]),
        ("", ["data/train.csv", "data/train/a", "data/train/deep/b"]),
    ],
)
def test_files_are_named_by_what_follows_the_prefix(objects: MemoryObjects, prefix: str, expected: list[str]) -> None:
    for key in ("data/train.csv", "data/train/", "data/train/a", "data/train/deep/b"):
        objects.put("bucket", key, b"x")
    assert paths(objects, Source(f"s3://bucket/{prefix}")) == expected


def test_a_manifest_lists_the_objects(objects: MemoryObjects) -> None:
    manifest = [{"prefix": "s3://bucket/data/"}, "b", "deep/a"]
    objects.put("bucket", "list.json", json.dumps(manifest).encode())
    found = resolve(objects, Source("s3://bucket/list.json", manifest=True), REGION, ROLE)
    assert found == [StagedObject("bucket", "data/b", "b"), StagedObject("bucket", "data/deep/a", "deep/a")]


@pytest.mark.parametrize("text", ["", "{}", "[]", '["a"]', '[{"prefix": "x"}, "a"]', '[{"prefix": "s3://bucket/"}, 1]'])
def test_a_bad_manifest_says_what_one_looks_like(objects: MemoryObjects, text: str) -> None:
    objects.put("bucket", "list.json", text.encode())
    with pytest.raises(JobFailedError, match=r"s3://bucket/list\.json is not valid: .*prefix"):
        resolve(objects, Source("s3://bucket/list.json", manifest=True), REGION, ROLE)


def test_an_object_that_a_manifest_only_promises_fails_the_job(objects: MemoryObjects, tmp_path: Path) -> None:
    with pytest.raises(JobFailedError, match="s3://bucket/gone"):
        place(objects, [StagedObject("bucket", "gone", "gone")], tmp_path / "channel")


def test_nothing_found_is_awss_message(objects: MemoryObjects) -> None:
    with pytest.raises(NoObjectsError, match='No S3 objects found under S3 URL "s3://bucket/none" given in input'):
        resolve(objects, Source("s3://bucket/none"), REGION, ROLE)


def test_shards_are_disjoint_and_complete() -> None:
    staged = [StagedObject("bucket", str(number), str(number)) for number in range(7)]
    parts = [share(staged, Source("s3://bucket/", sharded=True), host, 3) for host in range(3)]
    assert sorted((each for part in parts for each in part), key=lambda each: each.key) == staged
    assert [len(part) for part in parts] == [3, 2, 2]
    assert share(staged, Source("s3://bucket/"), 1, 3) == staged


def test_large_objects_are_linked_and_small_ones_are_copied(objects: MemoryObjects, tmp_path: Path) -> None:
    objects.put("bucket", "large", b"x" * LINK_FROM)
    objects.put("bucket", "small", b"x")
    place(objects, resolve(objects, Source("s3://bucket/"), REGION, ROLE), tmp_path / "channel")
    assert (tmp_path / "channel" / "large").samefile(objects.path("bucket", "large"))
    (tmp_path / "channel" / "small").write_text("changed")
    assert objects.read("bucket", "small") == b"x"


def test_gzip_channels_are_unpacked(objects: MemoryObjects, tmp_path: Path) -> None:
    objects.put("bucket", "a.csv.gz", gzip.compress(b"1,2"))
    place(objects, resolve(objects, Source("s3://bucket/"), REGION, ROLE), tmp_path / "channel", lambda size: size + 99)
    assert (tmp_path / "channel" / "a.csv").read_bytes() == b"1,2"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no gzip", "is no whole gzip file"),
        (gzip.compress(b"1,2" * 99)[:-9], "is no whole gzip file"),
        (gzip.compress(b"1,2" * 99)[:20] + b"\xff" * 20, "is no whole gzip file"),
        (gzip.compress(bytes(100_001)), "unpacks to more than 100000 bytes.*--unpack-limit"),
    ],
    ids=["other", "cut", "broken", "bomb"],
)
def test_a_gzip_channel_that_cannot_be_unpacked_fails_the_job(
    objects: MemoryObjects, tmp_path: Path, content: bytes, said: str
) -> None:
    objects.put("bucket", "a.gz", content)
    with pytest.raises(JobFailedError, match=f"ClientError: Data download failed: s3://bucket/a.gz {said}"):
        place(objects, resolve(objects, Source("s3://bucket/"), REGION, ROLE), tmp_path / "x", lambda size: 100_000)


@pytest.mark.parametrize("keys", [["a", "a/b"], ["x/../../out"]])
def test_keys_that_are_no_paths_fail_the_job(objects: MemoryObjects, tmp_path: Path, keys: list[str]) -> None:
    for key in keys:
        objects.put("bucket", key, b"x")
    with pytest.raises(JobFailedError, match="Data download failed: s3://bucket/"):
        place(objects, resolve(objects, Source("s3://bucket/"), REGION, ROLE), tmp_path / "channel")
    assert not (tmp_path / "out").exists()
