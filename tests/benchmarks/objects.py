"""S3: operations a second against a plain moto_server beside it, and the memory that a 1 GB object costs.

    python -m tests.benchmarks --only objects

The same load generator (two connections, raw sockets) drives both servers in turns, in the same run.
"""

import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.figures import Figure, Scale, at_most, times
from tests.benchmarks.moto_server import moto_server
from tests.conftest import start_server

TITLE = "S3"
BESIDE = "moto_server"
MB = 1024 * 1024
ROUNDS = 3
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
)


class Connection:
    """One keep-alive connection; opened again where the server closes it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket: socket.socket | None = None

    def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Send one request, return the body; anything but success is an error."""
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {AUTHORIZATION}\r\n"
        request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), 30)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.socket.recv(1 << 18)
            if not piece:
                raise ConnectionError(f"{method} {path}: the server closed the connection")
            data += piece
        head_bytes, _, answer = data.partition(b"\r\n\r\n")
        lines = head_bytes.lower().split(b"\r\n")
        status = int(lines[0].split()[1])
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer[:200]!r}")
        headers = dict(line.split(b": ", 1) for line in lines[1:] if b": " in line)
        length = 0 if method == "HEAD" or status == 204 else int(headers.get(b"content-length", b"0"))
        while len(answer) < length:
            answer += self.socket.recv(1 << 18)
        if headers.get(b"connection") == b"close" or lines[0].startswith(b"http/1.0"):
            self.socket.close()
            self.socket = None
        return answer


def rate(port: int, operations: int, step: Callable[[Connection, int], object], clients: int = 2) -> float:
    """Operations a second over a number of connections."""

    def work(client: int) -> None:
        connection = Connection(port)
        for number in range(client, operations, clients):
            step(connection, number)

    threads = [threading.Thread(target=work, args=(client,)) for client in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return operations / (time.perf_counter() - began)


def measure(scale: Scale) -> Sequence[Figure]:
    """Small objects on both servers, then one large object on ours."""
    with tempfile.TemporaryDirectory() as state, moto_server() as (moto_port, _):
        server = start_server(Path(state))
        try:
            port = int(server.url.rpartition(":")[2])
            figures = small(port, moto_port, scale)
            return [*figures, *large(port, server.process.pid, scale.of(128, 1024) * MB)]
        finally:
            server.stop()


def small(ours: int, theirs: int, scale: Scale) -> list[Figure]:
    """Each operation on both servers in turns; medians of rounds that put, read and delete the same keys."""
    body = os.urandom(1024)
    for port in (ours, theirs):
        Connection(port).ask("PUT", "/bench")
    operations = scale.of(200, 600)
    steps: list[tuple[str, int, Callable[[Connection, int], object]]] = [
        ("PutObject 1 KB", operations, lambda c, n: c.ask("PUT", f"/bench/folder/key-{n}", body)),
        ("GetObject 1 KB", operations, lambda c, n: c.ask("GET", f"/bench/folder/key-{n}")),
        ("HeadObject", operations, lambda c, n: c.ask("HEAD", f"/bench/folder/key-{n}")),
        (
            "ListObjectsV2, 100 keys",
            operations // 10,
            lambda c, _: c.ask("GET", "/bench?list-type=2&max-keys=100&prefix=folder%2F"),
        ),
        ("DeleteObject", operations, lambda c, n: c.ask("DELETE", f"/bench/folder/key-{n}")),
    ]
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name, _, _ in steps}
    for _ in range(ROUNDS):
        for name, count, step in steps:
            rates[name].append((rate(ours, count, step), rate(theirs, count, step)))
    figures = []
    for name, rounds in rates.items():
        fast, slow = (statistics.median(each) for each in zip(*rounds, strict=True))
        figures.append(times(name, fast, slow, "/s", 3))
    return figures


def peak(pid: int) -> int:
    """Peak resident bytes of a process so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


def large(port: int, pid: int, size: int) -> list[Figure]:
    """Put and get one large object: its speed and the growth of the process."""
    Connection(port).ask("PUT", "/large")
    before = peak(pid)
    chunk = os.urandom(MB)
    with socket.create_connection(("127.0.0.1", port), 120) as stream:
        began = time.perf_counter()
        stream.sendall(f"PUT /large/object HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n".encode())
        for _ in range(size // MB):
            stream.sendall(chunk)
        assert b" 200 " in stream.recv(65536).split(b"\r\n")[0]
        put = time.perf_counter() - began
        began = time.perf_counter()
        stream.sendall(b"GET /large/object HTTP/1.1\r\nhost: x\r\n\r\n")
        data = stream.recv(MB)
        received = len(data.partition(b"\r\n\r\n")[2])
        while received < size:
            received += len(stream.recv(MB))
        get = time.perf_counter() - began
    return [
        Figure(f"{size // MB} MB object: put, get", f"{size / MB / put:,.0f}, {size / MB / get:,.0f} MB/s"),
        at_most("growth of the process by it", (peak(pid) - before) / MB, 100, "MB"),
    ]
