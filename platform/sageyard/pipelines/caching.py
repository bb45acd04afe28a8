"""Step caching: an earlier success with the same arguments stands for the step (developer guide: Caching)."""

import hashlib
import json
import re
from typing import Any

from sageyard.errors import ValidationError

LENGTHS = (365 * 86400, 30 * 86400, 7 * 86400, 86400, 3600, 60, 1)
"""Seconds of a year, month, week, day, hour, minute and second."""
DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.IGNORECASE
)
CONFIGURED = ("CheckType", "SkipCheck", "RegisterNewBaseline", "ModelPackageGroupName", "SuppliedBaselineConstraints",
              "SuppliedBaselineStatistics", "ModelName", "FunctionArn", "SqsQueueUrl")  # fmt: skip
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": ("AlgorithmSpecification", "CheckpointConfig", "DebugHookConfig", "DebugRuleConfigurations",
                 "Environment", "HyperParameters", "InputDataConfig"),
    "Tuning": ("HyperParameterTuningJobConfig", "TrainingJobDefinition", "TrainingJobDefinitions"),
    "AutoML": ("AutoMLJobConfig", "AutoMLJobObjective", "InputDataConfig", "ProblemType"),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
}  # fmt: skip
"""What makes a step another one (developer guide: Default cache key attributes by pipeline step type): where outputs
go is not among it. Of other types all arguments are."""


def cache_key(step_type: str, arguments: dict[str, Any], document: dict[str, Any]) -> str:
    """The same for steps that would do the same."""
    names = ATTRIBUTES.get(step_type, tuple(arguments))
    shown = {name: arguments[name] for name in names if name in arguments}
    own = {name: document[name] for name in CONFIGURED if name in document}
    return hashlib.sha256(json.dumps([step_type, shown, own], sort_keys=True).encode()).hexdigest()


def seconds(duration: str) -> float:
    """`P30D` or `PT1H` in seconds; raises ValidationError."""
    match = DURATION.fullmatch(duration)
    if match is None or not any(match.groups()):
        raise ValidationError(f"ExpireAfter {duration!r} is no ISO 8601 duration: write for instance P30D or PT1H.")
    return float(sum(int(number or 0) * length for number, length in zip(match.groups(), LENGTHS, strict=True)))
