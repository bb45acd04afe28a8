"""ModelBiasMonitor and ModelExplainabilityMonitor of the SDKs, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]
NO_VIOLATIONS = "Completed: Job completed successfully with no violations."
REPORTS = {"analysis.json", "constraint_violations.json", "report.html", "report.ipynb", "report.pdf"}


def metrics(analysis: dict[str, Any], stage: str) -> dict[str, float]:
    """Values by name for women."""
    (group,) = analysis[f"{stage}_training_bias_metrics"]["facets"]["sex"]
    assert group["value_or_threshold"] == "0"
    return {metric["name"]: metric["value"] for metric in group["metrics"]}


@pytest.mark.timeout(300)
def test_a_models_bias_that_grows_is_found_by_its_labels(run_script: Run) -> None:
    report = run_script(2, "v2_model_bias")
    assert report["exit_before"] == NO_VIOLATIONS
    assert report["violations_before"] == {"version": "1.0", "violations": []}
    found = {violation["metric_name"]: violation for violation in report["violations_after"]["violations"]}
    assert {"DPL", "DPPL", "DI", "CDDL", "CDDPL"} <= set(found)
    assert report["exit_after"] == f"CompletedWithViolations: Job completed successfully with {len(found)} violations."
    before, now = metrics(report["suggested"], "post"), metrics(report["analysis"], "post")
    assert found["DI"] == {
        "facet": "sex",
        "facet_value": "0",
        "metric_name": "DI",
        "constraint_check_type": "bias_drift_check",
        "description": f"Metric value {now['DI']} doesn't meet the baseline constraint requirement {before['DI']}",
    }
    assert now["DI"] < before["DI"] < 1
    assert set(report["files"]) == REPORTS
    assert report["environment"]["analysis_type"] == "MODEL_BIAS"
    prefix, _, rest = report["job"].partition("-monitoring-")
    assert prefix == "model-bias"
    assert f"groundtruth-merge-{rest}" in report["merge_jobs"]
    assert report["summary"]["MonitoringExecutionStatus"] == "CompletedWithViolations"
    assert report["summary"]["MonitoringType"] == "ModelBias"
    assert report["summary"]["EndpointName"] == report["endpoint"]
    assert report["metrics"]["bias_metric_DI Post-Training"] == {
        "Endpoint": report["endpoint"],
        "MonitoringSchedule": report["schedule"],
        "BiasStage": "Post-Training",
        "Label": "approved",
        "LabelValue": "1",
        "Facet": "sex",
        "FacetValue": "0",
    }
    assert "bias_metric_CI Pre-training" in report["metrics"]
    assert report["endpoints"] == []


@pytest.mark.timeout(300)
def test_attributions_whose_ranking_changes_are_found_through_a_shadow_endpoint(run_script: Run) -> None:
    report = run_script(2, "v2_model_explainability")
    before = report["suggested"]["label0"]["global_shap_values"]
    assert max(before, key=before.get) == "income"
    assert before["sex"] == 0
    assert report["exit_before"] == NO_VIOLATIONS
    assert report["violations_before"] == {"version": "1.0", "violations": []}
    now = report["analysis"]["kernel_shap"]["label0"]["global_shap_values"]
    assert max(now, key=now.get) == "sex"
    (violation,) = report["violations_after"]["violations"]
    score = float(violation.pop("description").removeprefix("Feature attribution drift ").partition(" exceeds ")[0])
    assert score < 0.9
    assert violation == {
        "label": "label0",
        "metric_name": "shap",
        "constraint_check_type": "feature_attribution_drift_check",
    }
    assert report["exit_after"] == "CompletedWithViolations: Job completed successfully with 1 violations."
    assert set(report["files"]) >= REPORTS
    assert report["environment"]["analysis_type"] == "MODEL_EXPLAINABILITY"
    assert report["job"].startswith("explainability-monitoring-")
    dimensions = {
        "Endpoint": report["endpoint"],
        "MonitoringSchedule": report["schedule"],
        "ExplainabilityMethod": "KernelShap",
        "Label": "label0",
    }
    assert report["metrics"]["feature_income"] == dimensions | {"ValueType": "GlobalShapValues"}
    assert report["metrics"]["ExpectedValue"] == dimensions | {"ValueType": "ExpectedValue"}
    assert report["endpoints"] == []


@pytest.mark.timeout(300)
def test_sdk_v3_watches_the_bias_of_transform_jobs(run_script: Run) -> None:
    report = run_script(3, "v3_model_bias")
    assert len(report["first"].split(",")) == 7
    found = {violation["metric_name"] for violation in report["violations"]}
    assert {"DI", "DPPL"} <= found
    assert report["exit"].startswith("CompletedWithViolations: ")
    assert metrics(report["suggested"], "post")["DI"] == pytest.approx(1, abs=0.2)
    (dimensions,) = report["metrics"]
    assert dimensions["MonitoringSchedule"] == "bias-v3"
    assert "Endpoint" not in dimensions
    assert report["attached"] is True
