"""Jobs for the tests: /opt/ml in a temporary folder, run in this process or as the entrypoint."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))  # the container runs in this folder


class Job:
    """One run of the container: put files in place, run, read what it wrote."""

    def __init__(self, ml: Path) -> None:
        self.ml = ml
        self.data = ml / "processing" / "input" / "data"
        self.output = ml / "processing" / "output"
        self.data.mkdir(parents=True)

    def put(self, name: str, text: str) -> None:
        """A file of the dataset."""
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def rows(self, rows: Iterable[Sequence[Any]], name: str = "data.csv") -> None:
        """A CSV file of the dataset."""
        self.put(name, "".join(",".join(map(str, row)) + "\n" for row in rows))

    def configure(self, document: Mapping[str, Any]) -> None:
        """analysis_config.json."""
        path = self.ml / "processing" / "input" / "config" / "analysis_config.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))

    def run(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Run in this process; analysis.json."""
        from clarify_processing.folders import Folders
        from clarify_processing.job import run

        self.configure(document)
        variables = {"SAGEMAKER_BASE_DIR": str(self.ml)}
        run(Folders.find(variables), variables)
        return self.analysis

    def main(self, variables: Mapping[str, str]) -> int:
        """Run in this process as the entrypoint does; the exit status."""
        from clarify_processing.job import main

        return main({"SAGEMAKER_BASE_DIR": str(self.ml), **variables})

    def start(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the entrypoint as a process of its own, to its end."""
        variables = {"PATH": os.environ["PATH"], "SAGEMAKER_BASE_DIR": str(self.ml), **environment}
        command = [sys.executable, str(FOLDER / "entrypoint.py")]
        return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)

    @property
    def analysis(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.output / "analysis.json").read_text())
        return document

    @property
    def message(self) -> str:
        return (self.ml / "output" / "message").read_text()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job with an /opt/ml of its own."""
    return Job(tmp_path / "ml")
