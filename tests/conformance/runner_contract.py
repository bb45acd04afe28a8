"""What every runner must pass: subclass `RunnerContract` and give it a `runner` and an `image_uri`.

The image needs Python as `python` on its PATH; its own entrypoint prints its arguments as JSON and its command is
`train`.
"""

import asyncio
import json
import socket
import time
import zipfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from sageyard.runners.base import ImageNotFoundError, RunExit, RunHandle, Runner, RunRequest

HERE = "import os; ml = os.environ.get('SAGEMAKER_BASE_DIR', '/opt/ml')\n"


@dataclass
class Run:
    """One container that ended, and what it printed."""

    result: RunExit
    lines: list[str]


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait for a condition; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.01)


def make_wheel(folder: Path, name: str, release: str) -> Path:
    """A package of one module that holds its own version."""
    wheel = folder / f"{name}-{release}-py3-none-any.whl"
    info = f"{name}-{release}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}.py", f"__version__ = {release!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


class RunnerContract:
    """The exam."""

    @pytest.fixture
    def runner(self) -> Runner:
        raise NotImplementedError

    @pytest.fixture
    def image_uri(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def request_for(self, tmp_path: Path, image_uri: str) -> Callable[..., RunRequest]:
        """A request with a root of its own that runs a Python script."""

        def make(script: str | None = None, name: str = "exam/algo-1", **members: Any) -> RunRequest:
            root = tmp_path / name
            root.mkdir(parents=True, exist_ok=True)
            if script is not None:
                members["entrypoint"] = ("python", "-c", HERE + script)
            return RunRequest(name, image_uri, root, **members)

        return make

    @pytest.fixture
    def run(self, runner: Runner, request_for: Callable[..., RunRequest]) -> Callable[..., Run]:
        """Run a script to its end."""

        def call(script: str | None = None, **members: Any) -> Run:
            async def main() -> Run:
                lines: list[str] = []
                handle = await runner.start(request_for(script, **members), lines.extend)
                return Run(await handle.wait(), lines)

            return asyncio.run(main())

        return call

    @pytest.fixture
    def drive(self, runner: Runner, request_for: Callable[..., RunRequest]) -> Callable[..., Any]:
        """Start a script, wait for its line `ready`, and hand it to a coroutine function."""

        def call(script: str, act: Callable[[RunHandle, list[str]], Coroutine[Any, Any, Any]], **members: Any) -> Any:
            async def main() -> Any:
                lines: list[str] = []
                handle = await runner.start(request_for(script, **members), lines.extend)
                try:
                    await until(lambda: "ready" in lines)
                    return await act(handle, lines)
                finally:
                    await handle.stop(0)

            return asyncio.run(main())

        return call

    # What runs

    def test_the_image_runs_its_own_command(self, run: Callable[..., Run]) -> None:
        assert json.loads(run().lines[0]) == ["train"]

    def test_arguments_follow_the_images_entrypoint(self, run: Callable[..., Run]) -> None:
        assert json.loads(run(arguments=("serve", "a b")).lines[0]) == ["serve", "a b"]

    def test_an_entrypoint_drops_the_images_command(self, run: Callable[..., Run]) -> None:
        assert run("import sys; print(sys.argv[1:])").lines == ["[]"]

    def test_an_unknown_image_is_refused_by_name(self, runner: Runner, request_for: Callable[..., RunRequest]) -> None:
        uri = "1.dkr.ecr.us-east-1.amazonaws.com/nobody-knows-this:1"
        with pytest.raises(ImageNotFoundError, match="nobody-knows-this"):
            runner.check(uri)
        with pytest.raises(ImageNotFoundError, match="nobody-knows-this"):
            asyncio.run(runner.start(replace(request_for(), image_uri=uri), print))

    def test_a_missing_program_exits_127_and_says_so(self, run: Callable[..., Run]) -> None:
        done = run(entrypoint=("no-such-program",))
        assert done.result.code == 127
        assert any("no-such-program" in line for line in done.lines)

    # Output

    def test_both_streams_arrive_interleaved_in_order(self, run: Callable[..., Run]) -> None:
        done = run("for i in range(50): os.write(1 + i % 2, f'{i}\\n'.encode())")
        assert done.lines == [str(number) for number in range(50)]

    def test_all_output_is_delivered_before_wait_returns(self, run: Callable[..., Run]) -> None:
        done = run("print('\\n'.join(map(str, range(200_000))))")
        assert done.lines == [str(number) for number in range(200_000)]

    def test_a_last_line_without_an_end_is_delivered(self, run: Callable[..., Run]) -> None:
        assert run("print('a\\n\\nb', end='')").lines == ["a", "", "b"]

    def test_a_progress_bar_leaves_its_last_state(self, run: Callable[..., Run]) -> None:
        assert run("print('10%\\r50%\\r100%\\r\\ndone\\r')").lines == ["100%", "done"]

    def test_a_very_long_line_is_split_and_complete(self, run: Callable[..., Run]) -> None:
        done = run("print('ä' * 400_000)")
        assert len(done.lines) > 1
        assert "".join(done.lines) == "ä" * 400_000

    def test_bytes_that_are_no_text_are_replaced(self, run: Callable[..., Run]) -> None:
        assert run("os.write(1, b'a\\xffb\\n')").lines == ["a�b"]

    def test_output_arrives_while_the_container_runs(self, drive: Callable[..., Any]) -> None:
        async def act(handle: RunHandle, lines: list[str]) -> None:
            await until(lambda: "ready" in lines)

        drive("import time; print('ready'); time.sleep(60)", act)

    # Ends

    @pytest.mark.parametrize("code", [0, 1, 3, 255])
    def test_the_exit_status_is_reported(self, run: Callable[..., Run], code: int) -> None:
        assert run(f"raise SystemExit({code})").result == RunExit(code)

    @pytest.mark.parametrize("number", [9, 11])
    def test_death_by_signal_is_128_plus_its_number(self, run: Callable[..., Run], number: int) -> None:
        assert run(f"os.kill(os.getpid(), {number})").result == RunExit(128 + number)

    def test_any_number_of_callers_may_wait(self, drive: Callable[..., Any]) -> None:
        async def act(handle: RunHandle, lines: list[str]) -> list[RunExit]:
            return list(await asyncio.gather(handle.wait(), handle.wait(), handle.stop(5), handle.wait()))

        results = drive("import time; print('ready'); time.sleep(60)", act)
        assert results == [results[0]] * 4

    def test_stop_lets_the_container_end_in_its_own_way(self, drive: Callable[..., Any]) -> None:
        async def act(handle: RunHandle, lines: list[str]) -> tuple[RunExit, list[str], float]:
            start = time.monotonic()
            return await handle.stop(30), lines, time.monotonic() - start

        result, lines, seconds = drive(
            "import signal, sys, time\n"
            "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(5)))\n"
            "print('ready'); time.sleep(60)",
            act,
        )
        assert (result, lines[-1]) == (RunExit(5), "saved")
        assert seconds < 5

    def test_stop_kills_what_ignores_it_after_the_grace(self, drive: Callable[..., Any]) -> None:
        async def act(handle: RunHandle, lines: list[str]) -> tuple[RunExit, float]:
            start = time.monotonic()
            return await handle.stop(0.5), time.monotonic() - start

        result, seconds = drive(
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(60)", act
        )
        assert result.code == 137
        assert 0.5 <= seconds < 5

    def test_stopping_what_has_ended_says_how_it_ended(
        self, runner: Runner, request_for: Callable[..., RunRequest]
    ) -> None:
        async def main() -> RunExit:
            handle = await runner.start(request_for("raise SystemExit(3)"), print)
            await handle.wait()
            return await handle.stop(5)

        assert asyncio.run(main()) == RunExit(3)

    def test_nothing_of_a_container_outlives_it(self, run: Callable[..., Run], tmp_path: Path) -> None:
        """A background process holds the output open and writes on; when `wait` has returned it does no more."""
        beat = tmp_path / "exam" / "algo-1" / "beat"
        done = run(
            "import subprocess, sys, time\n"
            'script = \'import time, pathlib\\nwhile True: pathlib.Path(%r).open("a").write("."); time.sleep(.01)\' '
            "% f'{ml}/beat'\n"
            "subprocess.Popen([sys.executable, '-c', script])\n"
            "while not os.path.exists(f'{ml}/beat'): time.sleep(.01)\n"
        )
        size = beat.stat().st_size
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:
            assert beat.stat().st_size == size
        assert done.result.code == 0

    def test_too_much_memory_ends_the_container_and_says_so(self, run: Callable[..., Run]) -> None:
        done = run("import time; block = bytearray(os.urandom(1)) * (200 << 20); time.sleep(60)", memory=100 << 20)
        assert done.result == RunExit(137, out_of_memory=True)

    def test_within_its_memory_a_container_is_left_alone(self, run: Callable[..., Run]) -> None:
        done = run("import time; block = bytearray(50 << 20); time.sleep(.6)", memory=500 << 20)
        assert done.result == RunExit(0)

    # What the container sees

    def test_the_root_is_opt_ml_and_can_be_written(self, run: Callable[..., Run], tmp_path: Path) -> None:
        root = tmp_path / "exam" / "algo-1"
        (root / "input").mkdir(parents=True)
        (root / "input" / "data").write_text("in")
        done = run("open(f'{ml}/out', 'w').write(open(f'{ml}/input/data').read() + 'out')")
        assert done.result.code == 0
        assert (root / "out").read_text() == "inout"

    def test_a_command_line_may_name_opt_ml(self, run: Callable[..., Run], tmp_path: Path) -> None:
        root = tmp_path / "exam" / "algo-1"
        root.mkdir(parents=True)
        (root / "script.py").write_text("import os; print(open(os.environ['DATA']).read())")
        (root / "data").write_text("here")
        done = run(entrypoint=("python", "/opt/ml/script.py"), environment={"DATA": "/opt/ml/data"})
        assert done.lines == ["here"]

    def test_containers_at_the_same_time_have_roots_of_their_own(
        self, runner: Runner, request_for: Callable[..., RunRequest], tmp_path: Path
    ) -> None:
        script = "import time; open(f'{ml}/mine', 'w').write(os.environ['NUMBER']); time.sleep(.2)\n"

        async def main() -> list[RunExit]:
            handles = [
                await runner.start(request_for(script, name=f"{n}/algo-1", environment={"NUMBER": str(n)}), print)
                for n in range(3)
            ]
            return list(await asyncio.gather(*(handle.wait() for handle in handles)))

        assert asyncio.run(main()) == [RunExit(0)] * 3
        assert [(tmp_path / f"{n}" / "algo-1" / "mine").read_text() for n in range(3)] == ["0", "1", "2"]

    def test_the_environment_is_the_requests_and_not_the_servers(
        self, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SERVERS_SECRET", "1")
        monkeypatch.setenv("PYTHONPATH", "/nowhere")
        given = {"PLAIN": "a=b c", "LINES": "one\ntwo", "HYPER": '{"x": "ä"}'}
        done = run("import json; print(json.dumps(dict(os.environ)))", environment=given)
        seen = json.loads(done.lines[0])
        assert {name: seen[name] for name in given} == given
        assert "SERVERS_SECRET" not in seen
        assert "PYTHONPATH" not in seen

    def test_threads_of_containers_that_share_the_cores_wait_without_spinning(self, run: Callable[..., Run]) -> None:
        script = "import os; print(os.environ['OMP_WAIT_POLICY'])"
        assert run(script).lines == ["PASSIVE"]
        assert run(script, environment={"OMP_WAIT_POLICY": "ACTIVE"}).lines == ["ACTIVE"]

    def test_programs_of_a_training_image_are_on_the_path(self, run: Callable[..., Run]) -> None:
        done = run(entrypoint=("bash", "-c", "command -v python python3 pip bash | wc -l"))
        assert done.lines == ["4"]

    def test_hosts_reach_each_other_by_name(self, runner: Runner, request_for: Callable[..., RunRequest]) -> None:
        hosts = {"algo-1": "127.9.0.1", "algo-2": "127.9.0.2"}
        listen = (
            "import socket; s = socket.create_server(('algo-2', 7777)); print('ready')\n"
            "c, _ = s.accept(); c.sendall(b'hello from ' + socket.gethostname().encode())"
        )
        connect = "import socket; print(socket.create_connection(('algo-2', 7777)).makefile().read())"

        async def main() -> list[str]:
            lines: list[str] = []
            server = await runner.start(
                request_for(listen, name="job/algo-2", hostname="algo-2", hosts=hosts), lines.extend
            )
            await until(lambda: "ready" in lines)
            client = await runner.start(request_for(connect, name="job/algo-1", hosts=hosts), lines.extend)
            await asyncio.gather(server.wait(), client.wait())
            return lines

        assert asyncio.run(main()) == ["ready", "hello from algo-2"]

    def test_without_network_nothing_but_itself_is_reached(self, run: Callable[..., Run]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            done = run(
                "import socket\n"
                "own = socket.create_server(('127.0.0.1', 0)); socket.create_connection(own.getsockname())\n"
                f"try: socket.create_connection(('127.0.0.1', {port}), 2); print('reached')\n"
                "except OSError: print('refused')",
                network=False,
            )
        assert done.lines == ["refused"]

    @pytest.mark.parametrize("network", [True, False])
    def test_the_server_reaches_the_port_that_it_chose(
        self, runner: Runner, drive: Callable[..., Any], *, network: bool
    ) -> None:
        """Also where the container has no network."""
        port = runner.bind_port()

        async def act(handle: RunHandle, lines: list[str]) -> bytes:
            loop = asyncio.get_running_loop()
            with handle.socket() or socket.socket() as connection:
                connection.setblocking(False)
                await loop.sock_connect(connection, handle.address(port))
                return await loop.sock_recv(connection, 100)

        script = (
            "import socket; s = socket.create_server(('', int(os.environ['SAGEMAKER_BIND_TO_PORT'])))\n"
            "print('ready'); c, _ = s.accept(); c.sendall(b'pong'); c.close(); import time; time.sleep(60)"
        )
        members = {"environment": {"SAGEMAKER_BIND_TO_PORT": str(port)}, "network": network, "serves": True}
        assert drive(script, act, **members) == b"pong"

    # Packages

    def test_pip_installs_for_the_container_alone(self, run: Callable[..., Run], tmp_path: Path) -> None:
        """A new package, one that the server has in another version, and one that the server has already."""
        root = tmp_path / "exam" / "algo-1"
        root.mkdir(parents=True)
        make_wheel(root, "only_in_the_job", "1.0")
        make_wheel(root, "six", "999.0")
        before = version("six")
        done = run(
            "import subprocess, sys\n"
            "wheels = [f'{ml}/only_in_the_job-1.0-py3-none-any.whl', f'{ml}/six-999.0-py3-none-any.whl']\n"
            "subprocess.run(['pip', 'install', '--no-index', *wheels, 'numpy'], check=True)\n"
            "code = 'import six, only_in_the_job; print(six.__version__, only_in_the_job.__version__)'\n"
            "subprocess.run([sys.executable, '-c', code], check=True)"
        )
        assert (done.result.code, done.lines[-1]) == (0, "999.0 1.0"), done.lines
        assert any("Requirement already satisfied: numpy" in line for line in done.lines)
        assert version("six") == before
        assert run("import only_in_the_job", name="other/algo-1").result.code == 1

    # Cost

    @pytest.fixture
    def bare(self) -> Callable[[], Any]:
        """Runs `true` without the runner, where that is not nothing."""
        return lambda: None

    def test_starting_costs_little(
        self,
        runner: Runner,
        request_for: Callable[..., RunRequest],
        bare: Callable[[], Any],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        async def main() -> list[float]:
            seconds = []
            for _ in range(11):
                begun = time.perf_counter()
                await asyncio.to_thread(bare)
                start = time.perf_counter()
                handle = await runner.start(request_for(entrypoint=("true",)), print)
                await handle.wait()
                seconds.append(time.perf_counter() - start - (start - begun))
            return seconds

        median = sorted(asyncio.run(main()))[5]
        with capsys.disabled():
            print(f"\n{type(runner).__name__}: `true` takes {median * 1000:.1f} ms more than bare (median of 11)")
        assert median < 0.5
