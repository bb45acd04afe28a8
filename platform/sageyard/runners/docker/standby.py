"""A container that waits for its program.

It was made as any other and is used once, so that nothing of one job is there in the next. Its first program is a
shell that waits at a named pipe in a folder mounted beside /opt/ml; what it then reads there, `exec env NAME=value …
program`, takes the shell's place. The server holds the pipe's other end: without the server, the shell ends.
"""

import asyncio
import errno
import os
import select
import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from docker.types import Mount

from sageyard.runners.base import OutputSink, RunRequest, StartError
from sageyard.runners.docker.container import ContainerHandle, Started
from sageyard.runners.docker.engine import explained
from sageyard.runners.docker.images import ENV, EngineImage
from sageyard.runners.docker.ownership import open_up

if TYPE_CHECKING:
    from sageyard.runners.docker.runner import DockerRunner

T = TypeVar("T")
FOLDER = "/opt/sageyard/start"
WAIT = f"read -r _ <{FOLDER}/gate && . {FOLDER}/program"
READY_SECONDS = 30.0
COPIED = 256 << 20
"""Bytes. Links to stored objects are mounted read-only, which needs a new container; up to this much is copied
instead, which is quicker."""


class DockerStandby:
    """Implements `base.Standby`."""

    def __init__(
        self, runner: "DockerRunner", request: RunRequest, image: EngineImage, container: Started, gate: int
    ) -> None:
        self._runner = runner
        self._request = request
        self._image = image
        self.container = container
        self._gate = gate

    async def start(self, request: RunRequest, output: OutputSink) -> ContainerHandle:
        """5 ms. Where it does not fit, a new container is in the network of this one, as other hosts may be."""
        try:
            stream = await self._in_thread(partial(self._ready_for, request))
        except BaseException:
            await self.discard()
            raise
        if stream is None:
            await self.discard()
        else:
            handle = self._runner.handle(request, self.container, output, stream)
            if self._open():
                return handle
            await handle.stop(0)
        return await self._runner.start(replace(request, name=self._request.name), output)

    async def discard(self) -> None:
        """Remove it, unused."""
        await self._in_thread(self.remove)

    def remove(self) -> None:
        """The same for a thread. Blocks."""
        os.close(self._gate)
        self._runner.remove(self.container)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._runner.executor, work)

    def _ready_for(self, request: RunRequest) -> Iterator[bytes] | None:
        """Leave the program at the gate; the container's output, None where the request needs another container."""
        image = self._runner.image(request.image_uri)
        if image.id != self._image.id or _made_with(request) != _made_with(self._request):
            return None
        if self._has_ended():
            return None
        linked = open_up(request.root, (), to_all=not image.runs_as_root)
        if sum(path.stat().st_size for path in linked) > COPIED:
            return None
        for path in linked:
            _unlink(path, 0o644 if image.runs_as_root else 0o666)
        command, variables = self._runner.program(request, image)
        (gate_folder(request.root) / "program").write_text(program(command, variables))
        with explained(f"{request.name} could not be started"):
            return self._runner.attach(self.container.id)

    def _has_ended(self) -> bool:
        """A pipe without a reader is in error."""
        poll = select.poll()
        poll.register(self._gate, 0)
        return bool(poll.poll(0))

    def _open(self) -> bool:
        try:
            os.write(self._gate, b"\n")
        except OSError:  # its container has ended
            return False
        finally:
            os.close(self._gate)
        return True


def _made_with(request: RunRequest) -> tuple[object, ...]:
    """What of a request a container is made with, and cannot change."""
    return (
        *(request.root, request.hostname, tuple(request.hosts), request.network, request.serves),
        *(request.memory, request.cpus, request.gpus, request.read_only),
    )


def gate_folder(root: Path) -> Path:
    """Where the gate of the container with this /opt/ml lies."""
    return root.with_name(f"{root.name}.start")


def make_gate(root: Path) -> Mount:
    """The pipe, and what makes it seen in the container."""
    folder = gate_folder(root)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    os.mkfifo(folder / "gate")
    (folder / "gate").chmod(0o644)
    return Mount(FOLDER, str(folder.resolve()), "bind", read_only=True)


def take_gate(root: Path, runs: Callable[[], bool]) -> int:
    """The server's end of the pipe, once the container's shell has the other; StartError. `runs` tells whether the
    container does. Blocks."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and runs():
        try:
            return os.open(gate_folder(root) / "gate", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO:  # that nobody reads it yet
                raise
        time.sleep(0.01)
    raise StartError(f"the container that is to wait for {root.name} ended, or did not wait in {READY_SECONDS:g} s")


def program(command: Sequence[str], variables: Mapping[str, str]) -> str:
    """What the shell reads and is replaced by."""
    words = [ENV, *(f"{name}={value}" for name, value in variables.items()), *command]
    return f"exec {shlex.join(words)} 2>&1\n"


def _unlink(path: Path, mode: int) -> None:
    """Make a link to a stored object a file of its own."""
    copy = path.with_name(f"{path.name}.copy")
    shutil.copyfile(path, copy)
    copy.chmod(mode)
    copy.replace(path)
