"""Captured records between the answer and S3."""

import asyncio
import json
from pathlib import Path

import pytest
from sageyard.cloud import ObjectInfo, ObjectNotFoundError
from sageyard.serving import spool
from sageyard.serving.spool import Spool, SpoolFolder

NINE = 1_700_000_000 // 3600 * 3600 + 3599.5  # half a second before the hour


class Bucket:
    """S3 with one bucket, which may be missing for a while. Counts its writes."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.missing = False
        self.puts = 0

    def put(self, bucket: str, key: str, body: bytes | Path, content_type: str = "") -> None:
        self.puts += 1
        if self.missing:
            raise ObjectNotFoundError(f"s3://{bucket}")
        assert isinstance(body, bytes)
        self.objects[key] = body

    def list(self, bucket: str, prefix: str = "") -> list[ObjectInfo]:
        raise NotImplementedError

    def path(self, bucket: str, key: str) -> Path:
        raise NotImplementedError

    def read(self, bucket: str, key: str) -> bytes:
        return self.objects[key]

    def delete(self, bucket: str, key: str) -> None:
        raise NotImplementedError


def test_a_new_hour_begins_a_new_object_under_its_own_key(tmp_path: Path) -> None:
    async def scenario() -> None:
        bucket = Bucket()
        growing = Spool(SpoolFolder(tmp_path, bucket), "b", "capture/e/v")
        growing.append(b"1\n", NINE)
        growing.append(b"2\n", NINE + 1)
        growing.append(b"3\n", NINE + 2)
        await growing.flush()
        assert sorted(bucket.objects.values()) == [b"1\n", b"2\n3\n"]
        first, second = sorted(bucket.objects)
        assert first.startswith("capture/e/v/2023/11/14/22/59-59-500-")
        assert second.startswith("capture/e/v/2023/11/14/23/00-00-500-")
        assert list(tmp_path.iterdir()) == []

    asyncio.run(scenario())


def test_a_large_spool_is_delivered_while_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(spool, "SIZE_BYTES", 100)
        bucket = Bucket()
        growing = Spool(SpoolFolder(tmp_path, bucket), "b", "c")
        for number in range(50):
            growing.append(b"%09d\n" % number, NINE)
        await growing.flush()
        assert len(bucket.objects) == 5
        assert sorted(b"".join(bucket.objects.values()).split()) == [b"%09d" % number for number in range(50)]

    asyncio.run(scenario())


def test_an_idle_spool_is_delivered_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(spool, "IDLE_SECONDS", 0.05)
        bucket = Bucket()
        Spool(SpoolFolder(tmp_path, bucket), "b", "c").append(b"1\n", NINE)
        for _ in range(400):
            if bucket.objects:
                break
            await asyncio.sleep(0.01)
        assert list(bucket.objects.values()) == [b"1\n"]

    asyncio.run(scenario())


def test_a_bucket_that_comes_late_gets_the_records_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(spool, "RETRY_DELAYS", (0.01,) * 200)
        bucket = Bucket()
        bucket.missing = True
        growing = Spool(SpoolFolder(tmp_path, bucket), "b", "c")
        growing.append(b"1\n", NINE)
        delivery = asyncio.create_task(growing.flush())
        while bucket.puts < 2:
            await asyncio.sleep(0.01)
        bucket.missing = False
        await delivery
        assert list(bucket.objects.values()) == [b"1\n"]

    asyncio.run(scenario())


def test_what_cannot_be_delivered_at_the_end_waits_for_the_next_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        bucket = Bucket()
        bucket.missing = True
        folder = SpoolFolder(tmp_path, bucket)
        growing = Spool(folder, "b", "c")
        growing.append(b"1\n", NINE)
        flush = asyncio.create_task(growing.flush())
        await asyncio.sleep(0)
        await folder.close()
        await flush
        assert len(list(tmp_path.iterdir())) == 1
        bucket.missing = False
        next_start = SpoolFolder(tmp_path, bucket)
        next_start.recover()
        await next_start.close()
        assert list(bucket.objects.values()) == [b"1\n"]
        assert list(tmp_path.iterdir()) == []

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("left", "delivered"),
    [
        ('{"bucket": "b", "key": "k"}\n1\n2\n{"torn', b"1\n2\n"),
        ('{"bucket": "b", "key": "k"}\n{"torn', None),
        ('{"bucket": "b", "k', None),
        ("", None),
    ],
)
def test_a_spool_torn_by_a_kill_delivers_its_whole_records_under_the_same_key(
    tmp_path: Path, left: str, delivered: bytes | None
) -> None:
    async def scenario() -> None:
        bucket = Bucket()
        for _ in range(2):  # delivered twice, as after a kill between delivery and removal
            (tmp_path / "x.jsonl").write_text(left)
            folder = SpoolFolder(tmp_path, bucket)
            folder.recover()
            await folder.close()
        assert bucket.objects == ({"k": delivered} if delivered else {})
        assert list(tmp_path.iterdir()) == []

    asyncio.run(scenario())


def test_a_record_is_in_the_file_when_append_returns(tmp_path: Path) -> None:
    async def scenario() -> None:
        growing = Spool(SpoolFolder(tmp_path, Bucket()), "b", "c")
        growing.append(b'{"n":1}\n', NINE)
        (path,) = tmp_path.iterdir()
        head, record = path.read_text().splitlines()
        assert json.loads(head)["bucket"] == "b"
        assert json.loads(record) == {"n": 1}
        await growing.flush()

    asyncio.run(scenario())
