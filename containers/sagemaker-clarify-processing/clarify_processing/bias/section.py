"""The sections pre_training_bias_metrics and post_training_bias_metrics of analysis.json."""

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..config import AnalysisConfig
from ..dataset import Dataset
from ..errors import AnalysisError
from . import posttraining, pretraining
from .outcome import Outcome, outcomes, positives, predicted_positives
from .sample import Metric, NotMeasurableError, Sample

LABEL_KEY = "label_values_or_threshold"
REGISTERS: Mapping[str, Mapping[str, Metric]] = {
    "pre_training_bias": pretraining.METRICS,
    "post_training_bias": posttraining.METRICS,
}


@dataclass(frozen=True)
class Stage:
    """Who is compared with whom in one stage: groups as facet, value and sample."""

    name: str
    label: str
    good: str
    groups: list[tuple[str, str, Sample]]
    metrics: Mapping[str, Metric]

    def section(self) -> dict[str, Any]:
        """What analysis.json has of it."""
        facets: dict[str, list[dict[str, Any]]] = {}
        for name, value, sample in self.groups:
            facets.setdefault(name, []).append(_group(value, self.metrics, sample))
        return {"label": self.label, "label_value_or_threshold": self.good, "facets": facets}


def bias_stage(config: AnalysisConfig, dataset: Dataset, stage: str, predicted: pd.Series | None) -> Stage:
    """Find label and groups for one stage; `predicted` are the predicted labels, needed after training.

    Rows without a label are left out. AnalysisError names a facet, value or threshold that is not in the data.
    """
    rows = labelled(dataset)
    if predicted is not None:
        rows &= predicted.notna()
    if not rows.all():
        logging.warning("%d of %d rows have no label and are left out", int((~rows).sum()), len(rows))
    label, positive = _positives(config, dataset, rows)
    answers = np.zeros_like(positive.mask)
    if predicted is not None:
        answers = predicted_positives(_of(predicted, rows), label, config.positive_values, LABEL_KEY)
        if not answers.any():
            logging.warning("No predicted label is positive")
    group = None if dataset.group is None else pd.factorize(_of(dataset.group, rows), sort=True)[0]
    groups = []
    for name, chosen in _facets(config, dataset, rows):
        features = dataset.features[rows].drop(columns=name, errors="ignore")
        groups.append((name, chosen.text, Sample(chosen.mask, positive.mask, answers, group, features)))
    metrics = {name: REGISTERS[stage][name] for name in config.metrics(stage)}
    return Stage(stage, str(label.name), positive.text, groups, metrics)


def check_groups(config: AnalysisConfig, dataset: Dataset) -> None:
    """Raise what `bias_stage` would of label and facets, before a model is started and asked."""
    rows = labelled(dataset)
    _positives(config, dataset, rows)
    list(_facets(config, dataset, rows))


def labelled(dataset: Dataset) -> pd.Series:
    """Which rows have a label; AnalysisError if none has."""
    if dataset.label is None:
        raise AnalysisError("Bias metrics need labels. Name the label's column in label.")
    rows = dataset.label.notna()
    if not rows.any():
        raise AnalysisError(f"The label {dataset.label.name} has no value in any row.")
    return rows


def _positives(config: AnalysisConfig, dataset: Dataset, rows: pd.Series) -> tuple[pd.Series, Outcome]:
    assert dataset.label is not None
    label = _of(dataset.label, rows)
    return label, positives(label, config.positive_values, LABEL_KEY)


def _facets(config: AnalysisConfig, dataset: Dataset, rows: pd.Series) -> Iterator[tuple[str, Outcome]]:
    """Every group of every facet, by the facet's name."""
    for index, (facet, whole) in enumerate(zip(config.facets, dataset.facets, strict=True)):
        column = _of(whole, rows)
        if column.isna().any():
            logging.warning("%d rows have no %s; they are outside its groups", int(column.isna().sum()), column.name)
        for chosen in outcomes(column, facet.values, f"facet[{index}].value_or_threshold"):
            yield str(column.name), chosen


def _of(column: pd.Series, rows: pd.Series) -> pd.Series:
    return column[rows].reset_index(drop=True)


def _group(text: str, metrics: Mapping[str, Metric], sample: Sample) -> dict[str, Any]:
    return {"value_or_threshold": text, "metrics": [_measure(name, metrics[name], sample) for name in metrics]}


def _measure(name: str, metric: Metric, sample: Sample) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "description": metric.description}
    try:
        return entry | {"value": encode(metric.measure(sample))}
    except NotMeasurableError as error:
        return entry | {"value": None, "error": str(error)}


def encode(value: float) -> float | str | None:
    """JSON has no infinity: it is the string Infinity or -Infinity, as in AWS's library, and no number is null."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return None if math.isnan(value) else float(value)
