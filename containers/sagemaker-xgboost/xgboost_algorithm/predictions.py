"""The content of an answer that SAGEMAKER_INFERENCE_OUTPUT selects.

Source: SageMaker guide, 'Selectable inference content' of the XGBoost and Autopilot pages.
"""

import math
from typing import Any

import numpy as np
from sagemaker_toolkit.errors import ClientError

KEYS = (
    *("predicted_label", "labels", "probability", "probabilities", "raw_score", "raw_scores"),
    "predicted_score",
)
BINARY = ("binary:logistic", "binary:logitraw", "binary:hinge")


def output_keys(text: str) -> list[str]:
    """The keys asked for, in their order. Raises ClientError for one that there is not."""
    keys = [key for key in text.replace(" ", "").lower().split(",") if key]
    if unknown := [key for key in keys if key not in KEYS]:
        raise ClientError(f"SAGEMAKER_INFERENCE_OUTPUT: {unknown[0]!r} is not one of {', '.join(KEYS)}")
    return keys


def selected(scores: np.ndarray, keys: list[str], objective: str, classes: int) -> list[dict[str, Any]]:
    """One record a row; a key that has no meaning for the objective is NaN."""
    return [{key: found.get(key, math.nan) for key in keys} for found in (_all(s, objective, classes) for s in scores)]


def _all(score: Any, objective: str, classes: int) -> dict[str, Any]:
    if objective == "multi:softprob":
        everything, best = score.tolist(), float(score.max())
        return {
            "predicted_label": int(score.argmax()),
            "labels": list(range(classes)),
            "probability": best,
            "probabilities": everything,
            "raw_score": best,
            "raw_scores": everything,
        }
    value = score.item()
    if objective in BINARY or objective == "multi:softmax":
        both = [1.0 - value, value]
        border = {"binary:logistic": 0.5, "binary:logitraw": 0.0}.get(objective)
        found = {
            "predicted_label": value if border is None else int(value > border),
            "labels": list(range(classes)) if objective == "multi:softmax" else [0, 1],
            "raw_score": value,
            "raw_scores": both,
        }
        return found | ({"probability": value, "probabilities": both} if objective == "binary:logistic" else {})
    return {"predicted_score": value}
