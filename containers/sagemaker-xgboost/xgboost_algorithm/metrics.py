"""Evaluation metrics that XGBoost has not and the built-in algorithm adds: accuracy, f1 and so on.

Source: SageMaker guide, 'Tune an XGBoost Model'. Definitions are those of scikit-learn's metrics of these names.
"""

from collections.abc import Callable
from typing import Any

import numpy as np


def classes(predicted: np.ndarray, objective: str) -> np.ndarray:
    """What xgboost.train hands to a custom metric, as classes: the largest probability of a row, a probability above
    0.5, log-odds above 0, or the classes themselves."""
    if predicted.ndim > 1:
        return predicted.argmax(axis=1)
    border = {"binary:logistic": 0.5, "reg:logistic": 0.5, "binary:logitraw": 0.0}.get(objective)
    return predicted.astype(int) if border is None else (predicted > border).astype(int)


def _counts(truth: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each class that occurs: right ones, predicted ones, true ones."""
    truth = truth.astype(int)
    classes = np.union1d(truth, found)
    hits = np.array([np.sum((truth == c) & (found == c)) for c in classes], float)
    return hits, np.array([np.sum(found == c) for c in classes], float), np.array([np.sum(truth == c) for c in classes])


def _ratio(part: Any, whole: Any) -> Any:
    return np.divide(part, whole, out=np.zeros_like(np.asarray(part, float)), where=np.asarray(whole) > 0)


def _macro(score: Callable[[Any, Any, Any], Any]) -> Callable[[np.ndarray, np.ndarray], float]:
    return lambda truth, found: float(np.mean(score(*_counts(truth, found))))


def _binary(score: Callable[[Any, Any, Any], Any]) -> Callable[[np.ndarray, np.ndarray], float]:
    def positive(truth: np.ndarray, found: np.ndarray) -> float:
        ones, true = found == 1, truth == 1
        return float(score(np.array(float(np.sum(ones & true))), np.sum(ones), np.sum(true)))

    return positive


def _precision(hits: Any, found: Any, _true: Any) -> Any:
    return _ratio(hits, found)


def _recall(hits: Any, _found: Any, true: Any) -> Any:
    return _ratio(hits, true)


def _f1(hits: Any, found: Any, true: Any) -> Any:
    return _ratio(2 * hits, found + true)


def _accuracy(truth: np.ndarray, found: np.ndarray) -> float:
    return float(np.mean(found == truth))


def _balanced(truth: np.ndarray, found: np.ndarray) -> float:
    hits, _, true = _counts(truth, found)
    return float(np.mean((hits / np.maximum(true, 1))[true > 0]))


def _r2(truth: np.ndarray, predicted: np.ndarray) -> float:
    spread = float(np.sum((truth - truth.mean()) ** 2))
    return 1 - float(np.sum((truth - predicted) ** 2)) / spread if spread else 0.0


OF_CLASSES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced,
    "f1": _macro(_f1),
    "f1_binary": _binary(_f1),
    "f1_macro": _macro(_f1),
    "precision": _binary(_precision),
    "precision_macro": _macro(_precision),
    "precision_micro": _accuracy,
    "recall": _binary(_recall),
    "recall_macro": _macro(_recall),
    "recall_micro": _accuracy,
}
OF_VALUES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "mse": lambda truth, predicted: float(np.mean((truth - predicted) ** 2)),
    "r2": _r2,
}
ADDED = OF_CLASSES.keys() | OF_VALUES.keys()


def added_metric(names: list[str], objective: str) -> Callable[[np.ndarray, Any], list[tuple[str, float]]] | None:
    """The `custom_metric` of xgboost.train that computes those of `names` that are added; None if there are none."""
    own = [name for name in names if name in ADDED]
    if not own:
        return None

    def scores(predicted: np.ndarray, rows: Any) -> list[tuple[str, float]]:
        truth = rows.get_label()
        found = classes(predicted, objective)
        return [
            (name, OF_CLASSES[name](truth, found) if name in OF_CLASSES else OF_VALUES[name](truth, predicted))
            for name in own
        ]

    return scores
