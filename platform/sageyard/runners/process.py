"""The embedded runner: a container is a child process group of the server, and needs no Docker.

Each has its own /opt/ml, process numbers, host name and hosts file where the system allows namespaces (root or
user); elsewhere SAGEMAKER_BASE_DIR names its folder, and /opt/ml in its command line and variables is replaced by
it. Files outside /opt/ml are the machine's own: this runner keeps containers apart, it does not lock them in.

All containers share the machine's network: use the loopback addresses of `RunRequest.hosts` to keep ports apart.
`network=False` gives a container nothing but its own loopback, which the server cannot reach either; hosts of one job
that has several keep the machine's, or they could not reach each other, and so do containers that answer requests.
"""

import asyncio
import os
import shutil
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from sageyard.environment import client_environment
from sageyard.runners import tree
from sageyard.runners.base import OutputSink, RunExit, RunRequest, StartError
from sageyard.runners.confine import ML, Confinement, detect
from sageyard.runners.environment import install_python, variables
from sageyard.runners.images import Images, command_line
from sageyard.runners.output import Lines
from sageyard.settings import Settings

PRIVATE = ".runner"
"""Folder in a container's /opt/ml that holds its Python, its home and its temporary files."""
PROGRAMS = "bin"
"""Folder of an image whose programs are on its PATH."""
READ_SIZE = 1 << 16
DRAIN_SECONDS = 2.0
STARTING_SECONDS = 1.0
"""After these, a container's own command runs and hears its signals; the launcher takes 30 ms on an idle machine."""
MEMORY_SECONDS = 0.25


