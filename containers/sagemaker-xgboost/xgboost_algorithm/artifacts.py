"""The files that training leaves: the model, and a checkpoint of each of the last rounds."""

import re
from pathlib import Path
from typing import Any

MODEL_NAME = "xgboost-model"
CHECKPOINT = "xgboost-checkpoint"
KEPT = 5
"""Checkpoints that stay."""


def save(booster: Any, path: Path) -> None:
    """Write a model under its final name in one step, so that a job stopped meanwhile uploads a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_name(f".{path.name}.part")
    whole.write_bytes(booster.save_raw("ubj"))
    whole.rename(path)


def latest_checkpoint(folder: Path) -> tuple[int, bytes | None]:
    """The round to go on with and the model to go on from."""
    found = {
        int(match[1]): path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (match := re.fullmatch(rf"{CHECKPOINT}\.(\d+)", path.name))
    }
    return (max(found) + 1, found[max(found)].read_bytes()) if found else (0, None)
