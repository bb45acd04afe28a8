"""Where the job's files are: `/opt/ml/processing/...`, or where the processing job's request put them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = "/opt/ml"
CONFIG = "/opt/ml/processing/input/config"
DATASET = "/opt/ml/processing/input/data"
OUTPUT = "/opt/ml/processing/output"
"""The local paths that the SageMaker SDKs give Clarify's inputs and output."""


@dataclass(frozen=True)
class Folders:
    """The job's folders on this machine; `SAGEMAKER_BASE_DIR` stands for `/opt/ml`.

    `leads` says whether this is the first of the job's hosts, which does all the work.
    """

    base: Path
    config: Path
    dataset: Path
    output: Path
    leads: bool

    @classmethod
    def find(cls, variables: Mapping[str, str]) -> "Folders":
        """Read `config/processingjobconfig.json` for other local paths than the SDKs', where it is there.

        The names of the inputs and of the output are AWS's: `analysis_config`, `dataset` and `analysis_result`
        (clarify-processing-job-configure-parameters); a monitoring job's output is `result`.
        """
        base = Path(variables.get("SAGEMAKER_BASE_DIR", ROOT))
        job = _read(base / "config" / "processingjobconfig.json")
        inputs = {each.get("InputName"): each.get("S3Input") or {} for each in job.get("ProcessingInputs") or ()}
        outputs = (job.get("ProcessingOutputConfig") or {}).get("Outputs") or ()
        results = {each.get("OutputName"): each.get("S3Output") or {} for each in outputs}

        cluster = _read(base / "config" / "resourceconfig.json")

        def local(request: Mapping[str, Any] | None, default: str) -> Path:
            return _below(base, (request or {}).get("LocalPath") or default)

        return cls(
            base,
            local(inputs.get("analysis_config"), CONFIG),
            local(inputs.get("dataset"), DATASET),
            local(results.get("analysis_result") or results.get("result"), OUTPUT),
            cluster.get("current_host") in (cluster.get("hosts") or [None])[:1],
        )

    def local(self, given: str) -> Path:
        """A path of the container, such as a variable names, on this machine."""
        return _below(self.base, given)


def _below(base: Path, given: str) -> Path:
    path = Path(given)
    return base / path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
