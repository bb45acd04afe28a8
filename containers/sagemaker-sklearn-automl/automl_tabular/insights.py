"""The model insights report of the best candidate: `<entrypoint> insights`.

Reads `input/model/model.tar.gz`, `input/plan` and `input/validation`; writes `output/insights/statistics.json`, laid
out as the statistics of model quality (guide: 'Autopilot model insights').
"""

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sagemaker_toolkit.errors import ClientError
from sklearn import metrics

from automl_tabular import tables
from automl_tabular.analysis import PLAN
from automl_tabular.candidate import Candidate
from automl_tabular.problem import BINARY, REGRESSION

SAMPLES, SHARE, SEED = 5, 0.8, 7
FEWEST_ROWS = 200
BLOCKS = {
    BINARY: "binary_classification_metrics",
    REGRESSION: "regression_metrics",
}
POINTS = 200


def run(base: Path) -> None:
    """Write the report; ClientError if the archive holds no candidate."""
    archive = base / "input" / "model" / "model.tar.gz"
    folder = base / "model"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise ClientError(f"{archive.name} cannot be unpacked: {error}") from error
    plan = json.loads((base / "input" / "plan" / PLAN).read_text())
    table = tables.read(base / "input" / "validation")
    statistics = report(Candidate.load(folder), table, plan["target"])
    tables.write_json(statistics, base / "output" / "insights" / "statistics.json")


def report(candidate: Candidate, table: pd.DataFrame, target: str) -> dict[str, Any]:
    """The statistics on a table; standard deviations are those of five samples of 80%, or "NaN" under 200 rows."""
    found: dict[str, Any] = {
        name.lower(): {"value": value, "standard_deviation": "NaN"}
        for name, value in candidate.scores(table, target).items()
    }
    if len(table) >= FEWEST_ROWS:
        samples = [table.sample(frac=SHARE, random_state=SEED + number) for number in range(SAMPLES)]
        scores = [candidate.scores(sample, target) for sample in samples]
        for name in scores[0]:
            spread = float(np.std([one[name] for one in scores if name in one]))
            found[name.lower()]["standard_deviation"] = spread
    predicted, probabilities = candidate.predict(table[candidate.features])
    truth = candidate.truth(table[target])
    if candidate.labels:
        counts = metrics.confusion_matrix(truth, predicted, labels=range(len(candidate.labels)))
        found["confusion_matrix"] = {
            str(label): {str(other): int(counts[i, j]) for j, other in enumerate(candidate.labels)}
            for i, label in enumerate(candidate.labels)
        }
    if candidate.kind == BINARY and probabilities is not None and len(np.unique(truth)) == 2:
        false, true, _ = metrics.roc_curve(truth, probabilities[:, 1])
        precision, recall, _ = metrics.precision_recall_curve(truth, probabilities[:, 1])
        found["receiver_operating_characteristic_curve"] = {
            "false_positive_rates": _thinned(false), "true_positive_rates": _thinned(true),
        }  # fmt: skip
        found["precision_recall_curve"] = {"precisions": _thinned(precision), "recalls": _thinned(recall)}
    block = BLOCKS.get(candidate.kind, "multiclass_classification_metrics")
    return {"version": 0.0, "dataset": {"item_count": len(table)}, block: found}


def _thinned(values: np.ndarray) -> list[float]:
    places = np.unique(np.linspace(0, len(values) - 1, min(len(values), POINTS)).round().astype(int))
    return [float(value) for value in values[places]]
