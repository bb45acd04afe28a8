"""The process runner passes the exam, with namespaces and without, and leaves nothing behind when its server dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sageyard.runners import tree
from sageyard.runners.confine import Confinement, detect
from sageyard.runners.images import Images
from sageyard.runners.process import ProcessRunner
from sageyard.settings import Settings

pytest.register_assert_rewrite("tests.conformance.runner_contract")

from tests.conformance.runner_contract import RunnerContract  # noqa: E402
from tests.conftest import eventually  # noqa: E402

IMAGE_TOML = """\
name = "exam"
repositories = ["exam"]
entrypoint = ["python", "main.py"]
command = ["train"]
"""

SERVER = """\
import asyncio, sys
from pathlib import Path
from sageyard.runners.base import RunRequest
from sageyard.runners.confine import Confinement
from sageyard.runners.images import Images
from sageyard.runners.process import ProcessRunner
from sageyard.settings import Settings

async def main():
    images, root, namespaces = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "True"
    runner = ProcessRunner(Settings(), Images(images), None if namespaces else Confinement())
    script = '''
import os, pathlib, subprocess, sys, time
ml = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
child = "import time, pathlib\\\\nwhile True: pathlib.Path(%r).write_text(str(time.time())); time.sleep(.01)"
for name in ("first", "second"):
    subprocess.Popen([sys.executable, "-c", child % f"{ml}/{name}"])
time.sleep(60)
'''
    handle = await runner.start(RunRequest("a", "exam", root, entrypoint=("python", "-c", script)), print)
    await handle.wait()

asyncio.run(main())
"""


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """A containers root with one image."""
    root = tmp_path_factory.mktemp("containers")
    (root / "exam").mkdir()
    (root / "exam" / "image.toml").write_text(IMAGE_TOML)
    (root / "exam" / "main.py").write_text("import json, sys; print(json.dumps(sys.argv[1:]))")
    return Images(root)


class TestProcessRunner(RunnerContract):
    """With what this machine allows."""

    @pytest.fixture
    def runner(self, images: Images) -> ProcessRunner:
        return ProcessRunner(Settings(), images)

    @pytest.fixture
    def image_uri(self) -> str:
        return "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/exam:1.7-1@sha256:abc"

    def test_the_home_folder_is_the_containers_own(self, run: Any) -> None:
        home, root = run("print(os.environ['HOME'], ml)").lines[0].split()
        assert home != os.environ["HOME"]
        assert home.startswith(f"{root}/")

    @pytest.mark.skipif(not detect().setpriv, reason="needs setpriv")
    def test_even_root_cannot_write_to_a_read_only_file(self, run: Any, tmp_path: Path) -> None:
        """Large inputs are links to stored objects: writing to them must fail and not change the object."""
        root = tmp_path / "exam" / "algo-1"
        root.mkdir(parents=True)
        (root / "object").write_text("stored")
        (root / "object").chmod(0o444)
        done = run("open(f'{ml}/object', 'w')")
        assert done.result.code == 1
        assert "PermissionError" in done.lines[-1]
        assert (root / "object").read_text() == "stored"

    @pytest.mark.skipif(not detect().has_mounts, reason="needs namespaces")
    def test_what_lies_in_opt_is_still_there(self, run: Any) -> None:
        done = run("print(*sorted(name for name in os.listdir('/opt') if os.path.isdir(f'/opt/{name}')))")
        expected = {path.name for path in Path("/opt").iterdir() if path.is_dir()} | {"ml"}
        assert set(done.lines[0].split()) == expected


class TestProcessRunnerWithoutNamespaces(RunnerContract):
    """On a machine that allows none. It has one hosts file and one network for all."""

    test_hosts_reach_each_other_by_name = None  # type: ignore[assignment]
    test_without_network_nothing_but_itself_is_reached = None  # type: ignore[assignment]

    @pytest.fixture
    def runner(self, images: Images) -> ProcessRunner:
        return ProcessRunner(Settings(), images, Confinement())

    @pytest.fixture
    def image_uri(self) -> str:
        return "exam"


@pytest.mark.parametrize("namespaces", [True, False])
def test_containers_die_with_a_server_that_is_killed(images: Images, tmp_path: Path, namespaces: bool) -> None:
    root = tmp_path / "ml"
    root.mkdir()
    arguments = [sys.executable, "-c", SERVER, str(images.root), str(root), str(namespaces)]
    server = subprocess.Popen(arguments)
    try:
        deadline = time.monotonic() + 20
        while not all((root / name).exists() for name in ("first", "second")):
            assert time.monotonic() < deadline
            assert server.poll() is None
            time.sleep(0.02)
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    deadline = time.monotonic() + 10
    while survivors := _processes_in(root):
        assert time.monotonic() < deadline, survivors
        time.sleep(0.02)


def _processes_in(root: Path) -> list[str]:
    """Processes whose working directory is the container's root, under whichever name."""
    target = root.stat()
    found = []
    for process in Path("/proc").iterdir():
        try:
            directory = (process / "cwd").stat() if process.name.isdigit() else None
            if directory and (directory.st_dev, directory.st_ino) == (target.st_dev, target.st_ino):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_a_server_killed_while_it_tries_what_works_takes_nobody_along(tmp_path: Path) -> None:
    tried = tmp_path / "tried"
    trial = "import sys; from sageyard.runners import confine as c; c._works(c.Confinement(setpriv=sys.argv[1:]))"
    waiting = ["/bin/sh", "-c", f"touch {tried}; exec sleep 60"]
    server = subprocess.Popen([sys.executable, "-c", trial, *waiting], process_group=0)
    bystander = subprocess.Popen(["sleep", "60"], process_group=server.pid)
    try:
        eventually(tried.exists, 20, "the trial")
        (tried_by,) = [process for process in tree.descendants(server.pid) if tree.children(process) == []][-1:]
        server.send_signal(signal.SIGKILL)
        server.wait()
        eventually(lambda: not Path(f"/proc/{tried_by}").exists(), 10, "the end of the trial")
        assert bystander.poll() is None
    finally:
        server.kill()
        bystander.kill()
        bystander.wait()
