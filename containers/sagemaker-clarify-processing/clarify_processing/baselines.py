"""The baseline of Kernel SHAP: what stands for a feature that is not there."""

import json
import tempfile
from pathlib import Path
from typing import Any

import jmespath
import numpy as np
import pandas as pd

from .clustering import centres
from .config import AnalysisConfig
from .csvfile import read_csv
from .dataset import Dataset
from .errors import AnalysisError
from .files import read_parquet
from .objects import fetch

KEY = "methods.shap.baseline"


def shap_baseline(config: AnalysisConfig, dataset: Dataset, random: np.random.Generator) -> pd.DataFrame:
    """The rows of `methods.shap.baseline`, inline or on S3, in the dataset's format and with its features alone.

    Without them, the centres of the dataset's clusters. AnalysisError names what does not fit the features.
    """
    shap = config.methods["shap"]
    given = shap.get("baseline")
    if given is None:
        return centres(dataset.features, shap.get("num_clusters"), random)
    if "num_clusters" in shap:
        raise AnalysisError(
            "analysis_config.json: methods.shap has both baseline and num_clusters. Clusters are for a baseline that "
            "is computed: remove one of the two."
        )
    frame = _downloaded(config, dataset, given) if isinstance(given, str) else _inline(config, dataset, given)
    if frame.empty:
        raise AnalysisError(f"analysis_config.json: {KEY} has no rows. Give at least one, or none for a computed one.")
    return frame


def _inline(config: AnalysisConfig, dataset: Dataset, given: Any) -> pd.DataFrame:
    if isinstance(given, dict):
        rows = _search(config, given)
        return _frame(dataset, rows if rows and isinstance(rows[0], list | dict) else [rows])
    return _frame(dataset, [_search(config, row) if isinstance(row, dict) else row for row in given])


def _downloaded(config: AnalysisConfig, dataset: Dataset, uri: str) -> pd.DataFrame:
    frames = []
    with tempfile.TemporaryDirectory(prefix="baseline-") as scratch:
        folder = fetch(uri, Path(scratch) / "files", KEY)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            if config.dataset_type == "text/csv":
                frame = read_csv(path, None, set(dataset.headers))
                frames.append(_frame(dataset, frame.to_numpy(object).tolist()))
            elif config.dataset_type == "application/x-parquet":
                frames.append(_frame(dataset, read_parquet(path).to_numpy(object).tolist()))
            elif config.dataset_type == "application/jsonlines":
                lines = path.read_text(encoding="utf-8").splitlines()
                frames.append(_inline(config, dataset, [_parsed(path, line) for line in lines if line.strip()]))
            else:
                frames.append(_inline(config, dataset, _parsed(path, path.read_text(encoding="utf-8"))))
    return pd.concat(frames, ignore_index=True)


def _parsed(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise AnalysisError(f"{path.name} of {KEY} is not valid JSON, the dataset_type: {error}") from None


def _search(config: AnalysisConfig, record: dict[str, Any]) -> Any:
    """The features of a record, where the configuration says that they are."""
    expression = config.document.get("features")
    if expression is None:
        return record
    found = jmespath.search(expression, record)
    if found is None:
        raise AnalysisError(
            f"analysis_config.json: the JMESPath {expression!r} of features finds nothing in "
            f"{json.dumps(record)[:200]} of {KEY}. The baseline needs the format of the dataset."
        )
    return found


def _frame(dataset: Dataset, rows: list[Any]) -> pd.DataFrame:
    headers = dataset.headers
    table = []
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            if missing := [name for name in headers if name not in row]:
                raise AnalysisError(f"analysis_config.json: row {number} of {KEY} has no {missing[0]!r}. Add it.")
            row = [row[name] for name in headers]
        if not isinstance(row, list) or len(row) != len(headers):
            raise AnalysisError(
                f"analysis_config.json: row {number} of {KEY} has {len(row) if isinstance(row, list) else 1} values, "
                f"but there are {len(headers)} features: {', '.join(headers[:20])}. Give those, without the label."
            )
        table.append(row)
    return pd.DataFrame(table, columns=headers, dtype=object)
