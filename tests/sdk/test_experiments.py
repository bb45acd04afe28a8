"""Experiments and lineage through the SageMaker Python SDKs v2 and v3, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]
PREFIX = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.mark.timeout(300)
def test_sdk_v2_logs_a_run_that_a_job_joins(run_script: Run) -> None:
    report = run_script(2, "v2_experiments")
    assert report["metrics"] == {
        "accuracy": [2, 0.5, 0.75, 0.75],
        "job:loss": [12, 1 / 12, 1.0, 1 / 12],
        "loss": [25, 0.04, 1.0, 0.04],
    }
    assert report["steps"] == list(range(25))
    assert report["parameters"] == {"rate": 0.25, "depth": 3.0, "booster": "gbtree", "in_job": "yes"}
    assert report["status"] == "Completed"
    assert report["failing"] == {"PrimaryStatus": "Failed", "Message": "out of luck"}
    assert report["outputs"] == ["note"]
    assert report["inputs"] == ["reference"]
    assert report["produced"] == ["confusion", "recall", "roc"]
    assert report["sources"] == [f"{PREFIX}:training-job/v2-experiment-job"]
    assert report["runs"] == ["failing", "first", "second"]
    assert report["job"] == {"source": "SageMakerTrainingJob", "metrics": ["accuracy"]}
    assert "v2-experiment-job-aws-training-job" in report["analytics"]
    assert report["analytics_loss"] == 0.04
    assert "v2-experiment" not in report["left"]


@pytest.mark.timeout(300)
def test_sdk_v3_logs_and_lists_runs(run_script: Run) -> None:
    report = run_script(3, "v3_experiments")
    assert report["metrics"] == {"loss": [13, 0.01, 1.0, 0.01]}
    assert report["parameters"] == {"rate": 0.25}
    assert report["status"] == "Completed"
    assert report["outputs"] == ["note"]
    assert report["runs"] == ["first", "second"]


@pytest.mark.timeout(300)
def test_sdk_v2_finds_where_an_endpoint_came_from(run_script: Run) -> None:
    report = run_script(2, "v2_lineage")
    job, endpoint = f"{PREFIX}:training-job/v2-lineage-job", f"{PREFIX}:endpoint/v2-lineage"
    assert report["datasets"] == [report["train"]]
    assert report["jobs"] == [job]
    assert report["components"] == ["v2-lineage-job-aws-training-job"]
    assert report["actions"] == ["Approval", "ModelDeployment"]
    assert report["model_classes"] == ["ModelArtifact"]
    assert report["models"] == sorted([report["model_data"], report["package"]])
    assert report["model_jobs"] == [job]
    assert report["model_endpoints"] == [endpoint]
    assert report["data_endpoints"] == [endpoint]
    assert report["job_table"] == [
        ["Input", "DataSet", "ContributedTo", "artifact"],
        ["Input", "Image", "ContributedTo", "artifact"],
        ["Output", "Model", "Produced", "artifact"],
    ]
    assert report["package_table"] == [
        ["Input", "Approval", "ContributedTo", "action"],
        ["Input", "Image", "ContributedTo", "artifact"],
        ["Input", "Model", "ContributedTo", "artifact"],
        ["Output", "ModelDeployment", "ContributedTo", "action"],
        ["Output", "ModelGroup", "AssociatedWith", "context"],
    ]
    assert report["endpoint_table"] == [["Input", "ModelDeployment", "AssociatedWith", "action"]]
