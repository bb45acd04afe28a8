"""Clarify's processing job with boto3: SHAP values and partial dependence through a shadow endpoint."""

import csv
import io
import json
from typing import Any

import pytest

from tests.conftest import ROLE, eventually

IMAGE = "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
ROWS = [(1, 2, "red", 1), (3, 0, "blue", 0), (0, 1, "red", 0), (-2, 2, "green", 1)]


def shadow(model: str) -> dict[str, Any]:
    """The part of a predictor that deploys a model."""
    return {"model_name": model, "instance_type": "ml.m5.large", "initial_instance_count": 1}


def start(sagemaker: Any, s3: Any, bucket: str, name: str, methods: dict[str, Any], **predictor: Any) -> None:
    """Create a job; its result goes to s3://bucket/name/result."""
    config = {
        "dataset_type": "text/csv",
        "headers": ["a", "b", "colour", "y"],
        "label": "y",
        "methods": methods,
        "predictor": {"endpoint_name_prefix": name, "content_type": "text/csv", **predictor},
    }
    data = "".join(",".join(map(str, row)) + "\n" for row in ROWS)
    s3.put_object(Bucket=bucket, Key=f"{name}/analysis_config.json", Body=json.dumps(config).encode())
    s3.put_object(Bucket=bucket, Key=f"{name}/data/rows.csv", Body=data.encode())

    def given(input_name: str, key: str, path: str) -> dict[str, Any]:
        source = {"S3Uri": f"s3://{bucket}/{name}/{key}", "LocalPath": path, "S3DataType": "S3Prefix"}
        return {"InputName": input_name, "S3Input": {**source, "S3InputMode": "File"}}

    result = {"S3Uri": f"s3://{bucket}/{name}/result", "LocalPath": "/opt/ml/processing/output"}
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": IMAGE},
        ProcessingInputs=[
            given("analysis_config", "analysis_config.json", "/opt/ml/processing/input/config"),
            given("dataset", "data", "/opt/ml/processing/input/data"),
        ],
        ProcessingOutputConfig={
            "Outputs": [{"OutputName": "analysis_result", "S3Output": {**result, "S3UploadMode": "EndOfJob"}}]
        },
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
    )


def ended(sagemaker: Any, name: str) -> dict[str, Any]:
    """The job's description when it has ended."""

    def look() -> dict[str, Any] | None:
        described: dict[str, Any] = sagemaker.describe_processing_job(ProcessingJobName=name)
        return described if described["ProcessingJobStatus"] not in ("InProgress", "Stopping") else None

    found: dict[str, Any] = eventually(look, 90)
    return found


def run(sagemaker: Any, s3: Any, bucket: str, name: str, methods: dict[str, Any], **predictor: Any) -> dict[str, Any]:
    """The description of a job, when it has ended."""
    start(sagemaker, s3, bucket, name, methods, **predictor)
    return ended(sagemaker, name)


def left(sagemaker: Any, name: str) -> list[str]:
    """Endpoints and configurations of a job that are still there."""
    endpoints = sagemaker.list_endpoints(NameContains=name)["Endpoints"]
    configs = sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"]
    return [each.get("EndpointName") or each["EndpointConfigName"] for each in (*endpoints, *configs)]


def test_a_job_explains_the_model_through_a_shadow_endpoint_and_leaves_none(
    sagemaker: Any, s3: Any, model: str, unique: str
) -> None:
    methods = {
        "shap": {"baseline": f"s3://{model}/{unique}/baseline.csv", "save_local_shap_values": True, "seed": 1},
        "pdp": {"grid_resolution": 2, "features": ["a", "colour"]},
    }
    s3.put_object(Bucket=model, Key=f"{unique}/baseline.csv", Body=b"0,0,grey\n")
    found = run(sagemaker, s3, model, unique, methods, **shadow(model))
    assert found["ProcessingJobStatus"] == "Completed", found.get("ExitMessage")
    eventually(lambda: not left(sagemaker, unique), 30, "the shadow endpoint is gone")

    def read(key: str) -> str:
        text: str = s3.get_object(Bucket=model, Key=f"{unique}/result/{key}")["Body"].read().decode()
        return text

    explained = json.loads(read("analysis.json"))["explanations"]
    lines = list(csv.DictReader(io.StringIO(read("explanations_shap/out.csv"))))
    local = [[float(line[f"{name}_label0"]) for name in ("a", "b", "colour")] for line in lines]
    expected = [[0.3, 0.2, 0.3], [0.3, 0, -0.3], [0, 0, 0.3], [-0.6, -0.4, 0]]
    assert local == [pytest.approx(row) for row in expected]
    assert explained["kernel_shap"] == {
        "label0": {
            "global_shap_values": pytest.approx({"a": 0.3, "b": 0.15, "colour": 0.225}),
            "expected_value": pytest.approx(0),
        }
    }
    assert read("explanations_shap/baseline.csv").splitlines() == ["a,b,colour", "0,0,grey"]
    numerical, categorical = explained["pdp"]
    assert (numerical["feature_name"], numerical["data_type"]) == ("a", "numerical")
    assert numerical["feature_values"] == pytest.approx([-0.75, 1.75])
    assert numerical["data_distribution"] == pytest.approx([0.5, 0.5])
    colours = 0.3 * (1 - 1 + 1 + 0) / 4
    middle = [0.1 * a + 0.2 * a * 5 / 4 + colours for a in (-0.75, 1.75)]
    assert numerical["model_predictions"] == [pytest.approx(middle)]
    assert categorical["feature_values"] == ["blue", "green", "red"]
    assert categorical["data_distribution"] == pytest.approx([0.25, 0.25, 0.5])


def test_a_job_that_fails_deletes_its_shadow_endpoint_and_says_what_the_model_said(
    sagemaker: Any, s3: Any, model: str, unique: str
) -> None:
    found = run(sagemaker, s3, model, unique, {"shap": {"baseline": [[0, 0, "broken"]]}}, **shadow(model))
    assert found["ProcessingJobStatus"] == "Failed"
    assert "a broken row" in found["ExitMessage"]
    eventually(lambda: not left(sagemaker, unique), 30, "the shadow endpoint is gone")


def test_a_job_whose_model_is_not_there_says_so(sagemaker: Any, s3: Any, model: str, unique: str) -> None:
    found = run(sagemaker, s3, model, unique, {"shap": {"baseline": [[0, 0, "grey"]]}}, **shadow("no-such-model"))
    assert found["ProcessingJobStatus"] == "Failed"
    assert "Could not find model" in found["ExitMessage"]
    assert left(sagemaker, unique) == []


def test_a_job_that_is_stopped_deletes_its_shadow_endpoint(sagemaker: Any, s3: Any, model: str, unique: str) -> None:
    start(sagemaker, s3, model, unique, {"shap": {"baseline": [[0, 0, "slow"]]}}, **shadow(model))
    eventually(
        lambda: sagemaker.list_endpoints(NameContains=unique, StatusEquals="InService")["Endpoints"],
        60,
        "the shadow endpoint is in service",
    )
    sagemaker.stop_processing_job(ProcessingJobName=unique)
    assert ended(sagemaker, unique)["ProcessingJobStatus"] == "Stopped"
    eventually(lambda: not left(sagemaker, unique), 30, "the shadow endpoint is gone")