class ProcessRunner:
    """Implements `base.Runner` with child processes."""

    network_interface = "lo0" if sys.platform == "darwin" else "lo"
    server_addresses = ()

    def __init__(
        self, settings: Settings, images: Images | None = None, confinement: Confinement | None = None
    ) -> None:
        self.settings = settings
        self.images = images or Images(mapping=settings.image_map)
        self._confinement = confinement

    def open(self) -> None:
        """Nothing to do: what a server ran dies with it."""

    def close(self) -> None:
        """Nothing to do."""

    def client_environment(self, region: str) -> dict[str, str]:
        """Variables of AWS clients in a container, which share this machine's network and files."""
        return client_environment(self.settings.endpoint_url, region, self.settings.state_dir, base={})

    def check(self, image_uri: str) -> None:
        """Raise ImageNotFoundError if no image folder answers to this URI."""
        self.images.find(image_uri)

    def bind_port(self) -> int:
        """A port that is free now: containers share the machine's network."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port: int = listener.getsockname()[1]
            return port

    async def start(self, request: RunRequest, output: OutputSink) -> "ProcessHandle":
        """Start a container; 10 ms. ImageNotFoundError, StartError."""
        image = self.images.find(request.image_uri)
        command = command_line(image.entrypoint, image.command, request.entrypoint, request.arguments)
        if self._confinement is None:
            self._confinement = await asyncio.to_thread(detect)
        confinement = self._confinement
        if not command:
            raise StartError(f"{request.name}: neither the request nor image {request.image_uri!r} says what to run")
        stage = request.root / PRIVATE
        seen = confinement.seen_root(request)
        try:
            shutil.rmtree(stage, ignore_errors=True)
            (stage / "tmp").mkdir(parents=True)
            install_python(stage / "python")
            environment = dict(request.environment)
            if not confinement.has_mounts:
                command = [_relocated(part, seen) for part in command]
                environment = {name: _relocated(value, seen) for name, value in environment.items()}
            environment = variables(environment, seen / PRIVATE, seen, relocated=not confinement.has_mounts)
            if (programs := image.folder / PROGRAMS).is_dir():
                environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
            return await ProcessHandle.launch(
                confinement.launcher(request, stage, command), environment, output, request.memory, confinement
            )
        except OSError as error:
            raise StartError(f"{request.name} could not be started: {error}") from error

    async def prepare(self, request: RunRequest) -> None:
        """Nothing: a start takes 10 ms."""


def _relocated(text: str, root: Path) -> str:
    """`/opt/ml/...` as it is found where containers cannot have their own /opt/ml."""
    return text.replace(f"{ML}/", f"{root}/") if text != str(ML) else str(root)


class ProcessHandle:
    """Implements `base.RunHandle`."""

    def __init__(self, process: asyncio.subprocess.Process, leash: int, output: int, confinement: Confinement) -> None:
        self.pid: int | None = process.pid
        self._process = process
        self._leash = leash
        self._output = output
        self._confinement = confinement
        self._started = asyncio.get_running_loop().time() + STARTING_SECONDS
        self._drained = asyncio.Event()
        self._killed = False
        self._out_of_memory = False
        self._end: asyncio.Task[RunExit]

    @classmethod
    async def launch(
        cls,
        command: list[str],
        environment: dict[str, str],
        sink: OutputSink,
        memory: int | None,
        confinement: Confinement,
    ) -> "ProcessHandle":
        """Start the launcher with its output on one pipe and the leash on another; OSError."""
        leash_end, leash = os.pipe()
        output, output_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=leash_end,
                stdout=output_end,
                stderr=output_end,
                env=environment,
                start_new_session=True,
            )
        except BaseException:
            os.close(leash)
            os.close(output)
            raise
        finally:
            os.close(leash_end)
            os.close(output_end)
        handle = cls(process, leash, output, confinement)
        handle._read(sink)
        handle._end = asyncio.create_task(handle._finish(memory))
        return handle

    def address(self, port: int) -> tuple[str, int]:
        """Where the server reaches the container's `port`: this machine's loopback."""
        return "127.0.0.1", port

    def socket(self) -> None:
        """Any socket will do."""

    async def wait(self) -> RunExit:
        """Wait for the end of the container and of its output."""
        return await asyncio.shield(self._end)

    async def stop(self, grace: float) -> RunExit:
        """SIGTERM to every process of the container, SIGKILL to what is left after `grace` seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        if not self._end.done():
            self._terminate()
            if loop.time() < self._started < deadline:  # it may have met a launcher that passes nothing on yet
                await asyncio.wait([self._end], timeout=self._started - loop.time())
                if not self._end.done():
                    self._terminate()
            await asyncio.wait([self._end], timeout=deadline - loop.time())
        if not self._end.done():
            self._kill()
        return await self.wait()

    def _terminate(self) -> None:
        """Ask the container's processes to end. Older versions of `unshare` would end at once and take them along,
        so it is passed over; the launcher's shell knows to wait."""
        if self._confinement.has_mounts:
            tree.send(tree.descendants(self._process.pid) or [self._process.pid], signal.SIGTERM)
        else:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)

    def _kill(self) -> None:
        """End the container at once. Process 1 of a namespace takes all others along, and its parent waits for
        that; elsewhere the process group is all there is."""
        self._killed = True  # by what status it shows then differs between versions of unshare
        first = tree.children(self._process.pid)
        if self._confinement.has_mounts and first:
            tree.send(first, signal.SIGKILL)
        else:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _finish(self, memory: int | None) -> RunExit:
        watch = asyncio.create_task(self._watch_memory(memory)) if memory is not None else None
        try:
            code = await self._process.wait()
            if not self._confinement.has_mounts:
                await self._end_group()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._drained.wait(), DRAIN_SECONDS)
        finally:
            if watch is not None:
                watch.cancel()
            self._stop_reading()
            os.close(self._leash)
        if self._killed:
            code = -signal.SIGKILL
        return RunExit(code if code >= 0 else 128 - code, self._out_of_memory)

    async def _end_group(self) -> None:
        """Kill what the container left running in its process group and see it gone."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
            while tree.group(self._process.pid):  # noqa: ASYNC110 - nothing tells when a group is empty
                await asyncio.sleep(0.005)

    async def _watch_memory(self, limit: int) -> None:
        """Look at the resident memory four times a second and kill above the limit. Limits on address space would
        end programs that only reserve memory, and control groups are not ours to make for an ordinary user."""
        while True:
            await asyncio.sleep(MEMORY_SECONDS)
            pids = tree.descendants(self._process.pid)
            if tree.private_memory(pids) > limit and tree.proportional_memory(pids) > limit:
                self._out_of_memory = True
                self._kill()
                return

    def _read(self, sink: OutputSink) -> None:
        os.set_blocking(self._output, False)
        loop = asyncio.get_running_loop()
        lines = Lines()

        def readable() -> None:
            try:
                data = os.read(self._output, READ_SIZE)
            except BlockingIOError:
                return
            if batch := lines.feed(data) if data else lines.end():
                sink(batch)
            if not data:
                self._stop_reading()

        loop.add_reader(self._output, readable)

    def _stop_reading(self) -> None:
        if not self._drained.is_set():
            self._drained.set()
            asyncio.get_running_loop().remove_reader(self._output)
            os.close(self._output)
