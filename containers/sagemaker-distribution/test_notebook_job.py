"""The program of notebook jobs, started as its container starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parent / "bin" / "amazon_sagemaker_scheduler"
DEADLINE = 60


class Job:
    """One host's `/opt/ml` before and after a notebook job."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.input = base / "input" / "data" / "sagemaker_headless_execution_pipelinestep"
        self.output = base / "output" / "data"
        self.input.mkdir(parents=True)
        (base / "input" / "config").mkdir()
        self.environment = {
            "SAGEMAKER_BASE_DIR": str(base),
            "SM_EXECUTION_INPUT_PATH": str(self.input),
            "SM_JOB_DEF_VERSION": "1.0",
            "SM_KERNEL_NAME": "python3",
            "SM_INPUT_NOTEBOOK_NAME": "note.ipynb",
            "SM_OUTPUT_NOTEBOOK_NAME": "note-ipynb-2026-01-02T03:04:05.678.ipynb",
        }
        self.executed = self.output / "note-ipynb-2026-01-02T03-04-05-678.ipynb"
        self.printed = ""

    def put(self, *cells: str, tagged: str | None = None, name: str = "note.ipynb") -> None:
        """A notebook of these cells, behind one tagged `parameters`."""
        sources = [(tagged, {"tags": ["parameters"]})] if tagged is not None else []
        sources += [(cell, {}) for cell in cells]
        notebook = {
            "cells": [
                {"cell_type": "code", "id": f"c{number}", "source": source, "metadata": metadata, "outputs": [],
                 "execution_count": None}
                for number, (source, metadata) in enumerate(sources)
            ],
            "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
        }  # fmt: skip
        (self.input / name).write_text(json.dumps(notebook))

    def start(self, *python: str) -> "subprocess.Popen[str]":
        """Start the program; `python`: with this interpreter and not by its first line."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SAGEMAKER_", "SM_", "AWS_"))}
        kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
        kept |= {"HOME": str(self.base), "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(
            [*python, str(PROGRAM)], env=kept | self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def run(self, *python: str) -> int:
        """Run the program to its end; its status."""
        process = self.start(*python)
        self.printed = process.communicate(timeout=DEADLINE)[0]
        return process.returncode

    @property
    def failure(self) -> str:
        return (self.base / "output" / "failure").read_text()

    def shown(self) -> str:
        """What the cells of the executed notebook printed."""
        cells: list[dict[str, Any]] = json.loads(self.executed.read_text())["cells"]
        return "".join("".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", ()))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path / "ml")


def test_a_notebook_runs_with_its_parameters_dependencies_and_the_variables_of_its_script(job: Job) -> None:
    job.put(
        "import os, tools\nprint(f'{company} {rounds!r} {size}')",
        "print(tools.greeting, os.environ['FROM_SCRIPT'], os.path.basename(os.getcwd()))",
        "%run other.ipynb",
        tagged="company, rounds, size = 'nobody', 1, 'default'",
    )
    job.put("print('the other ran')", name="other.ipynb")
    (job.input / "tools.py").write_text("greeting = 'hello'\n")
    (job.input / "init.sh").write_text("echo preparing\nexport FROM_SCRIPT=exported\n")
    (job.base / "input/config/hyperparameters.json").write_text(json.dumps({"company": "Acme", "rounds": "3"}))
    job.environment["SM_INIT_SCRIPT"] = "init.sh"
    assert job.run() == 0, job.printed
    folder = "sagemaker_headless_execution_pipelinestep"
    assert job.shown() == f"Acme '3' default\nhello exported {folder}\nthe other ran\n"
    assert {path.name for path in job.output.iterdir()} == {
        "note.ipynb", job.executed.name, "sagemaker_job_execution.log",
    }  # fmt: skip
    log = (job.output / "sagemaker_job_execution.log").read_text()
    assert "preparing\n" in log
    assert "Acme '3' default\n" in log
    assert log in job.printed
    assert not (job.base / "output" / "failure").exists()


def test_the_exception_of_a_cell_is_the_failure_and_the_notebook_is_kept(job: Job) -> None:
    job.put("print('so far')", "raise ValueError('no rows are left')", "print('never')")
    assert job.run() == 1
    assert job.failure.startswith(
        '[SM-111] Error with executing notebook\nException encountered at "In [2]": ValueError: no rows are left\n'
    )
    assert "Traceback" in job.failure
    assert "\x1b" not in job.failure
    assert job.shown() == "so far\n"


def test_an_initialisation_script_that_fails_ends_the_job(job: Job) -> None:
    job.put("print('never')")
    (job.input / "init.sh").write_text("echo about to\nls /no-such-folder\necho never\n")
    job.environment["SM_INIT_SCRIPT"] = "init.sh"
    assert job.run() == 1
    assert job.failure.startswith("[SM-101] Error with running init script\nabout to\n")
    assert "no-such-folder" in job.failure
    assert "never" not in job.failure


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SM_KERNEL_NAME", "conda-env", "There is no kernel 'conda-env' in this image: there are python3"),
        ("SM_INPUT_NOTEBOOK_NAME", "lost.ipynb", "Cannot find input notebook: "),
        ("SM_JOB_DEF_VERSION", "2.0", "SM_JOB_DEF_VERSION is '2.0': it must be '1.0'"),
        ("SM_OUTPUT_NOTEBOOK_NAME", "", "SM_OUTPUT_NOTEBOOK_NAME is missing"),
    ],
)
def test_what_cannot_run_is_named(job: Job, variable: str, value: str, told: str) -> None:
    job.put("print('never')")
    job.environment[variable] = value
    assert job.run() == 1
    assert told in job.failure


def test_an_image_without_papermill_says_so(job: Job) -> None:
    job.put("print('never')")
    job.environment["PYTHONHOME"] = sys.base_prefix  # the base interpreter: it has the standard library alone
    assert job.run(sys._base_executable, "-S") == 1  # type: ignore[attr-defined]
    assert "No module named 'papermill': a notebook job needs papermill and, for Python, ipykernel" in job.failure


def test_a_stopped_job_keeps_what_was_executed_and_ends_its_kernel(job: Job) -> None:
    job.put("import os\nprint('kernel', os.getpid(), flush=True)", "import time\ntime.sleep(600)")
    process = job.start()
    assert process.stdout is not None
    line = next(line for line in process.stdout if line.startswith("kernel "))
    kernel = int(line.split()[1])
    while f"kernel {kernel}" not in (job.executed.read_text() if job.executed.exists() else ""):
        assert process.poll() is None, "the notebook was not written after its first cell"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=DEADLINE)
    assert process.returncode != 0
    assert job.shown() == f"kernel {kernel}\n"
    deadline = time.monotonic() + DEADLINE
    while Path(f"/proc/{kernel}").exists() and "Z" not in Path(f"/proc/{kernel}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
