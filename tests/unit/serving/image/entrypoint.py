"""An inference container for tests: it does what the request body says, and echoes the rest.

Environment: `REFUSE_START` ends it at once, `REFUSE_WHILE` as long as that file exists; `DEAF` keeps it from listening
for so many seconds; `UPPER` makes it answer in capitals (the second stage of a pipeline).
"""

import json
import os
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODEL = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model"


class Server(ThreadingHTTPServer):
    request_queue_size = 128


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self):
        self.answer(200, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        word, _, rest = body.decode("utf-8", "replace").partition(" ")
        if word == "crash":
            print("I was told to crash", flush=True)
            os._exit(3)
        if word == "status":
            self.answer(int(rest), b"you asked for it")
        elif word == "sleep":
            time.sleep(float(rest))
            self.answer(200, b"slept")
        elif word == "model":
            self.answer(200, (MODEL / "version.txt").read_bytes())
        elif word == "about":
            about = {"pid": os.getpid(), "headers": dict(self.headers), "environment": dict(os.environ)}
            self.answer(200, json.dumps(about).encode(), "application/json")
        elif "UPPER" in os.environ:
            self.answer(200, body.upper(), self.headers["Content-Type"])
        else:
            self.answer(200, body, self.headers["Content-Type"] or "application/octet-stream")

    def answer(self, status, body, content_type="text/csv"):
        head = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
        if attributes := self.headers["X-Amzn-SageMaker-Custom-Attributes"]:
            head.append(f"X-Amzn-SageMaker-Custom-Attributes: {attributes}")
        self.wfile.write("\r\n".join([*head, "", ""]).encode() + body)

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    assert sys.argv[1:] == ["serve"], sys.argv
    if "REFUSE_START" in os.environ:
        print("no model for you", flush=True)
        sys.exit(7)
    if "REFUSE_WHILE" in os.environ and Path(os.environ["REFUSE_WHILE"]).exists():
        print("no instance for you", flush=True)
        sys.exit(7)
    if "DEAF" in os.environ:
        print("I hear nothing", flush=True)
        time.sleep(float(os.environ["DEAF"]))
    print("parrot is awake", flush=True)
    Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
