"""The explainer beside the variant of an endpoint, as a server.

It listens on SAGEMAKER_BIND_TO_PORT (8080) with the paths of an inference container. CLARIFY_EXPLAINER_CONFIG is the
ClarifyExplainerConfig in JSON, EXPLAINED_MODEL_URL where the model is asked.

`POST /invocations` takes a client's request with the model's answer, and the headers with which the model is asked for
predictions of synthetic data:

    {"content_type": "text/csv", "body": "1,2", "answer_type": "text/csv", "answer": "0.3",
     "enable": null, "headers": {"Accept": "text/csv"}}

and answers 200 with the response for the client, 400 with `{"message": ...}` if the request cannot be explained, or
424 with `{"message": ..., "status": ...}` if the model fails at the synthetic data.
"""

import json
import logging
import sys
import traceback
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .asking import Send, TooManyRecordsError
from .errors import AnalysisError
from .explainer import Exchange, Explainer

PORT = "8080"
SECONDS = 60.0
"""The longest that a model has for an answer (developer guide, `your-algorithms-inference-code`)."""
TOO_MUCH = (0, 413, 503, 504)
"""Statuses of the model for which fewer records may be answered; 0 is no answer in time."""
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The model is near, whatever proxies the environment names."""


class ModelFailedError(Exception):
    """The model's `status` for synthetic data, with what it says."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def main(variables: Mapping[str, str]) -> int:
    """Serve until killed; 1 and a line on standard error if the configuration cannot be."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
    try:
        explainer = Explainer(json.loads(variables["CLARIFY_EXPLAINER_CONFIG"]))
    except AnalysisError as error:
        print(f"ExplainerConfig.ClarifyExplainerConfig: {error}", file=sys.stderr)
        return 1
    handler = type("ExplainerHandler", (Handler,), {"explainer": explainer, "variables": variables})
    address = ("0.0.0.0", int(variables.get("SAGEMAKER_BIND_TO_PORT", PORT)))
    with Server(address, handler) as server:
        server.serve_forever()
    return 0


class Server(ThreadingHTTPServer):
    """A thread for each connection."""

    daemon_threads = True
    request_queue_size = 128


class Handler(BaseHTTPRequestHandler):
    """Answers `/ping` and `/invocations`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    explainer: Explainer
    variables: Mapping[str, str]

    def do_GET(self) -> None:
        self._answer(200, {})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        send = sender(self.variables, request["content_type"], request.pop("headers"))
        try:
            self._answer(200, self.explainer.respond(Exchange(**request), send))
        except AnalysisError as error:
            self._answer(400, {"message": str(error)})
        except TooManyRecordsError as error:
            self._answer(424, {"message": f"a single synthetic record is too much for it: {error}", "status": 0})
        except ModelFailedError as error:
            self._answer(424, {"message": str(error), "status": error.status})
        except Exception as error:
            traceback.print_exc()
            self._answer(500, {"message": f"{type(error).__name__}: {error}"})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing: a line per request would hide what matters."""

    def _answer(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def sender(variables: Mapping[str, str], content_type: str, headers: Mapping[str, str]) -> Send:
    """Asks the model with synthetic data."""
    given = {**headers, "Content-Type": content_type}

    def send(body: bytes) -> tuple[bytes, str]:
        request = urllib.request.Request(variables["EXPLAINED_MODEL_URL"], body, given)
        try:
            with DIRECT.open(request, timeout=SECONDS) as answer:
                return answer.read(), answer.headers.get("Content-Type", content_type)
        except urllib.error.HTTPError as error:
            said = json.loads(error.read() or b"{}")
            status = said.get("OriginalStatusCode", error.code)
            message = said.get("OriginalMessage") or said.get("Message") or str(error)
            if status in TOO_MUCH:
                raise TooManyRecordsError(message) from None
            raise ModelFailedError(status, message) from None
        except OSError as error:
            raise ModelFailedError(0, f"the model cannot be asked: {error}") from None

    return send
