"""Which rows a list of values, or a threshold, means: the positive label, or the sensitive group."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..errors import AnalysisError
from .sample import Mask

CONTINUOUS_FROM = 0.05
"""Whole numbers are a threshold's business if at least this share of them is different, as in AWS's library."""


@dataclass(frozen=True)
class Outcome:
    """Rows, and how analysis.json writes what they have in common: `1`, `a,b` or `(100.0, 2278.0]`."""

    mask: Mask
    text: str


def is_continuous(series: pd.Series, values: Sequence[Any] | None) -> bool:
    """Whether `values` is a threshold, by the column and by what is asked of it.

    Fractions are continuous, whole numbers if many of them are different. Two numbers, both of them values that the
    column has, or no values, make categories however few rows there are; so do several values.
    """
    present = series.dropna()
    if not pd.api.types.is_numeric_dtype(present) or pd.api.types.is_bool_dtype(present):
        return False
    if values and len(values) > 1:
        return False
    if present.nunique() <= 2 and (not values or _is_among(present, values[0])):
        return False
    whole = pd.api.types.is_integer_dtype(present) or (len(present) < len(series) and (present % 1 == 0).all())
    return not whole or present.nunique() / len(present) >= CONTINUOUS_FROM


def outcomes(series: pd.Series, values: Sequence[Any] | None, key: str) -> list[Outcome]:
    """The groups of a facet: those `values` name, or each value that the column has.

    AnalysisError if nobody, or everybody, is in a group. A missing value is in no group.
    """
    continuous = is_continuous(series, values)
    if values is not None:
        groups = [above(series, values[0], key) if continuous else among(series, values, key)]
    elif continuous:
        raise AnalysisError(
            f"analysis_config.json: {key} is missing, but {series.name} is numeric with {series.nunique()} different "
            f"values. Give one number as the threshold; who is above it is the sensitive group."
        )
    else:
        groups = [among(series, [value], key) for value in series.dropna().unique()]
    for group in groups:
        if group.mask.all():
            raise AnalysisError(
                f"analysis_config.json: {key} {group.text} is in every row of {series.name}, so there is nobody to "
                f"compare that group with. Choose a value that only some rows have."
            )
    return groups


def positives(series: pd.Series, values: Sequence[Any], key: str) -> Outcome:
    """The rows with the good outcome."""
    return above(series, values[0], key) if is_continuous(series, values) else among(series, values, key)


def predicted_positives(predicted: pd.Series, label: pd.Series, values: Sequence[Any], key: str) -> Mask:
    """The rows whose predicted label is a good outcome; AnalysisError if predictions and labels are no kin."""
    if is_continuous(label, values):
        return np.asarray(_numbers(predicted, key) > _threshold(values[0], label, key))
    mask = _matches(predicted, values)
    if not mask.any() and not _matches(predicted, label.dropna().unique()).any():
        raise AnalysisError(
            f"The predicted labels are {_some(predicted)}, the labels of {label.name} are {_some(label)}: none is the "
            f"same. If the model returns probabilities, name in predictor.label_headers the label each of them is for."
        )
    return mask


def among(series: pd.Series, values: Sequence[Any], key: str) -> Outcome:
    """The rows with one of the values."""
    mask = _matches(series, values)
    text = ",".join(str(value) for value in values)
    absent = [value for value in values if not _matches(series, [value]).any()]
    if absent and mask.any():
        logging.warning("%s: no row of %s has the value %s", key, series.name, absent[0])
    if not mask.any():
        raise AnalysisError(
            f"analysis_config.json: {key} is {text}, but no row of {series.name} has that value; it has "
            f"{_some(series)}. Name some of them."
        )
    return Outcome(mask, text)


def above(series: pd.Series, threshold: Any, key: str) -> Outcome:
    """The rows above the threshold; `(threshold, largest value]` in AWS's notation."""
    numbers = _numbers(series, key)
    limit, largest = _threshold(threshold, series, key), numbers.max()
    mask = numbers.to_numpy() > limit
    if not mask.any():
        raise AnalysisError(
            f"analysis_config.json: {key} is {threshold}, but no row of {series.name} is above it; the largest "
            f"value is {largest}. Give a smaller threshold. If its numbers are names of categories, give several of "
            f"them, or write them as texts in the data: as many different numbers as here are taken for quantities."
        )
    whole = isinstance(limit, int) and pd.api.types.is_integer_dtype(series)
    return Outcome(mask, f"({limit}, {largest}]" if whole else f"({float(limit)}, {float(largest)}]")


def _threshold(value: Any, series: pd.Series, key: str) -> float | int:
    try:
        return value if isinstance(value, int | float) else float(value)
    except ValueError:
        raise AnalysisError(
            f"analysis_config.json: {key} is {value!r}, but {series.name} is numeric, so it must be one number, the "
            f"threshold."
        ) from None


def _numbers(series: pd.Series, key: str) -> pd.Series:
    try:
        return pd.to_numeric(series)
    except (ValueError, TypeError):
        wrong = series[pd.to_numeric(series, errors="coerce").isna() & series.notna()]
        raise AnalysisError(
            f"{series.name} holds {wrong.iloc[0]!r}, which is no number, but {key} is a threshold. Correct the "
            f"data, or name values."
        ) from None


def _is_among(present: pd.Series, value: Any) -> bool:
    return bool(_matches(present, [value]).any())


def _matches(series: pd.Series, values: Sequence[Any]) -> Mask:
    """Rows with one of the values, whatever the type that either is written with: 1, 1.0, "1", true, "True"."""
    wanted = {_plain(value) for value in values}
    distinct = {value: _plain(value) in wanted for value in series.dropna().unique()}
    return np.array(series.map(distinct).fillna(False), dtype=bool)


def _plain(value: Any) -> float | str:
    """A number as a number, truth as 1 and 0, and text as it is."""
    text = str(value).strip()
    if text.lower() in ("true", "false"):
        return float(text.lower() == "true")
    try:
        return float(text)
    except ValueError:
        return text


def _some(series: pd.Series, most: int = 10) -> str:
    values = list(series.dropna().unique())
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(str(value) for value in values[:most]) + more
