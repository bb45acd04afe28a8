"""Runs inside a processing job: chooses the decision threshold on validation data and judges on held-back data.

Arguments: the recall that is required. Inputs under /opt/ml/processing/input: `model` (model.tar.gz), `validation`,
`test` (CSV, label first). Output: /opt/ml/processing/evaluation/evaluation.json.
"""

import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import xgboost

BASE = Path("/opt/ml/processing")
CAUTIOUS = 0.1  # a missed tumour costs far more than another test, and validation data are only a sample


def scores(booster: xgboost.Booster, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predicted probabilities of one part."""
    table = np.loadtxt(BASE / "input" / part / f"{part}.csv", delimiter=",")
    return table[:, 0], booster.predict(xgboost.DMatrix(table[:, 1:]))


def main() -> None:
    """Write the evaluation; its `accepted` is the answer to the business criterion."""
    required = float(sys.argv[1])
    with tarfile.open(BASE / "input" / "model" / "model.tar.gz") as archive:
        archive.extractall("model", filter="data")
    booster = xgboost.Booster(model_file="model/xgboost-model")
    labels, predicted = scores(booster, "validation")
    threshold = min(CAUTIOUS, float(predicted[labels == 1].min()))
    labels, predicted = scores(booster, "test")
    chosen = predicted >= threshold
    evaluation = {
        "threshold": threshold,
        "recall": float(chosen[labels == 1].mean()),
        "precision": float(labels[chosen].mean()),
        "accuracy": float((chosen == (labels == 1)).mean()),
        "rows": len(labels),
        "malignant": int(labels.sum()),
    }
    evaluation["accepted"] = evaluation["recall"] >= required
    output = BASE / "evaluation"
    output.mkdir(parents=True, exist_ok=True)
    (output / "evaluation.json").write_text(json.dumps(evaluation))
    print(json.dumps(evaluation))


if __name__ == "__main__":
    main()
