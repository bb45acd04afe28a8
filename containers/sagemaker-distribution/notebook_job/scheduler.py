"""`amazon_sagemaker_scheduler`: copies the notebook to the output, sources the initialisation script, has the notebook
executed, and keeps what all of it printed beside the executed notebook."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

from notebook_job import layout

VERSION = "1.0"
"""Of job definitions: SM_JOB_DEF_VERSION."""
SOURCED = 'set -e; . "./$1"; set +e; shift; exec "$@"'
"""The initialisation script runs in the shell that starts the notebook, so that its variables are the notebook's."""
TAIL = 900
"""Characters of the log in a failure that nobody described: a FailureReason has room for 1024."""


def main() -> int:
    """Run the notebook that the environment names; the container's exit status."""
    layout.OUTPUT.mkdir(parents=True, exist_ok=True)
    name = os.environ.get("SM_INPUT_NOTEBOOK_NAME", "")
    source = layout.INPUT / name
    if not name or not source.is_file():
        return _failed("preparing the input notebook", f"Cannot find input notebook: {source} (SM_INPUT_NOTEBOOK_NAME)")
    shutil.copy(source, layout.OUTPUT)
    if (version := os.environ.get("SM_JOB_DEF_VERSION", VERSION)) != VERSION:
        return _failed("checking the job definition", f"SM_JOB_DEF_VERSION is {version!r}: it must be {VERSION!r}")
    if not os.environ.get("SM_OUTPUT_NOTEBOOK_NAME"):
        return _failed("preparing the output notebook", "SM_OUTPUT_NOTEBOOK_NAME is missing from the environment")
    command = [sys.executable, str(Path(__file__).with_name("execution.py"))]
    if script := os.environ.get("SM_INIT_SCRIPT"):
        command = ["bash", "-c", SOURCED, "bash", script, *command]
    with layout.LOG.open("wb") as log:
        status = _run(command, log)
    if status == 0:
        return 0
    if layout.FAILURE.exists():
        return _failed("executing notebook", layout.FAILURE.read_text(errors="replace"))
    told = layout.LOG.read_text(errors="replace").strip()[-TAIL:]
    return _failed("running init script" if script else "executing notebook", told)


def _run(command: list[str], log: BinaryIO) -> int:
    """Run a command in the input folder; what it prints is printed and written to the log."""
    process = subprocess.Popen(command, cwd=layout.INPUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    assert process.stdout is not None
    while chunk := os.read(process.stdout.fileno(), 1 << 16):
        for place in (sys.stdout.buffer, log):
            place.write(chunk)
            place.flush()
    return process.wait()


def _failed(doing: str, reason: str) -> int:
    """Write the failure file. The digits tell, as the original's do, which of the copied notebook, the executed one
    and the log are there."""
    places = (
        layout.OUTPUT / os.environ.get("SM_INPUT_NOTEBOOK_NAME", ""),
        layout.output_notebook(os.environ.get("SM_OUTPUT_NOTEBOOK_NAME", "")),
        layout.LOG,
    )
    text = f"[SM-{''.join(str(int(place.is_file())) for place in places)}] Error with {doing}\n{reason}"
    layout.FAILURE.write_text(text)
    print(text, file=sys.stderr)
    return 1
