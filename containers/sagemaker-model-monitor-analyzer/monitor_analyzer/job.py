"""The job from start to end: read, profile, suggest, compare, report."""

import json
import logging
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from .batch import as_captures
from .constraints import Baseline, enabled, suggest
from .dataset import excluded_names, load, load_portions
from .environment import MergeRequest, Request, base_directory, read_merge, read_request
from .errors import AnalysisError, Uneven
from .merge import merge
from .metrics import feature_metrics, write_metrics
from .profile import Feature, profile
from .quality import run_quality
from .reports import exit_message, write_document
from .scripts import run_postprocessor
from .table import open_database
from .violations import evaluate

MESSAGE_BYTES = 1000
"""An exit message is cut at 1 KB."""


def main(variables: Mapping[str, str]) -> int:
    """Run one job; returns the exit status and leaves `/opt/ml/output/message` behind."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
    base = base_directory(variables)
    try:
        message = _run(variables)
    except AnalysisError as error:
        _write_message(base, f"Error: {error}")
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        _write_message(base, f"Error: {type(error).__name__}: {error}")
        raise
    _write_message(base, message)
    print(message)
    return 0


def _run(variables: Mapping[str, str]) -> str:
    if "ground_truth_source" in variables:
        return _merge(read_merge(variables))
    request = read_request(variables)
    return run_quality(request, request.quality) if request.quality else run(request)


def _merge(request: MergeRequest) -> str:
    if request.dataset_format is None:
        return merge(request)
    with tempfile.TemporaryDirectory(prefix="monitor-") as scratch:
        return merge(as_captures(request, Path(scratch)))


def run(request: Request) -> str:
    """Analyse and write the reports; returns the exit message, whose first word decides the execution's status."""
    baseline = Baseline.read(request.constraints, request.statistics)
    with tempfile.TemporaryDirectory(prefix="monitor-") as scratch:
        found, rows = profiled(request, baseline, Path(scratch))
    excluded = excluded_names(request.excluded, [feature.name for feature in found], baseline)
    features = [feature for feature in found if feature.name not in excluded]
    logging.info("Profiled %d rows of %d columns from %s", rows, len(features), request.source)
    if baseline and enabled(baseline.config(), "evaluate_constraints"):
        _check_columns(features, baseline)
    violations, drift = evaluate(features, baseline) if baseline else ([], {})
    request.output.mkdir(parents=True, exist_ok=True)
    statistics = json.dumps(statistics_document(features, rows))  # indented, a sketch has a line per value
    (request.output / "statistics.json").write_text(statistics + "\n", encoding="utf-8")
    outputs_last = request.dataset_format.output_columns_last or bool(baseline and baseline.outputs_last)
    suggestion = suggest(features, request.categorical_drift_method, outputs_last)
    write_document(request.output / "constraints.json", suggestion)
    if baseline:
        write_document(request.output / "constraint_violations.json", {"violations": violations})
        for violation in violations:
            logging.info("%(feature_name)s: %(constraint_check_type)s: %(description)s", violation)
    if request.publish_metrics:
        settings = baseline or Baseline(suggestion, None)
        wanted = [feature for feature in features if enabled(settings.config(feature.name), "emit_metrics")]
        metrics = (metric for feature in wanted for metric in feature_metrics(feature, drift.get(feature.name, {})))
        write_metrics(request.base, metrics, request.dimensions, request.metric_time)
    if request.postprocessor:
        run_postprocessor(request.postprocessor)
    return exit_message(violations)


def profiled(request: Request, baseline: Baseline | None, scratch: Path) -> tuple[list[Feature], int]:
    """Features and rows: in portions if the dataset lets itself be read so, else as a whole."""
    texts: frozenset[str] = frozenset()
    while True:
        try:
            with (
                tempfile.TemporaryDirectory(dir=scratch) as folder,
                open_database(scratch, ordered=False) as connection,
            ):
                tables = load_portions(request, baseline, texts, connection, Path(folder))
                features, rows = profile(tables, Path(folder))
            if rows:
                return features, rows
            break
        except (Uneven, duckdb.Error) as error:
            more = error.texts - texts if isinstance(error, Uneven) else frozenset()
            logging.debug("Not read in portions: %s", error)
            if not more:
                break
            texts |= more
    table = load(request, baseline, scratch)
    try:
        return profile([table], scratch)
    finally:
        table.connection.close()


def _check_columns(features: list[Feature], baseline: Baseline) -> None:
    """Some columns more or less are violations; another dataset altogether is a mistake."""
    names = [feature.name for feature in features]
    if names and baseline.features and not baseline.features.keys() & set(names):
        raise AnalysisError(
            f"The dataset has none of the baseline's columns. It has {_first(names)}; the baseline has "
            f"{_first(list(baseline.features))}. Build the baseline from data with the columns of what is monitored, "
            "or check the names: dataset_format's header, the keys of JSON, or the preprocessing script."
        )


def _first(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f", ... ({len(names)} columns)" if len(names) > 5 else "")


def statistics_document(features: list[Feature], rows: int) -> dict[str, Any]:
    """statistics.json."""
    return {
        "version": 0.0,
        "dataset": {"item_count": rows},
        "features": [feature.to_json() for feature in features],
    }


def _write_message(base: Path, message: str) -> None:
    path = base / "output" / "message"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(message.encode()[:MESSAGE_BYTES].decode(errors="ignore").encode())
