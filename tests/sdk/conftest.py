"""Runs a script in an SDK's own virtual environment, as a user would: `sageyard run -- python script.py`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY, Server, start_server

SCRIPTS = Path(__file__).parent / "scripts"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def interpreter(version: int) -> str:
    """The Python that has SageMaker SDK v2 or v3; `make test` makes both."""
    default = REPOSITORY / f".venv-sdk{version}" / "bin" / "python"
    return os.environ.get(f"SAGEYARD_SDK{version}_PYTHON", str(default))


def through_sageyard(server: Server, version: int, *arguments: str) -> list[str]:
    """The command that runs an SDK's Python pointed at the server, as `sageyard run -- python ...` does."""
    port = server.url.rpartition(":")[2]
    mine = [sys.executable, "-m", "sageyard", "run", "--port", port, "--state-dir", str(server.state_dir), "--"]
    return [*mine, interpreter(version), *arguments]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the scripts' own: they move its clock."""
    running = start_server(tmp_path_factory.mktemp("sdk"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def run_script(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, str], dict[str, Any]]:
    """Run a script under an SDK version; its REPORT, after asserting that it contacted loopback only."""

    def run(version: int, name: str) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp(name)
        hosts = folder / "hosts"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {"CONTACTED_HOSTS": str(hosts), "PYTHONPATH": f"{SCRIPTS}{os.pathsep}{SCRIPTS / 'guard'}"}
        finished = subprocess.run(
            through_sageyard(server, version, str(SCRIPTS / f"{name}.py"), str(folder)),
            env=environment, capture_output=True, text=True, timeout=300, cwd=folder, check=False,
        )  # fmt: skip
        output = finished.stdout + finished.stderr
        assert finished.returncode == 0, output[-6000:]
        contacted = set(hosts.read_text().split())
        assert contacted, "the guard saw no connection at all: it was not loaded"
        assert contacted - LOOPBACK == set(), f"contacted {sorted(contacted - LOOPBACK)}"
        _, found, line = finished.stdout.rpartition("REPORT ")  # the SDK leaves its dots on the line
        assert found, output[-6000:]
        report: dict[str, Any] = json.loads(line)
        report["output"] = output
        return report

    return run
