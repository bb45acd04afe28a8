"""The aws command line and the demo, started as a user starts them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import Server


def test_the_aws_command_line_works_through_sageyard_run(server: Server, unique: str) -> None:
    def aws(*arguments: str) -> dict[str, object]:
        command = [sys.executable, "-m", "sageyard", "run", "--port", server.url.rpartition(":")[2],
                   "--state-dir", str(server.state_dir), "--", sys.executable, "-m", "awscli"]  # fmt: skip
        finished = subprocess.run(
            [*command, *arguments, "--output", "json"], capture_output=True, text=True, timeout=60, check=False,
            env={key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
        )  # fmt: skip
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout) if finished.stdout.strip() else {}  # type: ignore[no-any-return]

    aws("sagemaker", "create-experiment", "--experiment-name", unique)
    assert aws("sagemaker", "describe-experiment", "--experiment-name", unique)["ExperimentName"] == unique
    aws("s3api", "create-bucket", "--bucket", unique.lower())
    assert "Buckets" in aws("s3api", "list-buckets")
    aws("sagemaker", "delete-experiment", "--experiment-name", unique)


@pytest.mark.demo
@pytest.mark.timeout(180)
def test_the_demo_names_the_two_changed_columns_and_leaves_nothing_running(tmp_path: Path) -> None:
    before = {process.pid for process in psutil.process_iter()}
    report = tmp_path / "report.html"
    finished = subprocess.run(
        [sys.executable, "-m", "sageyard", "demo", "--report", str(report)],
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "named exactly the 2 that changed" in finished.stdout
    page = report.read_text("utf-8")
    assert "worst_radius" in page
    assert "worst_area" in page
    assert "<svg" in page
    assert "http" not in page, "the report must stand by itself"
    left = [
        process.info["cmdline"]
        for process in psutil.process_iter(["cmdline"])
        if process.pid not in before and "sageyard-demo-" in " ".join(process.info["cmdline"] or [])
    ]
    assert left == []
