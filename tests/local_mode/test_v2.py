"""SageMaker SDK v2's local mode against Sageyard's S3, with Sageyard's images."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400)]


def test_estimators_processors_and_pipelines_run_in_local_containers(
    run_local: Callable[[int, str], dict[str, Any]],
) -> None:
    report = run_local(2, "v2_local")
    assert report["model"].startswith("s3://sagemaker-us-east-1-123456789012/")
    assert report["explicit"] == 300
    assert report["xgboost_accuracy"] > 0.85
    assert report["transformed"] == ["features.csv.out"]
    assert report["scores"] == 100
    assert report["prepared"] == 300
    assert report["from_processing"] == "prepared 300 rows"
    assert report["from_training"] == "trained on 300 rows, hosts 1"
    assert report["sklearn_accuracy"] > 0.85
    assert report["pair"] == "trained on 300 rows, hosts 2"
    assert report["mounted_model"] > 200
    assert report["pipeline"] == "Succeeded"
    assert report["steps"] == {"Prepare": "Succeeded", "Train": "Succeeded"}
    assert report["running"] == [], "containers were left running"
