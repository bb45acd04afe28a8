"""AutoML through the SageMaker Python SDK, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]


@pytest.mark.timeout(300)
def test_sdk_v2_fits_deploys_and_registers_candidates(run_script: Run) -> None:
    report = run_script(2, "v2_automl")
    assert report["status"] == "Completed"
    assert report["candidates"] == 2
    assert report["value"] > 0.85
    assert report["right"] > 0.85
    assert all(0.5 <= probability <= 1 for probability in report["probabilities"])
    assert report["steps"] == {"Search": "Succeeded", "Register-RegisterModel": "Succeeded"}
    assert report["statistics"].endswith("/statistics.json")
    assert report["algorithm"] in {"xgboost", "randomforest", "extra-trees", "linear-learner", "ensemble"}
