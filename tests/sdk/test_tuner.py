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


@pytest.mark.timeout(300)
def test_sdk_v2_tunes_by_hyperband_and_goes_on_from_what_it_has_found(run_script: Run) -> None:
    report = run_script(2, "v2_tuner_epochs")
    assert report["status"] == "Completed"
    stopped = [job for job in report["jobs"] if job["status"] == "Stopped"]
    assert len(report["jobs"]) == 7
    assert len(stopped) >= 1
    assert all(0 < job["epochs"] < 9 for job in stopped), report["jobs"]
    assert all(job["epochs"] == 9 for job in report["jobs"] if job["status"] == "Completed"), report["jobs"]
    assert report["best"] in {job["name"] for job in report["jobs"] if job["status"] == "Completed"}
    assert report["warm"] == {"status": "Completed", "jobs": 2, "parents": [report["name"]], "overall": report["name"]}
    assert "its objective metric is" in report["refused"]
