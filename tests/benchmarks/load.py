"""An HTTP/1.1 load generator: every connection sends its next request when its answer has arrived.

One process, one event loop: run it under uvloop, in a process that does nothing else. It measures from the writing of
a request to the last byte of its answer, so throughput and latency are of the same run. With a rate, requests are sent
when they are due, and latency counts from then: a server that falls behind cannot hide it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools

Body = bytes | Callable[[int], bytes]


@dataclass(frozen=True)
class Result:
    """What one run measured. `throughput` in requests a second, `p50` and `p99` in milliseconds."""

    throughput: float
    p50: float
    p99: float
    requests: int
    failures: int
    statuses: dict[int, int] = field(default_factory=dict)


class _Run:
    """The requests still to send and the answers so far, shared by all connections."""

    def __init__(self, head: bytes, body: Body, requests: int, rate: float | None) -> None:
        self.head, self.body, self.requests, self.rate = head, body, requests, rate
        self.begun = time.perf_counter()
        self.sent = 0
        self.latencies: list[float] = []
        self.statuses: dict[int, int] = {}
        self.broken = 0
        self._fixed = self._message(body) if isinstance(body, bytes) else None

    def _message(self, body: bytes) -> bytes:
        return self.head + b"content-length: %d\r\n\r\n" % len(body) + body

    def take(self) -> tuple[bytes, float] | None:
        """The next request and when it is due (now, without a rate), or None when all are sent."""
        number = self.sent
        if number >= self.requests:
            return None
        self.sent += 1
        due = time.perf_counter() if self.rate is None else self.begun + number / self.rate
        if self._fixed is not None:
            return self._fixed, due
        body = self.body
        return self._message(body if isinstance(body, bytes) else body(number)), due


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run, done: asyncio.Future[None]) -> None:
        self.run, self.done = run, done
        self.begun = 0.0
        self.waiting = self.complete = self.keep = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its class
        self._send()

    def _send(self) -> None:
        taken = self.run.take()
        if taken is None:
            self.transport.close()
            return
        message, due = taken
        self.parser = httptools.HttpResponseParser(self)
        self.waiting, self.complete = True, False
        if self.run.rate is not None and (early := due - time.perf_counter()) > 0:
            asyncio.get_running_loop().call_later(early, self._write, message, due)
        else:
            self._write(message, due)

    def _write(self, message: bytes, due: float) -> None:
        self.begun = due if self.run.rate is not None else time.perf_counter()
        self.transport.write(message)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)
        if not self.complete:
            return
        self._answered()
        if self.keep:
            self._send()
        else:
            self.transport.close()

    def on_message_complete(self) -> None:
        self.complete = True
        self.keep = self.parser.should_keep_alive()  # after this callback the parser says no to every answer

    def _answered(self) -> None:
        self.run.latencies.append(time.perf_counter() - self.begun)
        status = self.parser.get_status_code()
        self.run.statuses[status] = self.run.statuses.get(status, 0) + 1
        self.waiting = False

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting:  # an answer without a length ends with its connection; anything else is a broken one
            if exc is None and self.parser.get_status_code():
                self._answered()
            else:
                self.run.broken += 1
        if not self.done.done():
            self.done.set_result(None)


async def _client(run: _Run, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    while run.sent < run.requests:
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda done=done: _Connection(run, done), host, port)  # type: ignore[misc]
        await done


async def load(
    url: str,
    body: Body,
    headers: Mapping[str, str],
    connections: int,
    requests: int,
    method: str = "POST",
    rate: float | None = None,
) -> Result:
    """Send `requests` requests to `url` over `connections` kept-alive connections, `rate` a second or as fast as
    answers come.

    `body` is the same bytes for all, or a function of the request's number (0..requests-1). A connection that the
    server closes is opened again. Answers of 400 and above, and connections lost without one, count as failures.
    """
    address = urlsplit(url)
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"host: {address.netloc}", *(f"{k}: {v}" for k, v in headers.items())]
    run = _Run("".join(f"{line}\r\n" for line in lines).encode(), body, requests, rate)
    await asyncio.gather(
        *(_client(run, address.hostname or "127.0.0.1", address.port or 80) for _ in range(connections))
    )
    elapsed = time.perf_counter() - run.begun
    latencies = sorted(run.latencies) or [float("nan")]
    return Result(
        throughput=len(run.latencies) / elapsed,
        p50=1000 * latencies[len(latencies) // 2],
        p99=1000 * latencies[min(len(latencies) - 1, int(len(latencies) * 0.99))],
        requests=requests,
        failures=run.broken + sum(count for status, count in run.statuses.items() if status >= 400),
        statuses=dict(sorted(run.statuses.items())),
    )
