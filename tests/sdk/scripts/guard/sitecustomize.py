"""Put on PYTHONPATH by the tests: writes down every host that a client process looks up or connects to."""

import os
import sys
from pathlib import Path

WATCHED = {"socket.connect", "socket.getaddrinfo", "socket.sendto"}


def _watch(event, args):
    if event in WATCHED:
        target = args[0] if event == "socket.getaddrinfo" else args[1]
        host = target[0] if isinstance(target, tuple) else target
        if isinstance(host, bytes):
            host = host.decode("ascii", "replace")
        with Path(os.environ["CONTACTED_HOSTS"]).open("a") as seen:
            seen.write(f"{host}\n")


if "CONTACTED_HOSTS" in os.environ:
    sys.addaudithook(_watch)
