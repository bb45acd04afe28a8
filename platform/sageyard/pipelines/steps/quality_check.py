"""The QualityCheck step: statistics and constraints of some data, or a model's quality, by the monitor's analyser."""

from typing import ClassVar

from sageyard.pipelines.steps.check import Check
from sageyard.resources.spec import Document

BASELINES = {"DATA_QUALITY": "ModelDataQuality", "MODEL_QUALITY": "ModelQuality"}
"""Where a model package keeps the baselines for drift checks, by CheckType."""


class QualityCheck(Check):
    """A check of data or of a model's quality."""

    type = "QualityCheck"
    files: ClassVar[dict[str, str]] = {"Statistics": "statistics.json", "Constraints": "constraints.json"}

    def registered(self, baselines: Document, check: str) -> Document:
        found: Document = baselines.get(BASELINES[check], {})
        return found
