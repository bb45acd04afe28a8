"""The Docker runner passes the same exam as the process runner, and what only containers can be asked."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docker.errors import NotFound
from sageyard.runners.base import ImageNotFoundError, RunExit, RunRequest, StartError
from sageyard.runners.docker import lease
from sageyard.runners.docker.container import ContainerHandle
from sageyard.runners.docker.engine import connect
from sageyard.runners.docker.images import EngineImages
from sageyard.runners.docker.runner import DockerRunner
from sageyard.runners.docker.standby import DockerStandby
from sageyard.runners.images import Images, write_mapping
from sageyard.settings import Settings

from tests.conftest import eventually

pytest.register_assert_rewrite("tests.conformance.runner_contract")

from tests.conformance.runner_contract import RunnerContract  # noqa: E402

pytestmark = pytest.mark.docker
EXAM = "sageyard-test/exam"
AS_ROOT = f"{EXAM}:root"
AS_USER = f"{EXAM}:user"
DOCKERFILE = """\
FROM python:3.11-slim
RUN pip install --no-cache-dir six numpy
RUN useradd --create-home --uid 4711 somebody
RUN mkdir /program && echo "import json, sys; print(json.dumps(sys.argv[1:]))" > /program/main.py
ENV PYTHONUNBUFFERED=1
ENTRYPOINT ["python", "/program/main.py"]
CMD ["train"]
"""


@pytest.fixture(scope="session")
def exam_images(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The exam's image, with root as its user and with an ordinary one."""
    for tag, user in ((AS_ROOT, "root"), (AS_USER, "somebody")):
        folder = tmp_path_factory.mktemp("exam")
        (folder / "Dockerfile").write_text(f"{DOCKERFILE}USER {user}\n")
        build(folder, tag)


def build(folder: Path, tag: str) -> None:
    """Build a folder's Dockerfile."""
    output = list(connect().build(path=str(folder), tag=tag, rm=True, decode=True))
    assert "error" not in output[-1], output[-1]


@pytest.fixture(scope="session")
def opened(exam_images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRunner]:
    """One runner for the module; nothing of it is left afterwards."""
    folder = tmp_path_factory.mktemp("docker")
    (folder / "containers").mkdir()
    runner = DockerRunner(Settings(state_dir=folder / "state"), Images(folder / "containers"))
    runner.open()
    yield runner
    runner.close()


class OfDocker(RunnerContract):
    """The exam, with the engine."""

    @pytest.fixture
    def runner(self, opened: DockerRunner) -> DockerRunner:
        return opened

    @pytest.fixture
    def bare(self) -> Callable[[], Any]:
        command = ["docker", "run", "--rm", "--init", "--entrypoint", "true", AS_ROOT]
        return lambda: subprocess.run(command, check=True)


class TestDockerRunner(OfDocker):
    """An image that runs as root, by the URI of a registry that is not there."""

    @pytest.fixture
    def image_uri(self) -> str:
        return f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/{AS_ROOT}"


class TestDockerRunnerWithAUserOfTheImage(OfDocker):
    """An image with a user of its own, who is nobody on this machine."""

    @pytest.fixture
    def image_uri(self) -> str:
        return AS_USER


class Prepared:
    """A runner whose every container was waiting for its program."""

    def __init__(self, runner: DockerRunner) -> None:
        self.runner = runner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.runner, name)

    async def start(self, request: RunRequest, output: Callable[[list[str]], None]) -> ContainerHandle:
        """Prepare a container with nothing of the request that may come later, and start the request in it."""
        bare = replace(request, entrypoint=None, arguments=None, environment={})
        standby = await self.runner.prepare(bare)
        assert standby is not None
        return await standby.start(request, output)


class TestPreparedContainers(OfDocker):
    """The same exam for containers that wait, with a user of the image, who needs more than root does."""

    @pytest.fixture
    def runner(self, opened: DockerRunner) -> Any:
        return Prepared(opened)

    @pytest.fixture
    def image_uri(self) -> str:
        return AS_USER


# What only containers can be asked


@pytest.fixture
def start(opened: DockerRunner, tmp_path: Path) -> Callable[..., RunRequest]:
    """A request that runs a Python script as root."""

    def make(script: str, name: str = "exam/algo-1", image_uri: str = AS_ROOT, **members: Any) -> RunRequest:
        root = tmp_path / name
        root.mkdir(parents=True, exist_ok=True)
        return RunRequest(name, image_uri, root, entrypoint=("python", "-c", script), **members)

    return make


