"""Lambda steps and pipeline triggers through the SageMaker Python SDKs, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", [2, 3])
def test_a_function_scores_in_a_pipeline_that_a_schedule_starts(run_script: Run, version: int) -> None:
    report = run_script(version, f"v{version}_triggers")
    assert report["status"] == "Succeeded"
    assert report["metadata"] == [{"Name": "score", "Value": "42"}, {"Name": "verdict", "Value": "good"}]
    assert report["error"] == "KeyError"  # invoked without rows
    assert report["trigger"] == ["cron(0 12 * * ? *)", "DISABLED"]
