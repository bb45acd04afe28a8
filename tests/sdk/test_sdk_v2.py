"""The SageMaker Python SDK v2, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]


@pytest.mark.timeout(300)
def test_built_in_xgboost_trains_serves_and_is_monitored(run_script: Run) -> None:
    report = run_script(2, "v2_xgboost_monitor")
    assert report["training_status"] == "Completed"
    assert report["metrics"]["validation:error"] < 0.15
    assert report["analytics"] == ["train:error", "validation:error"]
    assert report["role"].startswith("arn:aws:iam::123456789012:role/")
    assert "[19]#011train-error:" in report["output"].replace("\t", "#011")
    assert report["accuracy"] > 0.85
    assert report["captured"] > 0
    assert report["baseline_features"] == ["x1", "x2", "x3"]
    assert report["exit_before"].startswith("Completed:")
    assert report["exit_after"].startswith("CompletedWithViolations:")
    assert "x1" in report["violations"]
    assert not {"x2", "x3"} & set(report["violations"])
    assert report["fit_seconds"] + report["deploy_seconds"] < 30, "the SDK's own intervals sleep longer"


@pytest.mark.timeout(300)
def test_scikit_learn_scripts_process_train_and_serve(run_script: Run) -> None:
    report = run_script(2, "v2_script_mode")
    assert report["processing_status"] == "Completed"
    assert "prepared 300 rows with ['--test-size', '0.2']" in report["output"]
    assert report["training_status"] == "Completed"
    assert report["metrics"]["accuracy"] > 0.9
    assert report["accuracy"] > 0.85
    assert "invalid float value: 'none'" in report["failure"]


@pytest.mark.timeout(300)
def test_models_share_an_endpoint_as_inference_components(run_script: Run) -> None:
    report = run_script(2, "v2_components")
    assert report["based"] is True
    assert report["answers"] == [[["14.0"]], [["21.0"]]]
    assert report["listed"] == ["times-2", "times-3"]
    assert report["updated"] == [["35.0"]]
    assert report["copies"] == {"DesiredCopyCount": 1, "CurrentCopyCount": 1}
