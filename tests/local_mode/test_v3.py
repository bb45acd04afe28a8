"""SageMaker SDK v3's local modes against Sageyard's S3, with Sageyard's images."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400)]


def test_model_trainers_processors_and_pipelines_run_in_local_containers(
    run_local: Callable[[int, str], dict[str, Any]],
) -> None:
    report = run_local(3, "v3_local")
    assert report["prepared"] == 300
    assert report["from_processing"] == "prepared 300 rows"
    assert report["of_folder"] == [["model.joblib"], "trained on 300 rows, hosts 1"]
    assert report["of_s3"] == [["model.joblib"], "trained on 300 rows, hosts 1"]
    assert report["of_two"] == [["model.joblib"], "trained on 300 rows, hosts 2"]
    assert "Process exited with code: " in report["failure"]
    assert "invalid float value: 'none'" in report["output"]
    assert report["pipeline"] == "Succeeded"
    assert report["from_pipeline"] == "prepared 300 rows"
    assert report["running"] == [], "containers were left running"
