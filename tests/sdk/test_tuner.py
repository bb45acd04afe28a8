"""Hyperparameter tuning through the SageMaker Python SDK v2, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]


@pytest.mark.timeout(300)
def test_sdk_v2_tunes_and_deploys_the_best_model(run_script: Run) -> None:
    report = run_script(2, "v2_tuner")
    assert report["status"] == "Completed"
    assert len(report["values"]) == 5
    assert report["best_value"] == max(report["values"])
    assert report["tuned"] == ["booster", "eta", "max_depth"]
    assert report["accuracy"] > 0.8
