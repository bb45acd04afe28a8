"""What is to be predicted, and how good a prediction is."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics

BINARY, MULTICLASS, REGRESSION = "BinaryClassification", "MulticlassClassification", "Regression"
DEFAULT_OBJECTIVE = {BINARY: "F1", MULTICLASS: "Accuracy", REGRESSION: "MSE"}
"""API reference, AutoMLJobObjective."""
MOST_CLASSES = 20
"""Whole numbers with more distinct values are quantities, not classes. A rule of our own: AWS publishes none."""


def infer(target: pd.Series) -> str:
    """The problem type of a target column: two values are two classes; texts and few whole numbers are classes."""
    values = target.dropna()
    distinct = values.nunique()
    if distinct <= 2:
        return BINARY
    if not pd.api.types.is_numeric_dtype(values):
        return MULTICLASS
    whole = bool((values == values.round()).all())
    return MULTICLASS if whole and distinct <= MOST_CLASSES else REGRESSION


def score(kind: str, truth: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray | None) -> dict[str, float]:
    """Every metric of AWS's AutoMLMetricEnum that belongs to the problem type. Classes are numbers from 0; of two, 1 is
    the positive one; `probabilities` has a column a class."""
    found: dict[str, Any]
    if kind == REGRESSION:
        mse = metrics.mean_squared_error(truth, predicted)
        found = {"MSE": mse, "RMSE": mse**0.5, "MAE": metrics.mean_absolute_error(truth, predicted)}
        found["R2"] = metrics.r2_score(truth, predicted) if len(truth) > 1 else 0.0
        return {name: float(value) for name, value in found.items()}
    found = {
        "Accuracy": metrics.accuracy_score(truth, predicted),
        "BalancedAccuracy": metrics.recall_score(truth, predicted, average="macro", zero_division=0),
    }
    if kind == BINARY:
        found |= {
            "F1": metrics.f1_score(truth, predicted, zero_division=0),
            "Precision": metrics.precision_score(truth, predicted, zero_division=0),
            "Recall": metrics.recall_score(truth, predicted, zero_division=0),
        }
        if probabilities is not None and len(np.unique(truth)) == 2:
            found["AUC"] = metrics.roc_auc_score(truth, probabilities[:, 1])
    else:
        found |= {
            "F1macro": metrics.f1_score(truth, predicted, average="macro", zero_division=0),
            "PrecisionMacro": metrics.precision_score(truth, predicted, average="macro", zero_division=0),
            "RecallMacro": metrics.recall_score(truth, predicted, average="macro", zero_division=0),
        }
    return {name: float(value) for name, value in found.items()}
