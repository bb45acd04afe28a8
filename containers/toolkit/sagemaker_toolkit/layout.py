"""Where things are in a container: `/opt/ml`, or the folder that SAGEMAKER_BASE_DIR names."""

import os
from pathlib import Path

OPT_ML = "/opt/ml"
BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR") or OPT_ML)

MODEL = BASE / "model"
CODE = BASE / "code"
CHECKPOINTS = BASE / "checkpoints"
INPUT = BASE / "input"
CONFIG = INPUT / "config"
DATA = INPUT / "data"
OUTPUT = BASE / "output"
OUTPUT_DATA = OUTPUT / "data"
INTERMEDIATE = OUTPUT / "intermediate"
FAILURE = OUTPUT / "failure"
SUCCESS = OUTPUT / "success"


def relocated(path: str) -> Path:
    """A path as a client wrote it (`/opt/ml/model/code`, with or without `file://`), where it is in this container."""
    path = path.removeprefix("file://")
    if path == OPT_ML or path.startswith(OPT_ML + "/"):
        return BASE / path[len(OPT_ML) :].lstrip("/")
    return Path(path)
