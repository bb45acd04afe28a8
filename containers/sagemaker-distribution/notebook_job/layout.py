"""Where a notebook job finds what it runs, and where it leaves what came of it.

Source of the variables and places: sagemaker-headless-execution-driver, the program in SageMaker Distribution images,
and the environment that NotebookJobStep of the SageMaker SDKs gives a job.
"""

import os
import re
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")
INPUT = Path(os.environ.get("SM_EXECUTION_INPUT_PATH") or BASE / "input/data/sagemaker_headless_execution")
"""The channel with the notebook, its dependencies and the initialisation script; also the working directory."""
PARAMETERS = BASE / "input/config/hyperparameters.json"
OUTPUT = BASE / "output/data"
FAILURE = BASE / "output/failure"
LOG = OUTPUT / "sagemaker_job_execution.log"


def output_notebook(name: str) -> Path:
    """Where the executed notebook goes: names of pipelines' variables may have times in them, so that colons and dots
    before the ending become dashes, as in the original."""
    stem = re.sub(r"-*ipynb$", "", re.sub(r"[.:]", "-", name))
    return OUTPUT / f"{stem}.ipynb"
