"""The SageMaker Python SDK v3, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]


@pytest.mark.timeout(300)
def test_built_in_xgboost_trains_serves_and_is_monitored(run_script: Run) -> None:
    report = run_script(3, "v3_xgboost_monitor")
    print({k: v for k, v in report.items() if k != "output"})
    assert report["training_status"] == "Completed"


@pytest.mark.timeout(300)
def test_scripts_process_train_and_serve(run_script: Run) -> None:
    report = run_script(3, "v3_script_mode")
    print({k: v for k, v in report.items() if k != "output"})
    assert report["training_statuses"] == ["Completed", "Completed"]
