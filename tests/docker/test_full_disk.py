"""A container that fills the disk of its /opt/ml."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Server, eventually, start_server
from tests.docker.conftest import Work, containers_of

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk"),
]
DISK = 24 << 20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Server]:
    """A server with the Docker runner whose state directory is a file system of 24 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)], check=True)
    server = start_server(disk / "state", options=["--runner", "docker"])
    yield server
    server.stop()
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_it_fails_by_name_and_the_space_comes_back(small: Server, own_image: str, unique: str) -> None:
    work = Work(small)
    failed = work.train(unique, own_image, f"open('/opt/ml/model/big', 'wb').write(bytes({DISK}))")
    assert failed["TrainingJobStatus"] == "Failed"
    assert "No space left on device" in failed["FailureReason"]
    eventually(lambda: containers_of(small) == [], 10, "the removal of the container")
    done = work.train(f"{unique}-2", own_image, "open('/opt/ml/model/small', 'w').write('x')")
    assert done["TrainingJobStatus"] == "Completed"
    assert work.model(done) == {"small": b"x"}
