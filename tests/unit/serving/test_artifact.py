"""Model archives: what is unpacked, and what is refused before it does harm."""

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sageyard.serving.artifact import ArtifactError, link_tree, unpack

LARGEST = 1 << 30


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    info.size = len(content)
    return info, content


def write(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


def test_files_folders_and_inner_links_are_unpacked(tmp_path: Path, target: Path) -> None:
    script, _ = member("code/run.sh")
    script.mode = 0o755
    archive = write(
        tmp_path / "m.tar.gz",
        member("./a/b/model.bin", content=b"weights"),
        (script, b""),
        member("latest", tarfile.SYMTYPE, "a/b"),
        member("copy.bin", tarfile.LNKTYPE, "a/b/model.bin"),
    )
    unpack(archive, target, LARGEST)
    assert (target / "latest" / "model.bin").read_bytes() == b"weights"
    assert (target / "copy.bin").read_bytes() == b"weights"
    assert os.access(target / "code" / "run.sh", os.X_OK)


@pytest.mark.parametrize("name", [".", "/"])  # `tar -C folder .`; the SDKs' repacked models: add(folder, arcname="/")
def test_an_archive_that_lists_its_own_folder_is_unpacked(tmp_path: Path, target: Path, name: str) -> None:
    packed = tmp_path / "packed"
    packed.mkdir()
    (packed / "model.bin").write_bytes(b"weights")
    with tarfile.open(tmp_path / "m.tar.gz", "w:gz") as tar:
        tar.add(packed, arcname=name)
    unpack(tmp_path / "m.tar.gz", target, LARGEST)
    assert (target / "model.bin").read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([member("/etc/evil", content=b"x")], "leads outside"),
        ([member("../evil", content=b"x")], "leads outside"),
        ([member("a/../../evil", content=b"x")], "leads outside"),
        ([member("out", tarfile.SYMTYPE, "/etc")], "links outside"),
        ([member("out", tarfile.SYMTYPE, "../..")], "links outside"),
        ([member("out", tarfile.LNKTYPE, "../secret")], "links outside"),
        ([member("pipe", tarfile.FIFOTYPE)], "neither a file"),
        ([member("disk", tarfile.BLKTYPE)], "neither a file"),
        ([member("tty", tarfile.CHRTYPE)], "neither a file"),
    ],
)
def test_members_that_reach_out_of_the_folder_are_refused(
    tmp_path: Path, target: Path, members: list[tuple[tarfile.TarInfo, bytes]], message: str
) -> None:
    (tmp_path / "secret").write_text("secret")
    with pytest.raises(ArtifactError, match=message):
        unpack(write(tmp_path / "m.tar.gz", *members), target, LARGEST)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.tar.gz", "model", "secret"]
    assert list(target.iterdir()) == []


def test_a_link_that_a_later_member_would_write_through_stays_inside(tmp_path: Path, target: Path) -> None:
    archive = write(
        tmp_path / "m.tar.gz",
        member("a/keep", content=b"1"),
        member("b", tarfile.SYMTYPE, "a"),
        member("b/file", content=b"2"),
        member("b", content=b"3"),
    )
    unpack(archive, target, LARGEST)
    assert (target / "a" / "file").read_bytes() == b"2"
    assert (target / "b").read_bytes() == b"3"
    assert not (target / "b").is_symlink()


def test_an_archive_that_says_of_a_header_that_it_fills_the_memory_is_refused(tmp_path: Path, target: Path) -> None:
    """tarfile reads the text of an extended header in one piece."""
    header, _ = member("././@PaxHeader", tarfile.XHDTYPE)
    header.size = 1 << 32
    (tmp_path / "m.tar.gz").write_bytes(gzip.compress(header.tobuf() + bytes(1 << 20)))
    with pytest.raises(ArtifactError, match="a header of the archive says that it has 4294967296 bytes"):
        unpack(tmp_path / "m.tar.gz", target, LARGEST)


def test_an_archive_with_a_break_in_its_compressed_bytes_is_refused(tmp_path: Path, target: Path) -> None:
    archive = write(tmp_path / "m.tar.gz", member("model.bin", content=os.urandom(200_000)))
    whole = bytearray(archive.read_bytes())
    whole[100_000:100_100] = bytes(100)
    archive.write_bytes(whole)
    with pytest.raises(ArtifactError, match=r"not a readable tar\.gz"):
        unpack(archive, target, LARGEST)


def test_an_archive_that_unpacks_past_the_limit_is_refused(tmp_path: Path, target: Path) -> None:
    archive = write(tmp_path / "m.tar.gz", *(member(f"{n}", content=bytes(200_000)) for n in range(10)))
    with pytest.raises(ArtifactError, match=r"unpacks to more than \d+ bytes"):
        unpack(archive, target, 1_000_000)
    assert sum(path.stat().st_size for path in target.iterdir()) <= 1_000_000


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08\x00 cut"])
def test_what_is_not_an_archive_is_refused(tmp_path: Path, target: Path, content: bytes) -> None:
    (tmp_path / "m.tar.gz").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"not a readable tar\.gz"):
        unpack(tmp_path / "m.tar.gz", target, LARGEST)


def test_a_truncated_archive_is_refused(
    tmp_path: Path, target: Path, new_archive: Callable[[dict[str, bytes]], bytes]
) -> None:
    whole = new_archive({"model.bin": os.urandom(100_000)})
    (tmp_path / "m.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtifactError, match=r"not a readable tar\.gz"):
        unpack(tmp_path / "m.tar.gz", target, LARGEST)


def test_linked_trees_share_bytes_but_not_folders(tmp_path: Path, target: Path) -> None:
    (target / "a").mkdir()
    (target / "a" / "model.bin").write_bytes(b"weights")
    (target / "latest").symlink_to("a")
    link_tree(target, tmp_path / "other")
    other = tmp_path / "other"
    assert (other / "a" / "model.bin").samefile(target / "a" / "model.bin")
    assert (other / "latest").readlink() == Path("a")
    (other / "a" / "cache").touch()
    assert not (target / "a" / "cache").exists()
