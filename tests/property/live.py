"""One kept-alive connection to a live server: raw JSON 1.1, for what no client would send."""

import http.client
import json
from typing import Any
from urllib.parse import urlencode

from tests.conftest import Server


class Live:
    """Posts operations to a server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)

    def post(self, operation: str, request: Any) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer to a JSON document."""
        return self.send(operation, json.dumps(request).encode())

    def send(self, operation: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer to these bytes."""
        self._connection.request(
            "POST",
            "/",
            body,
            {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"},
        )
        answer = self._connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def request(self, written: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer to a request that botocore serialized, signed as SageMaker's."""
        path = written["url_path"]
        if query := urlencode(written["query_string"], doseq=True):
            path += f"?{query}"
        signature = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sagemaker/aws4_request"
        headers = {"Authorization": signature, **written["headers"]}
        self._connection.request(written["method"], path, written["body"], headers)
        answer = self._connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def resources(self) -> dict[str, int]:
        """How many resources there are, by kind."""
        counts = self.server.get("/_sageyard/health")["resources"]
        return {kind: sum(by_status.values()) for kind, by_status in counts.items()}

    def close(self) -> None:
        self._connection.close()
