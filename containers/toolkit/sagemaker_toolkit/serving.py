"""The inference server: `<entrypoint> serve`.

A supervisor binds the port and forks workers that share it; each loads the model itself, as models and their thread
pools rarely survive a fork. The port listens when the first worker is ready. A worker that dies is replaced; one that
cannot load the model ends the server, and what it printed says why.
"""

import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

from sagemaker_toolkit import layout
from sagemaker_toolkit.errors import ClientError
from sagemaker_toolkit.handlers import Handler

NOT_LOADED = 3
BACKLOG = 2048
GRACE = 25
"""Seconds for requests under way at SIGTERM; SageMaker kills after 30."""


@dataclass(frozen=True)
class Settings:
    """The variables of the inference contract."""

    port: int
    workers: int
    timeout: float
    max_megabytes: int
    told_megabytes: int

    @classmethod
    def from_environment(cls) -> "Settings":
        """Raises ClientError naming a variable that is no positive number."""
        return cls(
            port=_positive("SAGEMAKER_BIND_TO_PORT", 8080),
            workers=_positive("SAGEMAKER_MODEL_SERVER_WORKERS", min(2, os.cpu_count() or 1)),
            timeout=_positive("SAGEMAKER_MODEL_SERVER_TIMEOUT", 60),
            max_megabytes=_positive("SAGEMAKER_MAX_PAYLOAD_IN_MB", 100),
            told_megabytes=_positive("SAGEMAKER_MAX_PAYLOAD_IN_MB", 6),
        )


def _positive(name: str, default: int) -> int:
    value = os.environ.get(name) or str(default)
    if not value.isdecimal() or int(value) < 1:
        raise ClientError(f"{name} is {value!r}; it must be a whole number of 1 or more")
    return int(value)


def serve(make_handler: Callable[[], Handler]) -> int:
    """Serve until SIGTERM; returns the exit status. `make_handler` is called once, before the workers start."""
    os.environ.setdefault("SM_MODEL_DIR", str(layout.MODEL))
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers are the parallelism; as the originals do
    try:
        settings = Settings.from_environment()
        handler = make_handler()
        listener = _bind(settings.port)
    except (ClientError, OSError) as error:
        print(f"cannot serve: {error}", file=sys.stderr, flush=True)
        return 1
    return Supervisor(handler, settings, listener).run()


def _bind(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", port))
    return listener


class Supervisor:
    """Keeps the workers running."""

    def __init__(self, handler: Handler, settings: Settings, listener: socket.socket) -> None:
        self.handler, self.settings, self.listener = handler, settings, listener
        self.workers: dict[int, int] = {}
        """Process id -> pipe on which the worker says that it is ready."""
        self.stopping = False
        self.alive, self._lifeline = os.pipe()
        """Workers see the end of `alive` when the supervisor is gone, however it went."""

    def run(self) -> int:
        """Start the workers and wait until all have ended."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        for _ in range(self.settings.workers):
            self._start()
        status = 0
        while self.workers:
            pid, code = os.wait()
            ready = self.workers.pop(pid, None)
            if ready is None or self.stopping:
                continue
            loaded = os.read(ready, 1)
            os.close(ready)
            if loaded:
                print(f"worker {pid} ended with status {os.waitstatus_to_exitcode(code)}, starting another", flush=True)
                self._start()
            else:
                print("a worker could not load the model; the server ends", file=sys.stderr, flush=True)
                status = 1
                self._stop()
        return status

    def _start(self) -> None:
        ready, say_ready = os.pipe()
        signals = {signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # a stop now must reach a worker that is known
        pid = os.fork()
        if pid == 0:
            status = NOT_LOADED
            try:
                os.close(ready)
                os.close(self._lifeline)
                for number in signals:
                    signal.signal(number, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
                from sagemaker_toolkit.worker import work

                status = work(self.handler, self.settings, self.listener, say_ready, self.alive)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        os.close(say_ready)
        self.workers[pid] = ready
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        if self.stopping:
            os.kill(pid, signal.SIGTERM)

    def _stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        self.stopping = True
        for pid in self.workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
