"""The general monitors of SDK v2 and v3, unmodified, and a monitoring container of a user's own."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Server

Run = Callable[[int, str], dict[str, Any]]
OWN = "123456789012.dkr.ecr.us-east-1.amazonaws.com/range-monitor"


@pytest.fixture(scope="module", autouse=True)
def own_image(server: Server) -> None:
    """The process runner knows folders, not images: the user's is mapped to one that has Python."""
    command = [sys.executable, "-m", "sageyard", "images", "map", OWN, "sagemaker-scikit-learn"]
    subprocess.run([*command, "--state-dir", str(server.state_dir)], check=True, capture_output=True)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", [2, 3])
def test_a_container_of_ones_own_and_a_models_quality_are_watched(run_script: Run, version: int) -> None:
    report = run_script(version, "monitors")
    assert report["baseline"]["features"][0] == {"name": "c0", "min": 0, "max": 99}
    assert report["calm"] == {"own": [], "quality": []}
    assert report["executions"] == [["Completed", "DataQuality"], ["CompletedWithViolations", "DataQuality"]]
    own = report["own"]
    assert own["statistics"]["features"][0] == {"name": "c0", "min": 0, "max": 4900}
    assert own["of_execution"] == {"item_count": 50}
    assert own["violations"] == own["violations_of_execution"]
    assert [violation["feature_name"] for violation in own["violations"]] == ["c0"]
    variables = report["contract"]["variables"]
    assert report["contract"]["arguments"] == ["--deep"]
    given = {name: variables[name] for name in ("dataset_format", "dataset_source", "output_path", "color")}
    assert given == {
        "dataset_format": '{"csv":{"header":false}}',
        "dataset_source": "/opt/ml/processing/input",
        "output_path": "/opt/ml/processing/output",
        "color": "blue",
    }
    assert variables["sagemaker_monitoring_schedule_name"] == f"own-v{version}"
    assert variables["start_time"] < variables["end_time"]
    assert report["metric"].count([{"Name": "MonitoringSchedule", "Value": f"own-v{version}"}]) == 1
    assert report["quality_baseline"]["value"] == 1
    assert report["quality"]["statistics"]["dataset"]["item_count"] == 50
    assert "accuracy" in {violation["metric_name"] for violation in report["quality"]["violations"]}
    assert report["attached"] == [f"quality-v{version}", True]
    assert report["own_attached"] == f"{OWN}:1"
    assert (report["alert"], report["history"], report["alert_updated"]) == ("InAlert", ["InAlert"], "OK")
    assert report["quality_updated"] == ["cron(0 3 ? * * *)", True]
    assert (report["stopped"], report["updated"]) == ("Stopped", "cron(0 0 ? * * *)")
