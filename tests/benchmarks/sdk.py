"""The SageMaker SDK v2's fit() and deploy() of an 8 s job, as a user runs them: `sageyard run -- python ...`.

    python -m tests.benchmarks --only sdk [--full]

Needs the SDK's own virtual environment (`make test` makes it; SAGEYARD_SDK2_PYTHON names another). --full adds the
same with SAGEYARD_FAST_POLL=0, where the SDK sleeps as long as it does against AWS.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import Figure, Scale, at_most
from tests.conftest import REPOSITORY, Server, start_server

TITLE = "SageMaker SDK v2: fit and deploy of an 8 s job"
BESIDE = "the script"
SCRIPT = Path(__file__).parent / "sdk_fit_deploy.py"
INTERPRETER = os.environ.get("SAGEYARD_SDK2_PYTHON", str(REPOSITORY / ".venv-sdk2" / "bin" / "python"))
JOB_SECONDS = 8


def measure(scale: Scale) -> Sequence[Figure]:
    """Wall time inside the user's program, imports not counted."""
    if not Path(INTERPRETER).exists():
        return [Figure("not measured", f"no SDK v2 at {INTERPRETER}: `make test` installs it")]
    with tempfile.TemporaryDirectory() as state:
        server = start_server(Path(state))
        try:
            fast = run(server, {})
            total = fast["fit"] + fast["deploy"]
            figures = [
                Figure("fit", f"{fast['fit']:.2f} s", f"{JOB_SECONDS} s", f"{fast['fit'] / JOB_SECONDS:.2f} x"),
                Figure("deploy", f"{fast['deploy']:.2f} s"),
                at_most("fit and deploy", total, 12, "s", f"{JOB_SECONDS} s", f"{total / JOB_SECONDS:.2f} x"),
            ]
            if scale.full:
                slow = run(server, {"SAGEYARD_FAST_POLL": "0"})
                slow_total = slow["fit"] + slow["deploy"]
                figures.append(
                    Figure(
                        "with the SDK's own sleeps: fit, deploy",
                        f"{slow['fit']:.2f}, {slow['deploy']:.2f} s",
                        ratio=f"{slow_total / total:.2f} x",
                    )
                )
            return figures
        finally:
            server.stop()


def run(server: Server, variables: dict[str, str]) -> Any:
    """Seconds of `fit` and `deploy`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    port = server.url.rpartition(":")[2]
    command = [sys.executable, "-m", "sageyard", "run", "--port", port, "--state-dir", str(server.state_dir), "--"]
    with tempfile.TemporaryDirectory() as folder:
        finished = subprocess.run(
            [*command, INTERPRETER, str(SCRIPT), str(JOB_SECONDS)],
            env=environment | variables, capture_output=True, text=True, timeout=300, cwd=folder, check=False,
        )  # fmt: skip
    assert finished.returncode == 0, (finished.stdout + finished.stderr)[-4000:]
    return json.loads(finished.stdout.rpartition("REPORT ")[2])
