"""The job from start to end: read the configuration and the data, analyse, report."""

import json
import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from .bias.predicted import predicted_labels
from .bias.section import bias_section, check_groups
from .config import AnalysisConfig
from .dataset import Dataset, load
from .errors import AnalysisError
from .explanations import explain
from .folders import Folders
from .predictor import Predictor
from .report import write_report

MESSAGE_BYTES = 1000
"""An exit message is cut at 1 KB."""

VERSION = "1.0"
"""Of the schema of analysis.json."""


def main(variables: Mapping[str, str]) -> int:
    """Run one job; returns the exit status and leaves `/opt/ml/output/message` behind."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
    folders = Folders.find(variables)
    if not folders.leads:
        print("The first host does the analysis; this one has nothing to do.")
        return 0
    try:
        run(folders)
    except AnalysisError as error:
        _write_message(folders.base, f"Error: {error}")
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        _write_message(folders.base, f"Error: {type(error).__name__}: {error}")
        raise
    _write_message(folders.base, "Completed: Job completed successfully.")
    return 0


def run(folders: Folders) -> None:
    """Do what analysis_config.json asks for, and write analysis.json and the report."""
    config = AnalysisConfig.read(folders.config)
    with tempfile.TemporaryDirectory(prefix="clarify-") as scratch:
        dataset = load(config, folders.dataset, Path(scratch))
    logging.info("Analysing %d rows of %d features", dataset.rows, len(dataset.headers))
    folders.output.mkdir(parents=True, exist_ok=True)
    analysis = analyse(config, dataset, folders.output)
    text = json.dumps(analysis, indent=2, allow_nan=False)
    (folders.output / "analysis.json").write_text(text + "\n", encoding="utf-8")
    if config.report:
        write_report(config.report, analysis, dataset.rows, folders.output)


def analyse(config: AnalysisConfig, dataset: Dataset, output: Path) -> dict[str, Any]:
    """analysis.json: a section for each analysis asked for."""
    analysis: dict[str, Any] = {"version": VERSION}
    if "post_training_bias" in config.methods:
        check_groups(config, dataset)
    if "pre_training_bias" in config.methods:
        analysis["pre_training_bias_metrics"] = bias_section(config, dataset, "pre_training_bias", None)
    with _predictor(config, dataset) as predictor:
        if "post_training_bias" in config.methods:
            predicted = _predicted(config, dataset, predictor)
            analysis["post_training_bias_metrics"] = bias_section(config, dataset, "post_training_bias", predicted)
        if config.explains and predictor:
            analysis["explanations"] = explain(config, dataset, predictor, output)
    return analysis


@contextmanager
def _predictor(config: AnalysisConfig, dataset: Dataset) -> Iterator[Predictor | None]:
    """The model, if an analysis asks it; without labels to read, post-training bias does."""
    if config.explains or ("post_training_bias" in config.methods and dataset.predicted_label is None):
        with Predictor(config.predictor or {}, dataset.headers, config.dataset_type) as predictor:
            yield predictor
    else:
        yield None


def _predicted(config: AnalysisConfig, dataset: Dataset, predictor: Predictor | None) -> pd.Series | None:
    """The predicted labels of the data, where it has them, else the model's."""
    if predictor is None or dataset.predicted_label is not None or dataset.label is None:
        return dataset.predicted_label
    predictions = predictor.predict(dataset.features)
    return predicted_labels(config, dataset.label, predictions.labels, predictions.scores)


def _write_message(base: Path, message: str) -> None:
    path = base / "output" / "message"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(message.encode()[:MESSAGE_BYTES].decode(errors="ignore").encode())
