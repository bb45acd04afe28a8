"""Builds the folders under containers/ into images of the engine."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sageyard.runners.base import StartError
from sageyard.runners.docker.engine import explained

BUILDER = "com.sageyard.image"
"""Label of an image that was built here; its value is the name in image.toml."""
PASSED_ON = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")
"""Variables that say where packages come from; the Dockerfiles declare them as arguments."""


def build(
    api: Any, root: Path, folder: str, name: str, tag: str, arguments: Mapping[str, str], network: str | None
) -> Iterator[str]:
    """Build `root`/`folder`/Dockerfile, with `root` as its context, as `tag`; yields the engine's output lines.

    Layers are cached by the engine. Where an argument does not name a package index, this process's PIP_INDEX_URL and
    its kin do. StartError with the engine's words where the build fails.
    """
    dockerfile = Path(folder) / "Dockerfile"
    if not (root / dockerfile).is_file():
        raise StartError(f"{name} cannot be built: there is no {root / dockerfile}")
    given = {variable: os.environ[variable] for variable in PASSED_ON if os.environ.get(variable)}
    with explained(f"{name} could not be built"):
        for step in api.build(
            path=str(root),
            dockerfile=str(dockerfile),
            tag=tag,
            buildargs={**given, **arguments},
            network_mode=network,
            labels={BUILDER: name},
            rm=True,
            forcerm=True,
            decode=True,
        ):
            if "error" in step:
                raise StartError(f"{name} could not be built: {step['error'].strip()}")
            if line := step.get("stream", "").rstrip():
                yield line
