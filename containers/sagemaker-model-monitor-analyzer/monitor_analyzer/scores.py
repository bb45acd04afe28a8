"""The scores of a model by its predictions and the true labels (model-monitor-model-quality-metrics).

A share of nothing is 0, as in Spark's MLlib, where it is the model that never made that prediction (precision), and
not a number where there was nothing to find (recall without a positive label); that is "NaN" in the reports.

The constant classifier of a binary problem always says 1, as in the example of AWS's page; that of a multiclass problem
says the most frequent label.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Scores = dict[str, float]
Choice = np.ndarray | slice
CONSTANT = "_best_constant_classifier"
BETAS = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}
ENOUGH = 200
"""Rows from which on a score has a standard deviation."""
SAMPLES, SHARE = 5, 0.8
POINTS = 1000
"""The most points that a curve has in the report."""


def with_deviations(score: Callable[[Choice], Scores], rows: int) -> dict[str, dict[str, Any]]:
    """Every score of all rows with its standard deviation over random samples of 80 percent, the same each time."""
    whole = score(slice(None))
    deviations: Mapping[str, float] = dict.fromkeys(whole, math.nan)
    if rows >= ENOUGH:
        random = np.random.default_rng(0)
        samples = [score(random.random(rows) < SHARE) for _ in range(SAMPLES)]
        deviations = {name: float(np.std([sample[name] for sample in samples], ddof=1)) for name in whole}
    return {
        name: {"value": _number(value), "standard_deviation": _number(deviations[name])}
        for name, value in whole.items()
    }


def _number(value: float) -> float | str:
    return float(value) if math.isfinite(value) else "NaN"


def _share(part: float, whole: float, nothing: float = 0.0) -> float:
    return float(part / whole) if whole else nothing


def _f(precision: float, recall: float, beta: float) -> float:
    if math.isnan(recall):
        return math.nan
    return _share((1 + beta**2) * precision * recall, beta**2 * precision + recall)


def regression(actual: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """regression_metrics of two columns of numbers."""

    def score(chosen: Choice) -> Scores:
        truth = actual[chosen]
        errors = predicted[chosen] - truth
        squares = errors**2
        spread = float(((truth - truth.mean()) ** 2).sum())
        mse = float(squares.mean())
        return {
            "mae": float(np.abs(errors).mean()),
            "mse": mse,
            "rmse": math.sqrt(mse),
            "r2": 1 - float(squares.sum()) / spread if spread else math.nan,
        }

    return with_deviations(score, len(actual))


def confusion(actual: np.ndarray, predicted: np.ndarray, names: list[str]) -> tuple[np.ndarray, dict[str, Any]]:
    """Counts by actual and predicted class: as an array and as the report has them."""
    counts = _counts(actual, predicted, len(names))
    return counts, {name: {other: int(counts[i, j]) for j, other in enumerate(names)} for i, name in enumerate(names)}


def _counts(actual: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(actual * classes + predicted, minlength=classes**2).reshape(classes, classes)


def binary(actual: np.ndarray, predicted: np.ndarray, probability: np.ndarray | None) -> dict[str, Any]:
    """binary_classification_metrics of two columns of 0 and 1; AUC and curves where there are probabilities."""
    order = None if probability is None else np.argsort(-probability, kind="stable")

    def score(chosen: Choice) -> Scores:
        (tn, fp), (fn, tp) = _counts(actual[chosen], predicted[chosen], 2)
        recall, precision = _share(tp, tp + fn, math.nan), _share(tp, tp + fp)
        total = tn + fp + fn + tp
        positive = _share(tp + fn, total)
        always = 1.0 if positive else math.nan
        found = {
            "recall": recall,
            "precision": precision,
            "accuracy": _share(tp + tn, total),
            f"recall{CONSTANT}": always,
            f"precision{CONSTANT}": positive,
            f"accuracy{CONSTANT}": positive,
            "true_positive_rate": recall,
            "true_negative_rate": _share(tn, tn + fp, math.nan),
            "false_positive_rate": _share(fp, tn + fp, math.nan),
            "false_negative_rate": _share(fn, tp + fn, math.nan),
        }
        if probability is not None:
            rows = order if isinstance(chosen, slice) else order[chosen[order]]
            found["auc"] = _area(*_ranked(actual[rows], probability[rows]))
        found |= {name: _f(precision, recall, beta) for name, beta in BETAS.items()}
        return found | {f"{name}{CONSTANT}": _f(positive, always, beta) for name, beta in BETAS.items()}

    report = {"confusion_matrix": confusion(actual, predicted, ["0", "1"])[1]}
    report |= with_deviations(score, len(actual))
    return report | (_curves(actual[order], probability[order]) if probability is not None else {})


def _ranked(actual: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives at every distinct threshold of rows in falling order of their probabilities."""
    last = np.append(np.flatnonzero(np.diff(probability)), len(probability) - 1)
    hits = np.cumsum(actual)[last]
    return hits, last + 1 - hits


def _area(hits: np.ndarray, alarms: np.ndarray) -> float:
    if not hits[-1] or not alarms[-1]:
        return math.nan
    heights, widths = np.append(0, hits) / hits[-1], np.append(0, alarms) / alarms[-1]
    return float((np.diff(widths) * (heights[1:] + heights[:-1]) / 2).sum())


def _curves(actual: np.ndarray, probability: np.ndarray) -> dict[str, Any]:
    """Both curves with the ends that MLlib gives them; rows as in _ranked."""
    hits, alarms = _ranked(actual, probability)
    if len(hits) > POINTS:
        kept = np.unique(np.linspace(0, len(hits) - 1, POINTS).round().astype(int))
        hits, alarms = hits[kept], alarms[kept]
    recalls = (hits / max(int(hits[-1]), 1)).tolist()
    false_rates = (alarms / max(int(alarms[-1]), 1)).tolist()
    precisions = (hits / (hits + alarms)).tolist()
    return {
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": [0.0, *false_rates, 1.0],
            "true_positive_rates": [0.0, *recalls, 1.0],
        },
        "precision_recall_curve": {"precisions": [precisions[0], *precisions], "recalls": [0.0, *recalls]},
    }


def multiclass(actual: np.ndarray, predicted: np.ndarray, names: list[str]) -> dict[str, Any]:
    """multiclass_classification_metrics of two columns of positions in `names`; weights are the labels' shares."""
    counts, matrix = confusion(actual, predicted, names)
    constant = np.full(len(actual), int(counts.sum(axis=1).argmax()))

    def score(chosen: Choice) -> Scores:
        found = _weighted(_counts(actual[chosen], predicted[chosen], len(names)))
        always = _weighted(_counts(actual[chosen], constant[chosen], len(names)))
        return found | {f"{name}{CONSTANT}": value for name, value in always.items()}

    return {"confusion_matrix": matrix} | with_deviations(score, len(actual))


def _weighted(counts: np.ndarray) -> Scores:
    labels, guesses, right = counts.sum(axis=1), counts.sum(axis=0), counts.diagonal()
    weights = labels / labels.sum()
    recalls = [_share(hit, count) for hit, count in zip(right, labels, strict=True)]
    precisions = [_share(hit, count) for hit, count in zip(right, guesses, strict=True)]
    found = {
        "accuracy": float(right.sum() / labels.sum()),
        "weighted_recall": float(weights @ recalls),
        "weighted_precision": float(weights @ precisions),
    }
    for name, beta in BETAS.items():
        scores = [_f(precision, recall, beta) for precision, recall in zip(precisions, recalls, strict=True)]
        found[f"weighted_{name}"] = float(weights @ scores)
    return found
