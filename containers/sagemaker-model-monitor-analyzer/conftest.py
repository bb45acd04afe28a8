"""Jobs for the tests: the entrypoint as its own process, with /opt/ml in a temporary directory."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))  # the container runs in this folder; the study calls its formulas directly


class Job:
    """One run of the container: prepare files under `ml`, run, read the reports."""

    def __init__(self, ml: Path) -> None:
        self.ml = ml
        self.source = ml / "processing" / "input" / "data"
        self.output = ml / "processing" / "output"
        self.source.mkdir(parents=True)
        self.stdout = self.stderr = ""

    def csv(self, rows: Iterable[Sequence[Any]], header: Sequence[str] | None, name: str = "data.csv") -> None:
        with (self.source / name).open("w", newline="") as file:
            writer = csv.writer(file)
            if header:
                writer.writerow(header)
            writer.writerows(rows)

    def capture(self, hour: str, records: Iterable[Mapping[str, Any]], variant: str = "AllTraffic") -> None:
        path = self.source / "churn" / variant / hour / "12-30-123-0b1f3f4e.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)

    def script(self, name: str, text: str) -> str:
        path = self.ml / "processing" / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return f"/opt/ml/processing/code/{name}"

    def compare_with(self, baseline: "Job") -> dict[str, str]:
        """Put the baseline's reports in place, where a schedule puts them; returns the variables."""
        return self.compare_with_documents(baseline.report("constraints"), baseline.report("statistics"))

    def compare_with_documents(self, constraints: Any, statistics: Any = None) -> dict[str, str]:
        variables = {}
        for variable, folder, name, document in (
            ("baseline_constraints", "constraints", "constraints.json", constraints),
            ("baseline_statistics", "stats", "statistics.json", statistics),
        ):
            if document is not None:
                path = self.ml / "processing" / "baseline" / folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(document))
                variables[variable] = f"/opt/ml/processing/baseline/{folder}/{name}"
        return variables

    def start(self, dataset_format: str, **variables: str) -> int:
        """Run to the end and return the exit status."""
        environment = {
            "PATH": os.environ["PATH"],
            "SAGEMAKER_BASE_DIR": str(self.ml),
            "dataset_format": dataset_format,
            "dataset_source": "/opt/ml/processing/input/data",
            "output_path": "/opt/ml/processing/output",
            "publish_cloudwatch_metrics": "Disabled",
        }
        done = subprocess.run(
            [sys.executable, FOLDER / "entrypoint.py"],
            env=environment | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.stdout, self.stderr = done.stdout, done.stderr
        return done.returncode

    def run(self, dataset_format: str, **variables: str) -> "Job":
        """Run and insist on success."""
        status = self.start(dataset_format, **variables)
        assert status == 0, self.stdout + self.stderr
        return self

    def report(self, name: str) -> Any:
        return json.loads((self.output / f"{name}.json").read_text())

    def feature(self, name: str, report: str = "statistics") -> dict[str, Any]:
        return next(entry for entry in self.report(report)["features"] if entry["name"] == name)

    @property
    def violations(self) -> set[tuple[str, str]]:
        found = self.report("constraint_violations")["violations"]
        return {(violation["feature_name"], violation["constraint_check_type"]) for violation in found}

    @property
    def message(self) -> str:
        return (self.ml / "output" / "message").read_text()


@pytest.fixture(scope="module")
def new_job(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Job]:
    """Makes jobs, each with its own /opt/ml."""
    return lambda: Job(tmp_path_factory.mktemp("job") / "ml")


def captured(
    inputs: str | None, outputs: str | None, time: str, encoding: str = "CSV", content_type: str = "text/csv"
) -> dict[str, Any]:
    """A record as data capture writes it."""

    def side(mode: str, data: str) -> dict[str, str]:
        return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}

    data = {}
    if inputs is not None:
        data["endpointInput"] = side("INPUT", inputs)
    if outputs is not None:
        data["endpointOutput"] = side("OUTPUT", outputs)
    event = {"eventId": "8c2f2f6c-6e4e-4b4c-9d2e-000000000001", "inferenceTime": time}
    return {"captureData": data, "eventMetadata": event, "eventVersion": "0"}


@pytest.fixture
def record() -> Callable[..., dict[str, Any]]:
    return captured
