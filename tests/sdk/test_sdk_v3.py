"""The SageMaker Python SDK v3, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]


@pytest.mark.timeout(300)
def test_built_in_xgboost_trains_serves_and_is_monitored(run_script: Run) -> None:
    report = run_script(3, "v3_xgboost_monitor")
    assert report["role"] == "arn:aws:iam::123456789012:role/SageyardExecutionRole"
    assert report["image"].endswith("/sagemaker-xgboost:1.7-1")
    assert report["training_status"] == "Completed"
    assert report["metrics"]["validation:error"] < 0.15
    assert "[19]#011train-error:" in report["output"]
    assert report["served_model_data"] == report["model_data"]
    assert report["accuracy_uncaptured"] > 0.85
    assert report["capture_status"] == "Started"
    assert report["accuracy"] > 0.85
    assert report["accuracy_drifted"] < 0.7
    assert report["captured"] == 2 * 120
    assert report["baseline_features"] == ["x1", "x2", "x3"]
    assert report["exit_before"].startswith("Completed:")
    assert report["exit_after"].startswith("CompletedWithViolations:")
    assert report["violations"] == ["x1"]
    assert report["fit_seconds"] + report["deploy_seconds"] < 30, "the SDK's own intervals sleep longer"


@pytest.mark.timeout(300)
def test_scripts_process_train_and_serve(run_script: Run) -> None:
    report = run_script(3, "v3_script_mode")
    assert report["processing_statuses"] == ["Completed", "Completed"]
    assert "prepared 300 rows with ['--test-size', '0.2']" in report["output"]
    assert "counted 300 rows in train.csv" in report["output"]
    assert report["training_statuses"] == ["Completed", "Completed"]
    assert [metrics["accuracy"] > 0.9 for metrics in report["metrics"]] == [True, True]
    assert "Requirement already satisfied: numpy" in report["output"]
    assert "python3 train.py --strength 0.5\n" in report["output"]  # by entry script: hyperparameters are arguments
    assert "python3 train.py --strength 0.25\n" in report["output"]  # by command: its own arguments
    assert report["output"].count("hyperparameters {'strength': 0.5} on algo-1") == 2
    assert report["accuracy"] > 0.85
    assert report["failure"].endswith("returned non-zero exit status 2., exit code: 2")
    assert "invalid float value: 'none'" in report["output"]
    seconds = report["seconds"]
    assert seconds["v3-script"] + seconds["build"] + seconds["deploy"] < 40, seconds
