"""SHAP values, partial dependence and explanations of an endpoint by SDK v2, unmodified, against a live server."""

import math
from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]


def log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


@pytest.mark.timeout(300)
def test_a_model_is_explained_by_a_job_and_by_its_endpoint(run_script: Run) -> None:
    report = run_script(2, "v2_explainer")
    explained = report["analysis"]["explanations"]
    shap = explained["kernel_shap"]["label0"]["global_shap_values"]
    assert list(shap) == ["x1", "x2", "x3"]
    assert min(shap["x1"], shap["x2"]) > 3 * shap["x3"], "the label follows from x1 and x2"
    assert report["local"][0] == "x1_label0,x2_label0,x3_label0"
    assert len(report["local"]) == 61
    assert report["baseline"][0] == "x1,x2,x3"
    assert len(report["baseline"]) == 3
    assert {entry["feature_name"] for entry in explained["pdp"]} == {"x1", "x2"}
    for entry in explained["pdp"]:
        (means,) = entry["model_predictions"]
        assert len(means) == len(entry["feature_values"]) == 5
        assert means[-1] > means[0]
        assert sum(entry["data_distribution"]) == pytest.approx(1)

    online = report["online"]
    assert online["version"] == "1.0"
    first, second = (float(line) for line in online["predictions"]["data"].split())
    assert first > 0.5 > second
    features, nothing = online["explanations"]["kernel_shap"]
    assert nothing is None
    assert [feature["feature_header"] for feature in features] == ["x1", "x2", "x3"]
    high = [feature["attributions"][0]["attribution"][0] for feature in features]
    (features,) = report["all"]["explanations"]["kernel_shap"]
    low = [feature["attributions"][0]["attribution"][0] for feature in features]
    assert sum(high) - sum(low) == pytest.approx(log_odds(first) - log_odds(second), abs=1e-3)
    assert high[2] == low[2] == 0, "x3 has the baseline's value"
