"""The monitors of transform jobs of SDK v2 and v3, unmodified, against a live server."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]


@pytest.mark.timeout(300)
def test_drift_in_the_inputs_and_in_the_quality_of_transform_jobs_is_found(run_script: Run) -> None:
    report = run_script(2, "v2_batch_monitor")
    probability, inference_id, started = report["output_calm"].split(",")
    assert 0 < float(probability) < 1
    assert str(uuid.UUID(inference_id)) == inference_id
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", started)
    assert len(report["captured"]) == 4
    assert re.fullmatch(r"batch/captured/input/\d{4}/\d\d/\d\d/\d\d/[^/]+", report["captured"][0])
    assert report["manifest"][0]["prefix"].endswith("/batch/in/calm/")
    assert report["manifest"][1:] == ["calm.csv"]
    assert report["executions"] == ["Completed", "CompletedWithViolations"]
    assert report["violations"]["batch-inputs-calm"] == []
    assert report["violations"]["batch-quality-calm"] == []
    assert "x1" in report["violations"]["batch-inputs-drift"]
    assert report["violations"]["batch-quality-drift"] == ["accuracy"]
    assert report["exits"]["batch-quality-drift"].startswith("CompletedWithViolations: ")
    assert report["statistics"]["dataset"]["item_count"] == 200
    assert report["environment"]["dataset_format"] == '{"csv":{"header":false}}'
    data, model = report["metrics"]["data-metrics"], report["metrics"]["model-metrics"]
    assert data["feature_baseline_drift_x1"] == {"MonitoringSchedule": "batch-inputs"}
    assert model["f1"] == {"MonitoringSchedule": "batch-quality"}
    assert report["attached"] == ["cron(0 5 ? * * *)", {"publish_cloudwatch_metrics": "Disabled"}, True]
    assert report["baselining"] == "Completed"


@pytest.mark.timeout(300)
def test_a_transform_job_is_looked_at_once_and_now(run_script: Run) -> None:
    report = run_script(3, "v3_batch_monitor")
    prediction, inference_id, _ = report["first"].split(",")
    assert float(prediction) > 0
    assert str(uuid.UUID(inference_id)) == inference_id
    assert report["exit"].startswith("CompletedWithViolations: ")
    assert report["features"] == ["x1", "x2"]
    assert set(report["violations"]) == {"x1"}
    assert report["attached"] == [True, "cron(0 5 ? * * *)"]
