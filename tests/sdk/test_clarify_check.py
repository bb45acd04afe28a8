"""ClarifyCheckStep of SDK v2, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]


@pytest.mark.timeout(300)
def test_checks_of_bias_and_attributions_make_a_baseline_and_find_what_is_worse(run_script: Run) -> None:
    report = run_script(2, "v2_clarify_check")
    types = {"DataBias": "DATA_BIAS", "ModelBias": "MODEL_BIAS", "Attributions": "MODEL_EXPLAINABILITY"}
    for name, step in report["first"].items():
        assert step["status"] == "Succeeded", step
        shown = step["metadata"]
        assert (shown["CheckType"], shown["SkipCheck"], shown["RegisterNewBaseline"]) == (types[name], True, True)
        assert shown["CalculatedBaselineConstraints"].endswith(f"/{name}/analysis.json")
        assert shown["BaselineUsedForDriftCheckConstraints"] == shown["CalculatedBaselineConstraints"]
        assert ":processing-job/" in shown["CheckJobArn"]
        assert shown["ModelPackageGroupName"] == "checked-models"
        assert "ViolationReport" not in shown
    second = report["second"]
    assert second["Attributions"]["status"] in {"Succeeded", "Stopped", "Executing", "Stopping"}
    failed = {name for name, step in second.items() if step["status"] == "Failed"}
    assert failed and failed <= {"DataBias", "ModelBias"}
    for name in failed:
        assert second[name]["reason"].startswith("ClientError: The check found violations: see s3://")
        assert second[name]["metadata"]["BaselineUsedForDriftCheckConstraints"] == report["kept"][name]
        wanted = {"DataBias": "DPL", "ModelBias": "DPPL"}[name]
        assert wanted in {violation["metric_name"] for violation in report["violations"][name]}
