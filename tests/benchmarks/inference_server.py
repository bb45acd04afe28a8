"""The inference server (XGBoost, 100 trees) against a bare uvicorn app that says ok, in one run.

    python -m tests.benchmarks.inference_server [requests]

Prints throughput and latency at 1, 8 and 32 connections, the time until /ping answers, and the memory of a worker.
The load generator shares the machine with what it measures.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection

import numpy as np
import psutil
import uvloop

from tests.benchmarks.load import Result, load
from tests.conftest import free_port

REPOSITORY = Path(__file__).resolve().parent.parent.parent
FEATURES = 30
BARE = """
async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""


def train(path: Path) -> None:
    """A model of 100 trees on as many features as the breast-cancer data has."""
    import xgboost

    rows = np.random.default_rng(0).random((569, FEATURES))
    labels = (rows[:, 0] + rows[:, 1] > 1).astype(float)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 2}, xgboost.DMatrix(rows, labels), 100)
    path.parent.mkdir(parents=True)
    path.write_bytes(booster.save_raw("ubj"))


@contextmanager
def running(command: list[str], folder: Path, environment: dict[str, str], port: int) -> Iterator[tuple[int, float]]:
    """Start a server; yields its process id and the seconds until it accepts connections."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None and time.perf_counter() < begun + 60:
            try:
                create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.01)
        yield process.pid, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(30)


def measure(path: str, port: int, requests: int, method: str = "POST") -> dict[int, Result]:
    """One row of a CSV, at each number of connections."""
    body = ",".join(f"{v:.5f}" for v in np.random.default_rng(1).random(FEATURES)).encode()
    url, headers = f"http://127.0.0.1:{port}{path}", {"content-type": "text/csv"}
    uvloop.run(load(url, body, headers, 4, 500, method))
    return {n: uvloop.run(load(url, body, headers, n, requests, method)) for n in (1, 8, 32)}


def main(requests: int = 10_000) -> int:
    """Measure and print; exit status 1 if a request failed."""
    results: dict[str, dict[int, Result]] = {}
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        train(base / "model" / "xgboost-model")
        (base / "bare.py").write_text(BARE)
        port = free_port()
        uvicorn = [sys.executable, "-m", "uvicorn", "bare:app", "--port", str(port), "--lifespan", "off"]
        with running([*uvicorn, "--no-access-log", "--log-level", "warning"], base, {}, port):
            results["bare uvicorn, 'ok'"] = measure("/", port, requests)
        entrypoint = str(REPOSITORY / "containers" / "sagemaker-xgboost" / "entrypoint.py")
        for workers in (1, 2):
            port = free_port()
            environment = {
                "SAGEMAKER_BASE_DIR": name,
                "SAGEMAKER_BIND_TO_PORT": str(port),
                "SAGEMAKER_MODEL_SERVER_WORKERS": str(workers),
            }
            with running([sys.executable, entrypoint, "serve"], base, environment, port) as (pid, ready):
                if workers == 1:
                    results["this server, /ping"] = measure("/ping", port, requests, "GET")
                results[f"XGBoost, {workers} worker{'s' * (workers > 1)}"] = measure("/invocations", port, requests)
                memory = max(child.memory_info().rss for child in psutil.Process(pid).children())
                print(f"{workers} worker(s): ready in {ready:.2f} s, {memory / 2**20:.0f} MB a worker")
    print(f"{'':22}{'connections':>12}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'ratio':>8}")
    bare = results["bare uvicorn, 'ok'"]
    for server, by_connections in results.items():
        for connections, result in by_connections.items():
            ratio = result.throughput / bare[connections].throughput
            print(f"{server:22}{connections:12}{result.throughput:12.0f}{result.p50:9.3f}{result.p99:9.3f}{ratio:8.2f}")
    return int(any(result.failures for group in results.values() for result in group.values()))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
