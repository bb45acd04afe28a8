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

from .bias.deviation import Margins, margins
from .bias.predicted import predicted_labels
from .bias.section import bias_stage, check_groups
from .config import AnalysisConfig
from .dataset import Dataset, load
from .drift import read_baseline, violations, write_violations
from .errors import AnalysisError
from .explanations import explain
from .folders import Folders
from .monitor import Monitor
from .monitor_metrics import write_metrics
from .predictor import Predictor
from .report import write_report

MESSAGE_BYTES = 1000
"""An exit message is cut at 1 KB."""

VERSION = "1.0"
"""Of the schema of analysis.json."""

MODEL = "predictor_model_name"
"""The variable that names the model where the configuration's predictor does not: in a pipeline's check."""


def main(variables: Mapping[str, str]) -> int:
    """Run one job; returns the exit status and leaves `/opt/ml/output/message` behind."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
    folders = Folders.find(variables)
    if not folders.leads:
        print("The first host does the analysis; this one has nothing to do.")
        return 0
    try:
        message = run(folders, variables)
    except AnalysisError as error:
        _write_message(folders.base, f"Error: {error}")
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        _write_message(folders.base, f"Error: {type(error).__name__}: {error}")
        raise
    _write_message(folders.base, message)
    print(message)
    return 0


def run(folders: Folders, variables: Mapping[str, str]) -> str:
    """Do what analysis_config.json asks for, and write analysis.json, the report and, where there are baseline
    constraints, constraint_violations.json; answers the exit message.

    The job of a monitoring schedule, which Monitor knows by its variables, analyses captured data.
    """
    monitor = Monitor.find(variables, folders)
    baseline = _baseline(variables, folders)
    with tempfile.TemporaryDirectory(prefix="clarify-") as scratch:
        if monitor:
            config, dataset = monitor.load(Path(scratch))
        else:
            config = AnalysisConfig.read(folders.config, variables.get(MODEL))
            dataset = load(config, folders.dataset, Path(scratch))
    logging.info("Analysing %d rows of %d features", dataset.rows, len(dataset.headers))
    folders.output.mkdir(parents=True, exist_ok=True)
    found: Margins | None = {} if baseline else None
    analysis = analyse(config, dataset, folders.output, found)
    text = json.dumps(analysis, indent=2, allow_nan=False)
    (folders.output / "analysis.json").write_text(text + "\n", encoding="utf-8")
    if config.report:
        write_report(config.report, analysis, dataset.rows, folders.output)
    if monitor and monitor.publishes:
        write_metrics(folders.base, analysis, monitor.dimensions, monitor.time)
    if baseline is None or found is None:
        return "Completed: Job completed successfully."
    return write_violations(violations(analysis, baseline, found), folders.output)


def analyse(config: AnalysisConfig, dataset: Dataset, output: Path, found: Margins | None = None) -> dict[str, Any]:
    """analysis.json: a section for each analysis asked for. `found` is given the margins of bias metrics."""
    analysis: dict[str, Any] = {"version": VERSION}
    if "post_training_bias" in config.methods:
        check_groups(config, dataset)

    def measured(name: str, predicted: pd.Series | None) -> dict[str, Any]:
        stage = bias_stage(config, dataset, name, predicted)
        if found is not None:
            found.update(margins(stage))
        return stage.section()

    if "pre_training_bias" in config.methods:
        analysis["pre_training_bias_metrics"] = measured("pre_training_bias", None)
    with _predictor(config, dataset) as predictor:
        if "post_training_bias" in config.methods:
            predicted = _predicted(config, dataset, predictor)
            analysis["post_training_bias_metrics"] = measured("post_training_bias", predicted)
        if config.explains and predictor:
            analysis["explanations"] = explain(config, dataset, predictor, output)
    return analysis


def _baseline(variables: Mapping[str, str], folders: Folders) -> dict[str, Any] | None:
    """The baseline constraints that the job is given."""
    given = variables.get("baseline_constraints")
    return read_baseline(folders.local(given)) if given else None


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
