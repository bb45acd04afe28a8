"""Predicted labels, made of what a model answers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..config import AnalysisConfig
from ..errors import AnalysisError
from .outcome import is_continuous


def predicted_labels(
    config: AnalysisConfig, label: pd.Series, labels: Sequence[Any] | None, scores: np.ndarray | None
) -> pd.Series:
    """The model's labels, or the labels that its scores mean (SDK, `ModelPredictedLabelConfig`).

    `labels` has an item for each row, `scores` a row of one or more columns. Where the dataset's label is a number
    to be compared with a threshold, so is the one score. Else one score is a probability: above
    `probability_threshold` it is 1, or the one name in `predictor.label_headers`, and 0, or the other label, if not.
    Of several scores the largest says which class it is, counted from 0. A number in `labels` that is no whole one is
    such a probability too.
    """
    continuous = is_continuous(label, config.positive_values)
    if labels is not None:
        given = pd.Series(list(labels))
        if continuous or not pd.api.types.is_float_dtype(given) or (given % 1 == 0).all():
            return given
        return _above(config, label, given.to_numpy())
    if scores is None:
        raise AnalysisError("The model's answers hold neither labels nor scores. Say where in predictor.label.")
    if scores.shape[-1] > 1:
        return pd.Series(scores.argmax(axis=1))
    single = scores.ravel()
    return pd.Series(single) if continuous else _above(config, label, single)


def _above(config: AnalysisConfig, label: pd.Series, probabilities: NDArray[np.float64]) -> pd.Series:
    above = probabilities > config.probability_threshold
    headers = list((config.predictor or {}).get("label_headers", []))
    if len(headers) != 1:
        return pd.Series(above.astype(int))
    others = [value for value in label.dropna().unique() if str(value) != str(headers[0])]
    return pd.Series([headers[0] if each else (others[0] if others else None) for each in above], dtype=object)
