"""The model registry through the SageMaker Python SDKs v2 and v3, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]
PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package"


@pytest.mark.timeout(300)
def test_sdk_v2_registers_approves_and_deploys_from_the_registry(run_script: Run) -> None:
    report = run_script(2, "v2_registry")
    assert report["versions"] == [f"{PACKAGE}/v2-registry/1", f"{PACKAGE}/v2-registry/2"]
    assert report["approval"] == ["Approved", "good enough"]
    assert report["metadata"] == {"trained": "yes", "owner": "risk"}
    assert report["approved"] == [f"{PACKAGE}/v2-registry/2"]
    assert report["accuracy"] > 0.85


@pytest.mark.timeout(300)
def test_sdk_v3_registers_and_updates_versions(run_script: Run) -> None:
    report = run_script(3, "v3_registry")
    assert report["versions"] == [f"{PACKAGE}/v3-registry/2", f"{PACKAGE}/v3-registry/1"]
    assert report["described"] == [2, "second", "Completed"]
    assert report["model_data"] is True
    assert report["updated"] == ["Approved", {"owner": "risk"}, "Production"]
    assert report["group"] == "Completed"
    assert report["groups"] == ["v3-registry"]
