"""The control plane's short way in and uvicorn's way behind it give the same answers, on any connection."""

import http.client
import json
import socket

from tests.conftest import Server

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=k/20260101/eu-west-1/sagemaker/aws4_request, SignedHeaders=host, Signature=0"
)


def request(operation: str, body: bytes) -> bytes:
    return (
        f"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: SageMaker.{operation}\r\nAuthorization: {AUTHORIZATION}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def connect(server: Server) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), 10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    response = http.client.HTTPResponse(connection)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return response.status, headers, response.read()


def test_the_region_is_the_one_the_request_was_signed_for(server: Server, unique: str) -> None:
    with connect(server) as connection:
        connection.sendall(request("CreateExperiment", json.dumps({"ExperimentName": unique}).encode()))
        status, headers, body = answer(connection)
    assert status == 200
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert len(headers["x-amzn-requestid"]) == 36
    assert json.loads(body)["ExperimentArn"].startswith("arn:aws:sagemaker:eu-west-1:")


def test_one_connection_may_mix_services_and_operations(server: Server, unique: str) -> None:
    with connect(server) as connection:
        connection.sendall(request("DescribeExperiment", json.dumps({"ExperimentName": unique}).encode()))
        status, _, body = answer(connection)
        assert (status, json.loads(body)["__type"]) == (400, "ResourceNotFound")
        connection.sendall(b"GET /_sageyard/health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(connection)[0] == 200
        connection.sendall(request("CreateExperiment", json.dumps({"ExperimentName": unique}).encode()))
        assert answer(connection)[0] == 200


def test_a_request_in_many_small_pieces_is_answered(server: Server, unique: str) -> None:
    message = request("CreateExperiment", json.dumps({"ExperimentName": unique}).encode())
    with connect(server) as connection:
        for start in range(0, len(message), 20):
            connection.sendall(message[start : start + 20])
        status, _, body = answer(connection)
    assert (status, unique.lower() in body.decode()) == (200, True)


def test_requests_sent_without_waiting_are_answered_in_order(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(
            b"".join(request("DescribeExperiment", b'{"ExperimentName":"none-%d"}' % n) for n in range(5))
        )
        reader = connection.makefile("rb")
        for number in range(5):
            while (line := reader.readline()) not in {b"\r\n", b""}:
                if line.lower().startswith(b"content-length"):
                    length = int(line.split(b":")[1])
            assert f"none-{number}".encode() in reader.read(length)


def test_a_body_longer_than_any_operation_takes_is_refused(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(request("CreateExperiment", b'{"ExperimentName":"' + b"x" * (8 * 1024 * 1024) + b'"}'))
        status, _, body = answer(connection)
    assert (status, json.loads(body)["__type"]) == (400, "ValidationException")
    assert "8388608 bytes" in json.loads(body)["message"]


def test_a_body_that_is_no_json_is_refused(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(request("CreateExperiment", b"{"))
        status, _, body = answer(connection)
    assert (status, json.loads(body)["__type"]) == (400, "SerializationException")
