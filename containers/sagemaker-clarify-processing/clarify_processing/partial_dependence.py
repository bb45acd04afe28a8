"""Partial dependence: what the model answers on average, had every row the same value of a feature.

Layout of the result: clarify-partial-dependence-plots; `label_headers` as the SDK's model cards read it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from .clustering import is_numerical
from .columns import find_column
from .dataset import Dataset
from .errors import AnalysisError

RESOLUTION, TOP = 15, 10
"""`grid_resolution` and `top_k_features` of the SDK's PDPConfig."""
MOST_CATEGORIES = 50
"""Texts with more different values than this, and than one in ten rows, are free text and not categories."""
TEXT_ERROR = (
    "Detected data type is not supported for PDP. PDP can only be computed for numerical or categorical columns"
)


def wanted_features(pdp: dict[str, Any], dataset: Dataset, ranked: list[str] | None) -> list[str]:
    """The features to plot: those named, else the first `top_k_features` of those ranked by their SHAP values."""
    if "features" in pdp:
        return [
            find_column(dataset.headers, place, f"methods.pdp.features[{index}]")
            for index, place in enumerate(pdp["features"])
        ]
    if ranked is None:
        raise AnalysisError(
            "analysis_config.json: methods.pdp.features is missing. Name the features, or add methods.shap, whose top "
            "features are taken then."
        )
    return ranked[: pdp.get("top_k_features", TOP)]


def partial_dependence(
    scores: Callable[[pd.DataFrame], np.ndarray], dataset: Dataset, feature: str, resolution: int, labels: list[str]
) -> dict[str, Any]:
    """The entry of `explanations.pdp` for one feature. `labels` are the names of the model's outputs.

    Numbers are put into `resolution` buckets of equal width, each with its middle as the value; categories are all
    there are. `model_predictions` has a list for each output, `data_distribution` the share of rows of each value.
    """
    column = dataset.features[feature]
    entry: dict[str, Any] = {"feature_name": feature, "data_type": data_type(column)}
    if entry["data_type"] == "free_text":
        return entry | {"error": TEXT_ERROR}
    values, shares = (_buckets if entry["data_type"] == "numerical" else _categories)(column, resolution)
    if not values:
        return entry | {"error": f"The column {feature} has no values"}
    means = []
    for value in values:
        rows = dataset.features.copy()
        rows[feature] = value
        means.append(scores(rows).mean(axis=0))
    return entry | {
        "feature_values": values,
        "label_headers": labels,
        "model_predictions": np.array(means).T.tolist(),
        "data_distribution": shares,
    }


def data_type(column: pd.Series) -> str:
    """`numerical`, `categorical` or `free_text`."""
    if is_numerical(column):
        return "numerical"
    return "free_text" if column.nunique() > max(MOST_CATEGORIES, len(column) / 10) else "categorical"


def _buckets(column: pd.Series, resolution: int) -> tuple[list[Any], list[float]]:
    present = column.dropna().to_numpy(float)
    if not len(present):
        return [], []
    if present.min() == present.max():
        return [column.dropna().iloc[0].item()], [1.0]
    counts, edges = np.histogram(present, resolution)
    return ((edges[:-1] + edges[1:]) / 2).tolist(), (counts / len(present)).tolist()


def _categories(column: pd.Series, resolution: int) -> tuple[list[Any], list[float]]:
    shares = column.value_counts(normalize=True).sort_index(key=lambda index: index.astype(str))
    return shares.index.tolist(), shares.tolist()
