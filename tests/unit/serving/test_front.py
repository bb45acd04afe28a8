"""The short way in, byte by byte: framing, and the hand-over to uvicorn."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

HEAD = b"POST /endpoints/front/invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"


class Wire:
    """A raw client connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.reader = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer."""
        status = int(self.reader.readline().split()[1])
        headers = {}
        while line := self.reader.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        return status, headers, self.reader.read(int(headers.get("content-length", 0)))

    def ended(self) -> bool:
        """Whether the server closed the connection."""
        return self.reader.read(1) == b""


@pytest.fixture(scope="module", autouse=True)
def endpoint(world: Any) -> None:
    world.endpoint("front")


@pytest.fixture
def wire(world: Any) -> Iterator[Wire]:
    connection = Wire(world.port)
    yield connection
    connection.reader.close()
    connection.socket.close()


def test_requests_follow_each_other_on_one_connection(wire: Wire) -> None:
    for body in (b"one", b"two"):
        wire.send(HEAD + b"Content-Length: 3\r\n\r\n" + body)
        assert wire.answer()[::2] == (200, body)


def test_a_request_in_many_pieces_is_one_request(wire: Wire) -> None:
    request = HEAD + b"Content-Length: 3\r\n\r\nabc"
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.send(request[:50])
    for number in range(50, len(request)):
        wire.send(request[number : number + 1])
    assert wire.answer()[::2] == (200, b"abc")


def test_pipelined_requests_are_answered_in_their_order(wire: Wire) -> None:
    wire.send(b"".join(HEAD + b"Content-Length: 1\r\n\r\n%d" % number for number in range(5)))
    assert [wire.answer()[2] for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


def test_chunked_bodies_and_expect_100_continue_are_understood(wire: Wire) -> None:
    wire.send(HEAD + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
    assert wire.answer()[0] == 100
    wire.send(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    assert wire.answer()[::2] == (200, b"abc")


def test_connection_close_is_honoured(wire: Wire) -> None:
    wire.send(HEAD + b"Connection: close\r\nContent-Length: 1\r\n\r\nx")
    status, headers, _ = wire.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert wire.ended()


def test_what_is_not_http_ends_the_connection_with_400(wire: Wire) -> None:
    wire.send(HEAD + b"Content-Length: nonsense\r\n\r\n")
    assert wire.answer()[0] == 400
    assert wire.ended()


def test_other_requests_are_uvicorns_and_invocations_after_them_are_still_served(wire: Wire) -> None:
    wire.send(HEAD + b"Content-Length: 1\r\n\r\na")
    assert wire.answer()[::2] == (200, b"a")
    describe = b'{"EndpointName": "front"}'
    wire.send(
        b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: SageMaker.DescribeEndpoint\r\nContent-Length: %d\r\n\r\n%s"
        % (len(describe), describe)
    )
    status, _, body = wire.answer()
    assert status == 200
    assert b'"EndpointStatus":"InService"' in body.replace(b": ", b":")
    wire.send(HEAD + b"Content-Length: 1\r\n\r\nb")
    status, headers, body = wire.answer()
    assert (status, headers["x-amzn-invoked-production-variant"], body) == (200, "AllTraffic", b"b")


def test_unknown_operations_under_endpoints_are_a_404(wire: Wire) -> None:
    wire.send(b"GET /endpoints/front/invocations HTTP/1.1\r\nHost: x\r\n\r\n")
    status, headers, _ = wire.answer()
    assert (status, headers["x-amzn-errortype"]) == (404, "UnknownOperationException")
