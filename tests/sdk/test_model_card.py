"""Model cards through the SageMaker Python SDKs v2 and v3, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]


@pytest.mark.timeout(300)
def test_sdk_v2_creates_updates_exports_and_deletes_a_card(run_script: Run) -> None:
    report = run_script(2, "v2_model_card")
    assert report["arn"] == "arn:aws:sagemaker:us-east-1:123456789012:model-card/v2-card"
    assert report["created"] == 1
    assert report["second"] == "The model has been associated with ['v2-card'] model cards."
    assert report["updated"] == ["content", "status"]
    assert report["loaded"] == [2, "PendingReview", "Low", "v2-card"]
    assert report["metric"] == 0.91
    assert report["first"] == 1
    assert report["history"] == [2, 1]
    assert report["pdf"].endswith("/cards/v2-card/latest.pdf")
    assert report["nowhere"] is None
    assert report["jobs"] == [["latest", "Completed"], ["nowhere", "Failed"]]
    assert report["begins"] == "%PDF-"
    assert report["deleted"] is True


@pytest.mark.timeout(300)
def test_sdk_v3_has_cards_versions_and_exports_as_resources(run_script: Run) -> None:
    report = run_script(3, "v3_model_card")
    assert report["created"] == [1, "Draft"]
    assert report["updated"] == [2, "Approved", {"business_details": {"line_of_business": "Telecom"}}]
    assert report["first"] == "{}"
    assert report["history"] == [2]  # the SDK asks for those of the card's own status
    assert report["export"] == "Completed"
    assert report["pdf"].endswith("/cards/v3-card/latest.pdf")
    assert report["jobs"] == ["latest"]
    assert report["left"] == []
