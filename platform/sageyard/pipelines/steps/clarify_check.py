"""The ClarifyCheck step: bias of data or of a model, or a model's feature attributions, by Clarify's container. The
baseline is its analysis.json."""

from typing import ClassVar

from sageyard.pipelines.steps.base import StepRun
from sageyard.pipelines.steps.check import Check
from sageyard.resources.spec import Document

BASELINES = {
    "DATA_BIAS": ("Bias", "PreTrainingConstraints"),
    "MODEL_BIAS": ("Bias", "PostTrainingConstraints"),
    "MODEL_EXPLAINABILITY": ("Explainability", "Constraints"),
}
"""Where a model package keeps the baseline for drift checks, by CheckType."""


class ClarifyCheck(Check):
    """A check of bias or explainability. The SDKs leave the model out of the analysis configuration, as a pipeline may
    have yet to make it: its name is the step's ModelName."""

    type = "ClarifyCheck"
    files: ClassVar[dict[str, str]] = {"Constraints": "analysis.json"}

    async def start(self, run: StepRun) -> None:
        if model := run.document.get("ModelName"):
            variables = run.arguments.get("Environment", {}) | {"predictor_model_name": model}
            run.arguments = run.arguments | {"Environment": variables}
        await super().start(run)

    def registered(self, baselines: Document, check: str) -> Document:
        part, member = BASELINES[check]
        found = baselines.get(part, {}).get(member)
        return {"Constraints": found} if found else {}
