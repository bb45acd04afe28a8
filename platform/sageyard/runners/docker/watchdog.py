"""A small process that outlives its server by a moment: containers belong to the engine and would run on.

Its standard input is a pipe that only the server holds. When that ends, by whatever end of the server, it removes
what the server's lease marks.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

SWEEPS = 3
"""A container that the engine was just making when the server died is there a moment later."""


Watchdog = subprocess.Popen[bytes]


def start(lease: str) -> Watchdog:
    """Start the watchdog of this process."""
    package = str(Path(__file__).parents[3])
    search = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-m", "sageyard.runners.docker.watchdog", lease],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": search},
        start_new_session=True,
    )


def end(process: Watchdog) -> None:
    """End it without work: the server has cleaned up by itself."""
    process.kill()
    process.communicate()


def main(lease: str) -> None:
    """Wait for the server's end and clean up after it."""
    sys.stdin.buffer.read()
    from sageyard.runners.docker.engine import connect
    from sageyard.runners.docker.lease import SERVER, remove

    api = connect()
    for sweep in range(SWEEPS):
        if not remove(api, SERVER, lease) and sweep:
            break
        time.sleep(0.5)


if __name__ == "__main__":
    main(sys.argv[1])
