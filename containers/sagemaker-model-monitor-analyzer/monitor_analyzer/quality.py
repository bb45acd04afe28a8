"""Model quality: predictions against labels, suggested thresholds, and violations of a baseline's thresholds."""

import json
import logging
import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .environment import QualityRequest, Request
from .errors import AnalysisError
from .labelled import Labelled, load_labelled
from .metrics import write_metrics
from .reports import exit_message, write_document
from .scores import CONSTANT, binary, multiclass, regression
from .scripts import run_postprocessor

BLOCKS = {
    "Regression": "regression",
    "BinaryClassification": "binary_classification",
    "MulticlassClassification": "multiclass_classification",
}
LESS, GREATER = "LessThanThreshold", "GreaterThanThreshold"
RISING = {"mae", "mse", "rmse", "false_positive_rate", "false_negative_rate"}
"""Scores that are worse the greater they are."""
_TRUTHS = {"true": "1", "false": "0"}
MOST_CLASSES = 1000


def run_quality(request: Request, quality: QualityRequest) -> str:
    """Analyse and write the reports; returns the exit message, whose first word decides the execution's status."""
    block = BLOCKS[quality.problem_type]
    constraints = _constraints(request.constraints, f"{block}_constraints") if request.constraints else None
    with tempfile.TemporaryDirectory(prefix="monitor-") as scratch:
        labelled = load_labelled(request, quality, Path(scratch))
    logging.info("Scored %d rows; %d had no prediction or no label", labelled.rows, labelled.left_out)
    scores = evaluate(labelled, quality)
    request.output.mkdir(parents=True, exist_ok=True)
    statistics = {"version": 0.0, "dataset": {"item_count": labelled.rows}, f"{block}_metrics": scores}
    write_document(request.output / "statistics.json", statistics)
    suggestion = {"version": 0.0, f"{block}_constraints": suggest(scores)}
    write_document(request.output / "constraints.json", suggestion)
    violations = list(violated(scores, constraints)) if constraints is not None else []
    if constraints is not None:
        write_document(request.output / "constraint_violations.json", {"violations": violations})
        for violation in violations:
            logging.info("%(constraint_check_type)s: %(description)s", violation)
    if request.publish_metrics:
        metrics = [{"MetricName": name, "Value": value, "Unit": "None"} for name, value in _values(scores)]
        write_metrics(request.base, metrics, request.dimensions, request.metric_time)
    if request.postprocessor:
        run_postprocessor(request.postprocessor)
    return exit_message(violations)


def evaluate(labelled: Labelled, quality: QualityRequest) -> dict[str, Any]:
    """The scores of the problem type."""
    columns = labelled.columns
    if quality.problem_type == "Regression":
        return regression(
            _numbers(columns["ground_truth"], "label"), _numbers(columns["inference"], "inference_attribute")
        )
    if quality.problem_type == "MulticlassClassification":
        return _multiclass(columns)
    actual = _zero_or_one(columns["ground_truth"], "label")
    probability = None
    if "probability" in columns:
        probability = _numbers(columns["probability"], "probability_attribute")
    if "inference" in columns:
        predicted = _zero_or_one(columns["inference"], "inference_attribute")
    else:
        assert probability is not None  # read_request insists on one of the two
        predicted = (probability > quality.threshold).astype(np.int64)
    return binary(actual, predicted, probability)


def suggest(scores: Mapping[str, Any]) -> dict[str, Any]:
    """The thresholds that this dataset itself just meets; a constant classifier's scores are no thresholds."""
    return {
        name: {"threshold": value, "comparison_operator": GREATER if name in RISING else LESS}
        for name, value in _values(scores)
        if not name.endswith(CONSTANT)
    }


def violated(scores: Mapping[str, Any], constraints: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The constraints that the scores break; a score that is not a number breaks none."""
    values = dict(_values(scores))
    for name, constraint in constraints.items():
        if name not in values:
            continue
        threshold, operator = _threshold(name, constraint)
        broken = values[name] < threshold if operator == LESS else values[name] > threshold
        if broken:
            yield {
                "constraint_check_type": operator,
                "description": f"Metric {name} with {values[name]} was {operator} {threshold}",
                "metric_name": name,
            }


def _threshold(name: str, constraint: Any) -> tuple[float, str]:
    try:
        threshold, operator = float(constraint["threshold"]), constraint["comparison_operator"]
    except (KeyError, TypeError, ValueError):
        threshold, operator = math.nan, None
    if operator not in (LESS, GREATER) or math.isnan(threshold):
        raise AnalysisError(
            f"The constraint of {name} is {json.dumps(constraint)[:120]}: it must have a number as threshold and "
            f"{LESS} or {GREATER} as comparison_operator."
        )
    return threshold, operator


def _values(scores: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Name and value of the scores that are numbers."""
    for name, score in scores.items():
        value = score.get("value")
        if isinstance(value, float):
            yield name, value


def _constraints(path: Path, member: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AnalysisError(f"baseline_constraints {path} is not JSON: {error}") from error
    found = document.get(member) if isinstance(document, dict) else None
    if not isinstance(found, dict):
        raise AnalysisError(
            f"baseline_constraints {path} has no {member}; give the constraints.json that a model quality baseline of "
            "the same problem type wrote."
        )
    return found


def _numbers(column: np.ndarray, what: str) -> np.ndarray:
    if column.dtype.kind in "iufb":
        return column.astype(float)
    try:
        return np.fromiter(map(float, column), float, len(column))
    except (TypeError, ValueError):
        value = next(value for value in column if not _is_number(value))
    raise AnalysisError(f"The {what} has the value {str(value)[:80]!r}, which is not a number.")


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _classes(column: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The different classes as text, and the place of each row's class: 1, 1.0 and "1.0" are one class."""
    if column.dtype.kind in "iufb":
        values, codes = np.unique(column, return_inverse=True)
        texts = [str(value) for value in values]
    else:
        seen: dict[str, int] = {}
        codes = np.fromiter((seen.setdefault(str(value).strip(), len(seen)) for value in column), int, len(column))
        texts = list(seen)
    places: dict[str, int] = {}
    joined = np.array([places.setdefault(_class(text), len(places)) for text in texts], dtype=np.int64)
    return list(places), joined[codes]


def _class(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else text


def _zero_or_one(column: np.ndarray, what: str) -> np.ndarray:
    names, codes = _classes(column)
    for value in sorted(names):
        if _TRUTHS.get(value.lower(), value) not in ("0", "1"):
            raise AnalysisError(
                f"The {what} has the value {value[:80]!r}: binary classification knows 0 and 1, or false and "
                "true. Map the values with a record_preprocessor_script, or use problem_type MulticlassClassification"
                + ("; a probability goes into probability_attribute." if what == "inference_attribute" else ".")
            )
    return np.array([name.lower() in ("1", "true") for name in names], dtype=np.int64)[codes]


def _multiclass(columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    found = [_classes(columns[name]) for name in ("ground_truth", "inference")]
    names = sorted({name for classes, _ in found for name in classes}, key=_by_number)
    if len(names) > MOST_CLASSES:
        raise AnalysisError(
            f"The labels and predictions have {len(names)} different values; a classification has at most "
            f"{MOST_CLASSES}. Use problem_type Regression for numbers."
        )
    places = {name: place for place, name in enumerate(names)}
    actual, predicted = (np.array([places[name] for name in classes])[codes] for classes, codes in found)
    return multiclass(actual, predicted, names)


def _by_number(name: str) -> tuple[bool, float, str]:
    return (False, float(name), "") if name.lstrip("-").isdigit() else (True, 0.0, name)