def run(runner: DockerRunner, *requests: RunRequest) -> list[tuple[RunExit, list[str]]]:
    """Run containers together to their end."""

    async def main() -> list[tuple[RunExit, list[str]]]:
        lines: list[list[str]] = [[] for _ in requests]
        handles = [await runner.start(request, said.extend) for request, said in zip(requests, lines, strict=True)]
        return [(await handle.wait(), said) for handle, said in zip(handles, lines, strict=True)]

    return asyncio.run(main())


@pytest.mark.parametrize("image_uri", [AS_ROOT, AS_USER])
def test_files_that_a_container_writes_belong_to_the_caller(
    opened: DockerRunner, start: Callable[..., RunRequest], image_uri: str
) -> None:
    script = "import os; os.makedirs('/opt/ml/model/deep', 0o700); os.close(os.open('/opt/ml/model/deep/x', 64, 0o400))"
    request = start(script, image_uri=image_uri)
    (request.root / "model").mkdir()
    assert run(opened, request) == [(RunExit(0), [])]
    for path in (request.root / "model", request.root / "model/deep", request.root / "model/deep/x"):
        assert (path.stat().st_uid, path.stat().st_gid) == (os.getuid(), os.getgid())


@pytest.mark.skipif(os.geteuid() != 0, reason="root can start a server as somebody else")
def test_files_belong_to_a_caller_who_is_not_root(exam_images: None, tmp_path: Path) -> None:
    """Such a caller may not change owners, so root in a container does."""
    program = f"""
import asyncio, os, tempfile
from pathlib import Path
from sageyard.runners.base import RunRequest
from sageyard.runners.docker.engine import address
from sageyard.runners.docker.runner import DockerRunner
from sageyard.runners.docker.standby import DockerStandby
from sageyard.settings import Settings

async def main(runner, root):
    request = RunRequest("a/b", {AS_ROOT!r}, root, entrypoint=("mkdir", "-m", "700", "/opt/ml/x"))
    print(await (await runner.start(request, print)).wait())

with tempfile.TemporaryDirectory() as folder:
    os.chown(folder, 4712, 4712)
    runner = DockerRunner(Settings(state_dir=Path(folder, "state")))
    runner.open()
    os.setgroups([os.stat(address().removeprefix("unix://")).st_gid])
    os.setegid(4712)
    os.seteuid(4712)
    root = Path(folder, "ml")
    root.mkdir()
    try:
        asyncio.run(main(runner, root))
        print(os.stat(root / "x").st_uid)
    finally:
        os.seteuid(0)
        runner.close()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["RunExit(code=0, out_of_memory=False)", "4712"], done.stderr


def test_a_file_that_is_a_link_to_a_stored_object_cannot_be_written_even_by_root(
    opened: DockerRunner, start: Callable[..., RunRequest], tmp_path: Path
) -> None:
    (tmp_path / "object").write_text("stored")
    request = start("open('/opt/ml/data/a: b', 'w')")
    (request.root / "data").mkdir()
    (request.root / "data" / "a: b").hardlink_to(tmp_path / "object")
    result, lines = run(opened, request)[0]
    assert result.code == 1
    assert "Read-only file system" in lines[-1]
    assert (tmp_path / "object").read_text() == "stored"


def test_read_only_folders_cannot_be_changed(opened: DockerRunner, start: Callable[..., RunRequest]) -> None:
    request = start("open('/opt/ml/model/new', 'w')", read_only=("model",))
    (request.root / "model").mkdir()
    assert "Read-only file system" in run(opened, request)[0][1][-1]


def test_two_jobs_at_once_have_networks_of_their_own(opened: DockerRunner, start: Callable[..., RunRequest]) -> None:
    """Each has an algo-1 and an algo-2, which find the one of their own job and nothing else: also without a network
    to the outside."""
    script = (
        "import os, socket, sys, time\n"
        "name, job = os.environ['HOST'], os.environ['JOB']\n"
        "server = socket.create_server(('', 7777))\n"
        "end = time.monotonic() + 20\n"
        "while True:\n"
        "    try: peer = socket.create_connection(('algo-2' if name == 'algo-1' else 'algo-1', 7777)); break\n"
        "    except OSError:\n"
        "        if time.monotonic() > end: raise\n"
        "        time.sleep(.05)\n"
        "peer.sendall(f'{job} {name}'.encode()); peer.close()\n"
        "print(server.accept()[0].makefile().read())\n"
    )
    hosts = {"algo-1": "127.1.1.1", "algo-2": "127.1.1.2"}
    requests = [
        start(
            script,
            name=f"{job}/{host}",
            hostname=host,
            hosts=hosts,
            environment={"HOST": host, "JOB": job},
            network=job == "first",
        )
        for job in ("first", "second")
        for host in hosts
    ]
    said = [lines for _, lines in run(opened, *requests)]
    assert said == [["first algo-2"], ["first algo-1"], ["second algo-2"], ["second algo-1"]]


REACH = """
import socket, sys
try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 2); print('reached')
except OSError: print('refused')
"""


@pytest.mark.parametrize(
    ("members", "outcome"),
    [
        ({}, "reached"),
        ({"network": False}, "refused"),
        ({"network": False, "serves": True}, "refused"),
        ({"hosts": {"algo-1": "127.0.0.1", "algo-2": "127.0.0.2"}}, "reached"),
        ({"hosts": {"algo-1": "127.0.0.1", "algo-2": "127.0.0.2"}, "network": False}, "refused"),
    ],
)
def test_network_isolation_cuts_a_container_off_from_the_server(
    opened: DockerRunner, start: Callable[..., RunRequest], members: dict[str, Any], outcome: str
) -> None:
    (gateway,) = opened.server_addresses
    with socket.create_server((gateway, 0)) as listener:
        request = replace(start(REACH, **members), arguments=(gateway, str(listener.getsockname()[1])))
        assert run(opened, request)[0][1] == [outcome]


def test_containers_of_different_jobs_do_not_reach_each_other(
    opened: DockerRunner, start: Callable[..., RunRequest]
) -> None:
    async def main() -> tuple[list[str], bytes]:
        lines: list[str] = []
        listen = "import socket; s = socket.create_server(('', 7777))\nwhile True: s.accept()[0].sendall(b'here')"
        server = await opened.start(start(listen, name="a/algo-1"), print)
        try:
            reader, writer = await connected(server.address(7777))
            answer = await reader.read(4)
            writer.close()
            request = replace(start(REACH, name="b/algo-1"), arguments=tuple(map(str, server.address(7777))))
            await (await opened.start(request, lines.extend)).wait()
        finally:
            await server.stop(0)
        return lines, answer

    assert asyncio.run(main()) == (["refused"], b"here")


async def connected(address: tuple[str, int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to a program that has just been started."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return await asyncio.open_connection(*address)
        except OSError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


def test_limits_reach_the_container(opened: DockerRunner, start: Callable[..., RunRequest]) -> None:
    async def main(cpus: float) -> dict[str, Any]:
        script = "import time; time.sleep(60)"
        handle = await opened.start(start(script, memory=1 << 30, cpus=cpus), print)
        try:
            found: dict[str, Any] = connect().inspect_container(handle.id)["HostConfig"]
            return found
        finally:
            await handle.stop(0)

    config = asyncio.run(main(0.5))
    assert (config["Memory"], config["MemorySwap"], config["ShmSize"]) == (1 << 30, 1 << 30, 1 << 29)
    assert config["NanoCpus"] == 5 * 10**8
    assert asyncio.run(main(10_000.0))["NanoCpus"] == 0, "no more than the machine has"


def test_the_botocore_plugin_is_there_beside_the_images_own_python_path(
    opened: DockerRunner, start: Callable[..., RunRequest]
) -> None:
    script = "import os, sageyard_client; print(os.environ['PYTHONPATH'], os.path.isfile(os.environ[%r]))"
    given = opened.client_environment("eu-central-1")
    request = start(script % "SAGEMAKER_USER_CONFIG_OVERRIDE", environment={**given, "PYTHONPATH": "/mine"})
    assert run(opened, request)[0][1] == ["/opt/sageyard/client:/mine True"]


def test_an_image_without_a_shell_runs(opened: DockerRunner, start: Callable[..., RunRequest], tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {AS_ROOT}\nRUN rm /bin/sh /usr/bin/sh || true\n")
    build(tmp_path, f"{EXAM}:bare")
    request = start("import os; print(os.path.exists('/bin/sh'))", image_uri=f"{EXAM}:bare")
    assert run(opened, request) == [(RunExit(0), ["False"])]
    result, lines = run(opened, replace(request, entrypoint=("no-such-program",)))[0]
    assert result.code == 127
    assert any("no-such-program" in line for line in lines)


def test_an_image_that_is_not_there_is_never_pulled(opened: DockerRunner, start: Callable[..., RunRequest]) -> None:
    with pytest.raises(ImageNotFoundError, match=r"nothing is pulled by itself.*sageyard images map"):
        run(opened, start("", image_uri="busybox:1.36"))


def test_a_known_image_that_is_not_built_says_how_to_build_it(opened: DockerRunner, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "image.toml").write_text('name = "mine"\nrepositories = ["mine"]\nentrypoint = ["x"]\n')
    images = EngineImages(connect(), Images(tmp_path), {})
    with pytest.raises(ImageNotFoundError, match="sageyard images build mine"):
        images.find("1.dkr.ecr.us-east-1.amazonaws.com/mine:7")


def test_a_uri_finds_the_tag_that_was_built_and_else_the_latest(opened: DockerRunner, tmp_path: Path) -> None:
    api = connect()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "image.toml").write_text('name = "mine"\nrepositories = ["theirs"]\nentrypoint = ["x"]\n')
    write_mapping(tmp_path / "map.json", {"mapped/here": AS_USER})
    images = EngineImages(api, Images(tmp_path, tmp_path / "map.json"), {})
    try:
        api.tag(AS_ROOT, "sageyard/mine", "latest")
        api.tag(AS_USER, "sageyard/mine", "2.0")
        found = {
            uri: images.find(f"1.dkr.ecr.us-east-1.amazonaws.com/theirs{uri}").reference
            for uri in ("", ":1.0", ":2.0", ":2.0@sha256:" + "0" * 64)
        }
    finally:
        for tag in ("latest", "2.0"):
            api.remove_image(f"sageyard/mine:{tag}")
    assert set(found.values()) == {"sageyard/mine:latest", "sageyard/mine:2.0"}
    assert [uri for uri, reference in found.items() if reference.endswith("2.0")] == [":2.0", ":2.0@sha256:" + "0" * 64]
    assert images.find("mapped/here:any").reference == AS_USER


def test_without_an_engine_the_runner_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(StartError, match=r"no Docker Engine answers at unix://.*none\.sock.*DOCKER_HOST"):
        DockerRunner(Settings(state_dir=tmp_path)).open()


# Containers that wait for their program


def adopted(
    runner: DockerRunner, prepared: RunRequest, request: RunRequest, meanwhile: Callable[[DockerStandby], None] = id
) -> tuple[RunExit, list[str], bool]:
    """Run a request in a container that was prepared for another; how it ended, what it said, and whether it was
    that very container."""

    async def main() -> tuple[RunExit, list[str], bool]:
        lines: list[str] = []
        standby = await runner.prepare(prepared)
        assert standby is not None
        meanwhile(standby)
        handle = await standby.start(request, lines.extend)
        return await handle.wait(), lines, handle.id == standby.container.id

    return asyncio.run(main())


def test_a_container_that_waited_shows_nothing_of_its_waiting(
    opened: DockerRunner, start: Callable[..., RunRequest]
) -> None:
    script = (
        "import os, subprocess\n"
        "print(sorted(os.listdir('/opt/ml')), os.listdir('/tmp'), os.environ['JOB'], os.getppid(), os.getcwd())"
    )
    request = start(script, environment={"JOB": "second"})
    bare = replace(request, entrypoint=("ignored",), environment={"JOB": "first"})
    assert adopted(opened, bare, request) == (RunExit(0), ["[] [] second 1 /"], True)


def test_a_link_to_a_stored_object_is_a_copy_in_a_container_that_waited(
    opened: DockerRunner, start: Callable[..., RunRequest], tmp_path: Path
) -> None:
    request = start("open('/opt/ml/data', 'a').write(' and changed')")
    (tmp_path / "object").write_text("stored")
    result, _, same = adopted(
        opened, request, request, lambda _: (request.root / "data").hardlink_to(tmp_path / "object")
    )
    assert (result, same) == (RunExit(0), True)
    assert (request.root / "data").read_text() == "stored and changed"
    assert (tmp_path / "object").read_text() == "stored"


@pytest.mark.parametrize("changed", [{"memory": 1 << 30}, {"network": False}, {"image_uri": AS_USER}])
def test_a_request_that_does_not_fit_a_waiting_container_gets_a_new_one(
    opened: DockerRunner, start: Callable[..., RunRequest], changed: dict[str, Any]
) -> None:
    request = start("print('ran')")
    before = left(opened.settings.state_dir)
    assert adopted(opened, request, replace(request, **changed)) == (RunExit(0), ["ran"], False)
    eventually(lambda: left(opened.settings.state_dir) == before, 10, "the removal of both containers")


def test_a_waiting_container_that_has_ended_is_replaced(opened: DockerRunner, start: Callable[..., RunRequest]) -> None:
    def kill(standby: DockerStandby) -> None:
        connect().kill(standby.container.id)
        connect().wait(standby.container.id)

    request = start("print('ran')")
    assert adopted(opened, request, request, kill) == (RunExit(0), ["ran"], False)


def test_an_image_without_a_shell_has_no_container_that_waits(
    opened: DockerRunner, start: Callable[..., RunRequest], tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {AS_ROOT}\nRUN rm /bin/sh /usr/bin/sh || true\n")
    build(tmp_path, f"{EXAM}:bare")
    assert asyncio.run(opened.prepare(start("", image_uri=f"{EXAM}:bare"))) is None


def test_a_discarded_container_is_gone(opened: DockerRunner, start: Callable[..., RunRequest]) -> None:
    async def main() -> str:
        standby = await opened.prepare(start(""))
        assert standby is not None
        await standby.discard()
        return standby.container.id

    with pytest.raises(NotFound):
        connect().inspect_container(asyncio.run(main()))


# Nothing is left

SERVER = """
import asyncio, sys
from pathlib import Path
from sageyard.runners.base import RunRequest
from sageyard.runners.docker.runner import DockerRunner
from sageyard.settings import Settings

