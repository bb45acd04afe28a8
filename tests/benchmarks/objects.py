"""S3: operations a second against a plain moto_server beside it, and the memory that a 1 GB object costs.

    python tests/benchmarks/objects.py [--operations 1500] [--size-mb 1024]

The same load generator (two connections, raw sockets) drives both servers in turn, in the same run; what is printed is
the ratio. moto_server comes with `pip install 'moto[server]'`.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "tests" / "aws" / "aws_server.py"
MB = 1024 * 1024
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


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def start(command: list[str], port: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "platform")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return process
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
    raise SystemExit(f"{command} did not start")


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


def measure(port: int, operations: int) -> dict[str, float]:
    """Operations a second of small objects, by name."""
    Connection(port).ask("PUT", "/bench")
    body = os.urandom(1024)
    rates = {}
    steps: list[tuple[str, int, Callable[[Connection, int], object]]] = [
        ("PutObject 1 KB", operations, lambda c, n: c.ask("PUT", f"/bench/folder/key-{n}", body)),
        ("GetObject 1 KB", operations, lambda c, n: c.ask("GET", f"/bench/folder/key-{n}")),
        ("HeadObject", operations, lambda c, n: c.ask("HEAD", f"/bench/folder/key-{n}")),
        (
            "ListObjectsV2 100 of all",
            operations // 10,
            lambda c, _: c.ask("GET", "/bench?list-type=2&max-keys=100&prefix=folder%2F"),
        ),
        ("DeleteObject", operations, lambda c, n: c.ask("DELETE", f"/bench/folder/key-{n}")),
    ]
    for name, count, step in steps:
        rates[name] = rate(port, count, step)
    return rates


def peak(pid: int) -> int:
    """Peak resident bytes of a process so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


def large(port: int, pid: int, size: int) -> None:
    """Put and get one large object; print the speed and the growth of the process."""
    connection = Connection(port)
    connection.ask("PUT", "/large")
    before = peak(pid)
    chunk = os.urandom(MB)
    stream = socket.create_connection(("127.0.0.1", port), 120)
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
    grown = (peak(pid) - before) / MB
    print(f"{size // MB} MB object: put {size / MB / put:,.0f} MB/s, get {size / MB / get:,.0f} MB/s")
    print(f"growth of the process: {grown:.0f} MB (goal: 100 or less)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=1500)
    parser.add_argument("--size-mb", type=int, default=1024)
    options = parser.parse_args()
    state = Path(tempfile.mkdtemp(prefix="sageyard-bench-"))
    ours, theirs = free_port(), free_port()
    processes = [
        start([sys.executable, str(SERVER), str(ours), str(state)], ours),
        start([str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(theirs)], theirs),
    ]
    try:
        reference, measured = measure(theirs, options.operations), measure(ours, options.operations)
        print(f"{'operation':<26}{'moto_server':>12}{'sageyard':>12}{'ratio':>8}   (goal: 3 or more)")
        for name, slow in reference.items():
            fast = measured[name]
            print(f"{name:<26}{slow:>10,.0f}/s{fast:>10,.0f}/s{fast / slow:>8.1f}")
        large(ours, processes[0].pid, options.size_mb * MB)
    finally:
        for process in processes:
            process.terminate()
            process.wait(20)
        shutil.rmtree(state)


if __name__ == "__main__":
    main()
