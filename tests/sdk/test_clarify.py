"""SageMakerClarifyProcessor of SDK v2 and v3, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sdk.scripts.applicants import rows

Run = Callable[[int, str], dict[str, Any]]


def metrics(section: dict[str, Any], facet: str, value: str) -> dict[str, float]:
    """Values by name for a facet's value."""
    (group,) = [each for each in section["facets"][facet] if each["value_or_threshold"] == value]
    return {metric["name"]: metric["value"] for metric in group["metrics"]}


def shares() -> tuple[float, float]:
    """The shares of men and of women who are approved, counted here."""
    table = list(rows(600, 1))
    approved = {sex: [row[0] for row in table if row[1] == sex] for sex in (1, 0)}
    men, women = (sum(labels) / len(labels) for labels in approved.values())
    return men, women


def assert_is_the_bias_of_the_data(analysis: dict[str, Any]) -> None:
    section = analysis["pre_training_bias_metrics"]
    assert (section["label"], section["label_value_or_threshold"]) == ("approved", "1")
    measured = metrics(section, "sex", "0")
    men, women = shares()
    assert measured["DPL"] == pytest.approx(men - women)
    assert measured["KS"] == measured["TVD"] == pytest.approx(men - women)
    assert measured["CDDL"] > 0.1


@pytest.mark.timeout(300)
def test_the_bias_of_data_and_of_a_model_are_measured_through_a_shadow_endpoint(run_script: Run) -> None:
    report = run_script(2, "v2_clarify")
    assert report["image"].endswith("/sagemaker-clarify-processing:1.0")
    assert_is_the_bias_of_the_data(report["before"])
    assert set(report["files"]) >= {"analysis.json", "report.html", "report.ipynb", "report.pdf"}
    assert report["exit"] == "Completed: Job completed successfully."
    after = report["after"]["post_training_bias_metrics"]
    assert list(after["facets"]) == ["sex", "age"]
    measured = metrics(after, "sex", "0")
    assert list(measured) == ["AD", "CDDPL", "DI", "DPPL", "FT"]
    men, women = shares()
    assert measured["DI"] == pytest.approx(women / men, abs=0.1)
    assert measured["DPPL"] == pytest.approx(men - women, abs=0.1)
    assert measured["FT"] < -0.1, "the model rejects women whose like among men it accepts"
    (age,) = after["facets"]["age"]
    assert age["value_or_threshold"] == "(50, 80]"
    assert [name for name in report["endpoints_left"] if "clarify" in name] == []
    assert report["configurations_left"] == []
    assert "facet[0].name_or_index is 'race', but the dataset has no such column" in report["refused"]


@pytest.mark.timeout(300)
def test_sdk_v3_measures_data_and_predictions_that_lie_beside_it(run_script: Run) -> None:
    report = run_script(3, "v3_clarify")
    assert_is_the_bias_of_the_data(report["analysis"])
    measured = metrics(report["analysis"]["post_training_bias_metrics"], "sex", "0")
    assert len(measured) == 13
    table = list(rows(600, 1))
    women = [row[3] > 54 for row in table if row[1] == 0]
    men = [row[3] > 42 for row in table if row[1] == 1]
    assert measured["DI"] == pytest.approx((sum(women) / len(women)) / (sum(men) / len(men)))
    assert set(report["files"]) == {
        "analysis.json",
        "analysis_config.json",
        "report.html",
        "report.ipynb",
        "report.pdf",
    }
