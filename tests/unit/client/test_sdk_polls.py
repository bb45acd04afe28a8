"""The SageMaker SDKs' own waiting loops, each SDK in its own virtual environment, against a small local AWS."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from sageyard.environment import client_environment

FOLDER = Path(__file__).parent
REPOSITORY = FOLDER.parents[2]


def report(version: int, aws: Any, state_dir: Path) -> dict[str, Any]:
    """What `report_v<version>.py` prints in that SDK's environment, which `make test` makes."""
    python = os.environ.get(f"SAGEYARD_SDK{version}_PYTHON", str(REPOSITORY / f".venv-sdk{version}" / "bin" / "python"))
    base = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHONPATH"))}
    environment = base | client_environment(aws.url, "us-east-1", state_dir, base=base) | {"SAGEYARD_FAST_POLL": "0"}
    command = [python, str(FOLDER / f"report_v{version}.py")]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    line = next(line for line in finished.stdout.splitlines() if line.startswith("REPORT "))
    answer: dict[str, Any] = json.loads(line.removeprefix("REPORT "))
    return answer


def test_sdk_v2_waits_for_the_work_and_not_for_its_own_sleeps(small_aws: Any, tmp_path: Path) -> None:
    small_aws.busy = 2.0
    answer = report(2, small_aws, tmp_path)
    assert answer["off"] == {
        "logs_for_job": 10,
        "logs_for_processing_job": 10,
        "first look": 5,
        "wait_for_job": 5,
        "wait_for_endpoint": 30,
        "live endpoint log": 10,
        "pipeline": [30, 60],
    }
    assert answer["on"].pop("pipeline") == [0.25, 7200], "as long a wait in all"
    assert set(answer["on"].values()) == {0.25}
    assert answer["account"] == "123456789012", "asked of the fixed STS host"
    assert answer["bucket"] == "sagemaker-us-east-1-123456789012"
    assert 2.0 <= answer["training"] < 12.0, "15 s and more with the SDK's own intervals"
    assert 2.0 <= answer["endpoint"] < 20.0, "30 s with the SDK's own interval"
    held = [request for request in small_aws.requests if "x-sageyard-wait" in request.headers]
    assert [request.operation for request in held] == ["DescribeTrainingJob"], "only a log loop that waits is held"
    assert answer["log without waiting"] < 8.0
    assert answer["fifty look-ups"] < 1.0, "6 s where the SDK's own schema is checked each time"
    assert answer["refusal"] == ["SageMaker", "TrainingJob", "RoleArn"], "a wrong configuration is still refused"


def test_sdk_v3_waits_for_the_work_and_not_for_its_own_sleeps(small_aws: Any, tmp_path: Path) -> None:
    small_aws.busy = 1.0
    answer = report(3, small_aws, tmp_path)
    assert answer["off"] == {
        "resources": [5],
        "processing": 10,
        "wait_for_endpoint": 30,
        "live endpoint log": 30,
    }
    assert answer["on"].pop("resources") == [0.25]
    assert set(answer["on"].values()) == {0.25}
    assert answer["account"] == "123456789012", "asked of the fixed STS host"
    assert answer["bucket"] == "sagemaker-us-east-1-123456789012"
    assert answer["status"] == "Completed"
    assert small_aws.operations().count("DescribeTrainingJob") > 3
