"""The network of a container that has nothing but a loopback, entered by the server to reach it there.

A network namespace belongs to a thread: one enters, opens a socket, which stays there for good, and ends. No bridge
would do: whoever is reached over one reaches this machine, and all that listens on it, the same way.
"""

import ctypes
import os
import socket
import threading
from contextlib import suppress

from sageyard.runners.base import StartError

CLONE_NEWNET = 0x40000000
"""Linux's setns(2); `os.setns` is of Python 3.12."""


class NetworkNamespace:
    """The network of the process `pid`, for as long as this is open; StartError where it may not be entered."""

    def __init__(self, pid: int) -> None:
        self._setns = ctypes.CDLL(None, use_errno=True).setns
        try:
            self._file = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            self.socket().close()
        except OSError as error:
            with suppress(AttributeError):
                self.close()
            raise StartError(
                f"an isolated container that answers requests cannot be reached ({error.strerror}): only a server that "
                "runs as root beside the Docker Engine may enter its network. Run it as root, or do without "
                "EnableNetworkIsolation"
            ) from error

    def socket(self) -> socket.socket:
        """A TCP socket for which 127.0.0.1 is the container; OSError."""
        made: list[socket.socket | OSError] = []

        def make() -> None:
            if self._setns(self._file, CLONE_NEWNET):
                made.append(OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno())))
            else:
                made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))

        thread = threading.Thread(target=make, name="network namespace")
        thread.start()
        thread.join()
        if isinstance(found := made[0], OSError):
            raise found
        return found

    def close(self) -> None:
        """The container has ended. May be called again."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)
