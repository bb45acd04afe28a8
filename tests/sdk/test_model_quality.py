"""SDK v2's ModelQualityMonitor, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]


@pytest.mark.timeout(300)
def test_a_drop_in_quality_is_found_by_its_labels(run_script: Run) -> None:
    report = run_script(2, "v2_model_quality")
    baseline = report["baseline"]
    assert baseline["accuracy"]["value"] > 0.85
    assert baseline["accuracy"]["standard_deviation"] > 0
    assert report["suggested"]["auc"] == {
        "threshold": baseline["auc"]["value"],
        "comparison_operator": "LessThanThreshold",
    }
    assert report["exit_before"] == "Completed: Job completed successfully with no violations."
    assert report["violations_before"] == []
    assert report["exit_after"].startswith("CompletedWithViolations: ")
    assert {"accuracy", "f1", "false_negative_rate"} <= {entry["metric_name"] for entry in report["violations_after"]}
    after = report["statistics_after"]
    assert after["dataset"]["item_count"] == 100
    assert after["binary_classification_metrics"]["accuracy"]["value"] < baseline["accuracy"]["value"] - 0.2
    assert after["binary_classification_metrics"]["accuracy"]["standard_deviation"] == "NaN"
    prefix, _, rest = report["job"].partition("-monitoring-")
    assert prefix == "model-quality"
    assert report["merge_job"] == f"groundtruth-merge-{rest}"
    assert report["environment"]["dataset_format"] == '{"sagemakerMergeJson":{"captureIndexNames":["endpointOutput"]}}'
    assert len(report["merged_keys"]) == 2
    assert all(f"/merge/{report['endpoint']}/AllTraffic/" in key for key in report["merged_keys"])
    assert set(report["merged_record"]) == {"captureData", "eventMetadata", "eventVersion", "groundTruthData"}
    dimensions = {"Endpoint": report["endpoint"], "MonitoringSchedule": report["schedule"]}
    assert report["metrics"]["f1"] == report["metrics"]["auc"] == dimensions