async def main():
    state, image = Path(sys.argv[1]), sys.argv[2]
    runner = DockerRunner(Settings(state_dir=state))
    runner.open()
    hosts = {"algo-1": "127.0.0.1", "algo-2": "127.0.0.2"}
    for name in ("alone/algo-1", "pair/algo-1", "pair/algo-2"):
        root = state / name
        root.mkdir(parents=True)
        members = {"hosts": hosts} if name.startswith("pair") else {}
        await runner.start(RunRequest(name, image, root, entrypoint=("sleep", "600"), **members), print)
    await runner.prepare(RunRequest("warm/algo-1", image, state / "warm" / "algo-1"))
    print(runner._watchdog.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def server(exam_images: None, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that runs three containers in three networks, and has one that waits."""
    arguments = [sys.executable, "-c", SERVER, str(tmp_path), AS_ROOT]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def left(state_dir: Path) -> tuple[int, int]:
    """Containers and networks of a state directory."""
    chosen = {"label": f"{lease.STATE_DIR}={state_dir}"}
    return len(connect().containers(all=True, filters=chosen)), len(connect().networks(filters=chosen))


def test_containers_die_with_a_server_that_is_killed(server: subprocess.Popen[str], tmp_path: Path) -> None:
    assert server.stdout
    assert server.stdout.readline()
    assert left(tmp_path) == (4, 2)
    server.kill()
    eventually(lambda: left(tmp_path) == (0, 0), 20, "the end of its containers")


def test_the_next_server_removes_what_one_that_died_with_its_watchdog_left(
    server: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert server.stdout
    watchdog = int(server.stdout.readline())
    os.kill(watchdog, signal.SIGKILL)
    successor, stranger = (DockerRunner(Settings(state_dir=folder)) for folder in (tmp_path, tmp_path / "other"))
    successor.open()
    assert left(tmp_path) == (4, 3), "what a living server owns is left alone"
    successor.close()
    server.kill()
    server.wait()
    stranger.open()
    stranger.close()
    assert left(tmp_path) == (4, 2), "another state directory's server leaves it alone"
    successor = DockerRunner(Settings(state_dir=tmp_path))
    successor.open()
    assert left(tmp_path) == (0, 1)
    successor.close()
    assert left(tmp_path) == (0, 0)
