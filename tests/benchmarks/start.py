"""`sageyard up`: the time until it answers, its memory at rest, and what it has not loaded.

    python -m tests.benchmarks --only start

The peer is moto_server, which answers no SageMaker job but starts the same way.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.benchmarks.figures import Figure, Scale, at_most
from tests.benchmarks.moto_server import moto_server, wait_for_port
from tests.conftest import free_port

TITLE = "Start and memory at rest"
BESIDE = "moto_server"
HEAVY = ("pandas", "sklearn", "xgboost", "duckdb", "numpy", "moto", "boto3")
REST_SECONDS = 1.0

LOADED = """
import json, pathlib, sys
from sageyard.app import Sageyard
from sageyard.settings import Settings
Sageyard(Settings(state_dir=pathlib.Path(sys.argv[1])))
print(json.dumps([name for name in sys.argv[2:] if name in sys.modules]))
"""


def measure(scale: Scale) -> Sequence[Figure]:
    """Medians of several starts, each with a state directory of its own."""
    seconds, memory = [], []
    for _ in range(scale.of(2, 5)):
        taken, resident = start_once()
        seconds.append(taken)
        memory.append(resident)
    begun = time.perf_counter()
    with moto_server() as (port, pid):
        get(f"http://127.0.0.1:{port}/moto-api/data.json")
        moto_seconds = time.perf_counter() - begun
        time.sleep(REST_SECONDS)
        moto_pss, _ = megabytes(pid)
    pss, rss = (statistics.median(each) for each in zip(*memory, strict=True))
    ready = statistics.median(seconds)
    loaded = modules_at_start()
    return [
        at_most("first answer of health", ready, 1.0, "s", f"{moto_seconds:.3g} s", f"{ready / moto_seconds:.2f} x"),
        Figure("slowest and fastest start", f"{max(seconds):.3g} s, {min(seconds):.3g} s"),
        at_most("memory at rest (PSS)", pss, 150, "MB", f"{moto_pss:.0f} MB", f"{pss / moto_pss:.2f} x"),
        at_most("memory at rest (RSS)", rss, 150, "MB"),
        Figure(f"of {', '.join(HEAVY)} loaded", ", ".join(loaded) or "none", goal="none", met=not loaded),
    ]  # fmt: skip


def start_once() -> tuple[float, tuple[float, float]]:
    """Seconds from the start of the process to its first answer; then (PSS, RSS) in MB at rest."""
    port = free_port()
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-m", "sageyard", "up", "--port", str(port), "--state-dir", state]
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            wait_for_port(port, process)
            get(f"http://127.0.0.1:{port}/_sageyard/health")
            taken = time.perf_counter() - begun
            time.sleep(REST_SECONDS)
            return taken, megabytes(process.pid)
        finally:
            process.terminate()
            process.wait(20)


def modules_at_start() -> list[str]:
    """Which of HEAVY a server that was built has imported."""
    with tempfile.TemporaryDirectory() as state:
        answer = subprocess.run([sys.executable, "-c", LOADED, state, *HEAVY], capture_output=True, check=True)
    loaded: list[str] = json.loads(answer.stdout)
    return loaded


def get(url: str) -> None:
    with urllib.request.urlopen(url, timeout=10) as answer:
        answer.read()


def megabytes(pid: int) -> tuple[float, float]:
    """Proportional and resident size of a process; the proportional one is the resident where there is no /proc."""
    rss = psutil.Process(pid).memory_info().rss
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    if rollup.exists():
        line = next(line for line in rollup.read_text().splitlines() if line.startswith("Pss:"))
        return int(line.split()[1]) / 1024, rss / 2**20
    return rss / 2**20, rss / 2**20
