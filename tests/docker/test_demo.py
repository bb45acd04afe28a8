"""Train, deploy, invoke, capture, monitor: the whole loop in containers of Sageyard's images."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker.conftest import docker

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400)]


def test_the_demo_finds_the_changed_columns_and_leaves_nothing(built_images: None, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "sageyard",
        "demo",
        "--runner",
        "docker",
        "--report",
        str(tmp_path / "report.html"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=390)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "the monitor named exactly the 2 that changed" in done.stdout
    left = docker(
        "ps", "-a", "--filter", "label=com.sageyard.state-dir", "--format", '{{.Label "com.sageyard.state-dir"}}'
    )
    assert "sageyard-demo" not in left
