"""The HTTP client of the invocation path, against servers that answer byte by byte what a test says."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sageyard.serving.connection import Answer, BrokenConnectionError, Connection

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
Client = Callable[[Connection], Awaitable[None]]


def converse(replies: list[list[bytes]], client: Client) -> None:
    """Answer each request with the next list of chunks; after the last one, close the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for chunks in replies:
            await reader.readuntil(b"\r\n\r\n")
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(0.005)
        writer.close()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        _, connection = await loop.create_connection(lambda: Connection(loop), "127.0.0.1", port)
        await client(connection)
        connection.abort()
        server.close()

    asyncio.run(run())


def test_answers_with_length_with_chunks_and_after_interim_ones_follow_each_other() -> None:
    async def client(connection: Connection) -> None:
        first = await connection.exchange(REQUEST, b"", 5)
        assert first == Answer(200, [(b"content-type", b"text/csv")], b"hello")
        assert await connection.exchange(REQUEST, b"", 5) == Answer(201, [], b"abc")
        assert await connection.exchange(REQUEST, b"", 5) == Answer(400, [], b"")
        assert not connection.closed

    converse(
        [
            [b"HTTP/1.1 200 OK\r\nContent-", b"Type: text/csv\r\nX-Other: 1\r\nContent-Length: 5\r\n\r\nhel", b"lo"],
            [b"HTTP/1.1 201 C\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", b"2\r\nbc\r\n0\r\n\r\n"],
            [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 400 B\r\nContent-Length: 0\r\n\r\n"],
            [],
        ],
        client,
    )


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async def client(connection: Connection) -> None:
        assert (await connection.exchange(REQUEST, b"", 5)).body == b"to the end"
        assert connection.closed

    converse([[b"HTTP/1.1 200 OK\r\n\r\nto the ", b"end"]], client)


def test_a_connection_that_the_container_closes_is_not_used_again() -> None:
    async def client(connection: Connection) -> None:
        assert (await connection.exchange(REQUEST, b"", 5)).body == b"bye"
        assert connection.closed
        with pytest.raises(BrokenConnectionError):
            await connection.exchange(REQUEST, b"", 5)

    converse([[b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbye"]], client)


@pytest.mark.parametrize(
    ("reply", "answered"),
    [([], False), ([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"], True), ([b"SSH-2.0 hello\r\n"], True)],
)
def test_a_broken_answer_tells_whether_it_had_begun(reply: list[bytes], answered: bool) -> None:
    async def client(connection: Connection) -> None:
        with pytest.raises(BrokenConnectionError) as caught:
            await connection.exchange(REQUEST, b"", 5)
        assert caught.value.answered is answered
        assert connection.closed

    converse([reply], client)


def test_no_answer_in_time_closes_the_connection() -> None:
    async def client(connection: Connection) -> None:
        with pytest.raises(TimeoutError):
            await connection.exchange(REQUEST, b"", 0.05)
        assert connection.closed

    converse([[b"HTTP/1.1 200 OK\r\n"], []], client)


def test_a_large_body_arrives_whole() -> None:
    body = b"z" * 3_000_000

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        same = await reader.readexactly(len(body)) == body
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % (200 if same else 400))

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        _, connection = await loop.create_connection(lambda: Connection(loop), "127.0.0.1", port)
        head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
        assert (await connection.exchange(head, body, 5)).status == 200
        connection.abort()
        server.close()

    asyncio.run(run())
