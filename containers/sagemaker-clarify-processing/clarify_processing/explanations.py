"""Explanations of a model: SHAP values, local and global, and partial dependence.

Layout of the results: developer guide, clarify-processing-job-run and clarify-partial-dependence-plots.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .baselines import shap_baseline
from .columns import find_column
from .config import AnalysisConfig
from .dataset import Dataset
from .kernel_shap import Attributions, KernelShap
from .model_output import scores_of
from .partial_dependence import RESOLUTION, partial_dependence, wanted_features
from .predictor import Predictor

FOLDER = "explanations_shap"
PORTION = 500
"""Rows that are explained between two lines of the log."""
AGGREGATES = {
    "mean_abs": lambda values: np.abs(values).mean(axis=0),
    "median": lambda values: np.median(values, axis=0),
    "mean_sq": lambda values: np.square(values).mean(axis=0),
}


def explain(config: AnalysisConfig, dataset: Dataset, predictor: Predictor, output_dir: Path) -> dict[str, Any]:
    """What analysis.json has under `explanations`: `kernel_shap` and `pdp`, as far as `methods` asks for them.

    `explanations_shap/` in `output_dir` gets `baseline.csv` and, with `save_local_shap_values`, `out.csv`: a line for
    each row of the dataset, a column `<feature>_<label>` for each feature and output, after the column of the join
    source if there is one. AnalysisError names what does not fit.
    """
    explained: dict[str, Any] = {}
    ranked = labels = None
    if "shap" in config.methods:
        features, attributions = _shap(config, dataset, predictor, output_dir / FOLDER)
        labels = output_names(predictor.label_headers, attributions.values.shape[2])
        aggregate = AGGREGATES[str(config.methods["shap"].get("agg_method", "mean_abs")).lower()](attributions.values)
        explained["kernel_shap"] = {
            label: {
                "global_shap_values": dict(zip(features, aggregate[:, output].tolist(), strict=False)),
                "expected_value": float(attributions.base[output]),
            }
            for output, label in enumerate(labels)
        }
        importance = np.abs(aggregate[: len(features)]).sum(axis=1)
        ranked = [features[index] for index in np.argsort(-importance, kind="stable")]
        if config.methods["shap"].get("save_local_shap_values", False):
            _local(dataset, features, labels, attributions).to_csv(output_dir / FOLDER / "out.csv", index=False)
    if "pdp" in config.methods:
        pdp = config.methods["pdp"]
        names = wanted_features(pdp, dataset, ranked)
        if labels is None:
            width = model_scores(predictor, dataset.features.iloc[:1]).shape[1]
            labels = output_names(predictor.label_headers, width)
        explained["pdp"] = []
        for name in names:
            logging.info("Partial dependence on %s", name)
            resolution = pdp.get("grid_resolution", RESOLUTION)
            explained["pdp"].append(
                partial_dependence(lambda rows: model_scores(predictor, rows), dataset, name, resolution, labels)
            )
    return explained


def output_names(label_headers: list[str] | None, outputs: int) -> list[str]:
    """What the model's outputs are called: as `label_headers` says if it names each, else `label0`, `label1`, ..."""
    if label_headers is not None and len(label_headers) == outputs:
        return label_headers
    return [f"label{index}" for index in range(outputs)]


def model_scores(predictor: Predictor, rows: pd.DataFrame | np.ndarray) -> np.ndarray:
    """The scores (n, outputs) for rows of features. AnalysisError."""
    return scores_of(predictor.predict(rows))


def _shap(
    config: AnalysisConfig, dataset: Dataset, predictor: Predictor, folder: Path
) -> tuple[list[str], Attributions]:
    """The features that are explained and the attributions of all rows; with `features_to_explain` there is one player
    more, which stands for all other features together."""
    shap = config.methods["shap"]
    seed = shap.get("seed")
    baseline = shap_baseline(config, dataset, np.random.default_rng(None if seed is None else seed % 2**64))
    folder.mkdir(parents=True, exist_ok=True)
    baseline.to_csv(folder / "baseline.csv", index=False)
    features, players = _players(shap, dataset.headers)
    explainer = KernelShap(
        lambda rows: model_scores(predictor, rows),
        objects(baseline),
        players=players,
        samples=shap.get("num_samples"),
        seed=seed,
        logit=shap.get("use_logit", False),
    )
    rows = objects(dataset.features)
    parts = []
    for start in range(0, len(rows), PORTION):
        parts.append(explainer.explain(rows[start : start + PORTION]))
        logging.info("Explained %d of %d rows", min(start + PORTION, len(rows)), len(rows))
    values = np.concatenate([part.values for part in parts])
    return features, Attributions(values, explainer.base, np.concatenate([part.predictions for part in parts]))


def _players(shap: dict[str, Any], headers: list[str]) -> tuple[list[str], list[list[int]]]:
    if "features_to_explain" not in shap:
        return headers, [[index] for index in range(len(headers))]
    chosen = [
        find_column(headers, place, f"methods.shap.features_to_explain[{index}]")
        for index, place in enumerate(shap["features_to_explain"])
    ]
    chosen = list(dict.fromkeys(chosen))
    others = [index for index, name in enumerate(headers) if name not in chosen]
    return chosen, [[headers.index(name)] for name in chosen] + ([others] if others else [])


def _local(dataset: Dataset, features: list[str], labels: list[str], attributions: Attributions) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    if dataset.joinsource is not None:
        columns[str(dataset.joinsource.name)] = dataset.joinsource.to_numpy()
    for output, label in enumerate(labels):
        for index, feature in enumerate(features):
            columns[f"{feature}_{label}"] = attributions.values[:, index, output]
    return pd.DataFrame(columns)


def objects(frame: pd.DataFrame) -> np.ndarray:
    """The values of a table, None where one is missing."""
    return frame.astype(object).where(frame.notna(), None).to_numpy(object)
