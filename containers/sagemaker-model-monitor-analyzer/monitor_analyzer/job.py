"""The job from start to end: read, profile, suggest, compare, report."""

import json
import logging
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .constraints import Baseline, enabled, suggest
from .dataset import load
from .environment import Request, base_directory, read_request
from .errors import AnalysisError
from .metrics import write_metrics
from .profile import Feature, profile
from .scripts import run_postprocessor
from .violations import evaluate

MESSAGE_BYTES = 1000
"""An exit message is cut at 1 KB."""


def main(variables: Mapping[str, str]) -> int:
    """Run one job; returns the exit status and leaves `/opt/ml/output/message` behind."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
    base = base_directory(variables)
    try:
        message = run(read_request(variables))
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


def run(request: Request) -> str:
    """Analyse and write the reports; returns the exit message, whose first word decides the execution's status."""
    baseline = Baseline.read(request.constraints, request.statistics)
    with tempfile.TemporaryDirectory(prefix="monitor-") as scratch:
        table = load(request, baseline, Path(scratch))
        features = profile(table)
        table.connection.close()
    logging.info("Profiled %d rows of %d columns from %s", table.rows, len(features), request.source)
    violations, distances = evaluate(features, baseline) if baseline else ([], {})
    request.output.mkdir(parents=True, exist_ok=True)
    statistics = json.dumps(statistics_document(features, table.rows))  # indented, a sketch has a line per value
    (request.output / "statistics.json").write_text(statistics + "\n", encoding="utf-8")
    outputs_last = request.dataset_format.output_columns_last or bool(baseline and baseline.outputs_last)
    suggestion = suggest(features, request.categorical_drift_method, outputs_last)
    _write(request.output / "constraints.json", suggestion)
    if baseline:
        _write(request.output / "constraint_violations.json", {"violations": violations})
        for violation in violations:
            logging.info("%(feature_name)s: %(constraint_check_type)s: %(description)s", violation)
    if request.publish_metrics:
        settings = baseline or Baseline(suggestion, None)
        write_metrics(
            request.base,
            features,
            distances,
            request.dimensions,
            request.metric_time,
            lambda name: enabled(settings.config(name), "emit_metrics"),
        )
    if request.postprocessor:
        run_postprocessor(request.postprocessor)
    if violations:
        return f"CompletedWithViolations: Job completed successfully with {len(violations)} violations."
    return "Completed: Job completed successfully with no violations."


def statistics_document(features: list[Feature], rows: int) -> dict[str, Any]:
    """statistics.json."""
    return {
        "version": 0.0,
        "dataset": {"item_count": rows},
        "features": [feature.to_json() for feature in features],
    }


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _write_message(base: Path, message: str) -> None:
    path = base / "output" / "message"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(message.encode()[:MESSAGE_BYTES].decode(errors="ignore").encode())
