"""One worker of the inference server: loads the model, then answers on the shared port until SIGTERM."""

import asyncio
import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from sagemaker_toolkit import layout
from sagemaker_toolkit.connection import Connection, Service, execution_parameters
from sagemaker_toolkit.handlers import Handler
from sagemaker_toolkit.serving import BACKLOG, GRACE, Settings


def work(handler: Handler, settings: Settings, listener: socket.socket, say_ready: int, alive: int) -> int:
    """Load and serve; returns the exit status. An exception of the model's loading is the caller's to print."""
    handler.load(layout.MODEL)
    try:
        import uvloop

        new_loop = uvloop.new_event_loop
    except ImportError:
        new_loop = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(handler, settings, listener, say_ready, alive))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # a prediction that outlived its grace must not hold the process


async def _serve(handler: Handler, settings: Settings, listener: socket.socket, say_ready: int, alive: int) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    service = Service(
        handler=handler,
        executor=ThreadPoolExecutor(1),
        accept=os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or handler.accept,
        max_bytes=settings.max_megabytes * 2**20,
        timeout=settings.timeout,
        parameters=execution_parameters(settings.workers, settings.told_megabytes),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_reader(alive, stop.set)
    server = await loop.create_server(lambda: Connection(service), sock=listener, backlog=BACKLOG)
    os.write(say_ready, b"1")
    print(f"worker {os.getpid()} serves on port {settings.port}", flush=True)
    await stop.wait()
    loop.remove_reader(alive)
    server.close()
    service.stopping = True
    await asyncio.sleep(0.05)  # what clients had sent by now is read and answered
    for connection in list(service.connections):
        connection.close_if_idle()
    if service.connections:
        service.emptied.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(service.emptied.wait(), GRACE)
