"""Clarify in its container, which fetches from the server's S3 what its configuration names."""

import json

import pytest

from tests.conftest import ROLE
from tests.docker.conftest import Work

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400)]

IMAGE = "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
CONFIG = {
    "dataset_type": "text/csv",
    "headers": ["sex", "approved"],
    "label": "approved",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex", "value_or_threshold": ["F"]}],
    "predicted_label_dataset_uri": "s3://jobs/clarify/predicted.csv",
    "methods": {"post_training_bias": {"methods": ["DI"]}, "report": {"name": "report", "title": "Bias"}},
}


def test_a_clarify_job_runs_in_its_image(work: Work, built_images: None, unique: str) -> None:
    for name, text in (
        ("analysis_config.json", json.dumps(CONFIG)),
        ("data.csv", "F,1\nF,0\nM,1\nM,1\n"),
        ("predicted.csv", "1\n0\n1\n1\n"),
    ):
        work.s3.put_object(Bucket="jobs", Key=f"clarify/{name}", Body=text.encode())
    inputs = [
        {
            "InputName": name,
            "S3Input": {
                "S3Uri": f"s3://jobs/clarify/{file}",
                "LocalPath": f"/opt/ml/processing/input/{folder}",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }
        for name, file, folder in (
            ("analysis_config", "analysis_config.json", "config"),
            ("dataset", "data.csv", "data"),
        )
    ]
    result = {"S3Uri": f"s3://jobs/{unique}", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    work.sagemaker.create_processing_job(
        ProcessingJobName=unique,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": IMAGE},
        ProcessingInputs=inputs,
        ProcessingOutputConfig={"Outputs": [{"OutputName": "analysis_result", "S3Output": result}]},
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
    )
    job = work.ended(lambda: work.sagemaker.describe_processing_job(ProcessingJobName=unique), "ProcessingJobStatus")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    analysis = json.loads(work.s3.get_object(Bucket="jobs", Key=f"{unique}/analysis.json")["Body"].read())
    (group,) = analysis["post_training_bias_metrics"]["facets"]["sex"]
    assert group["metrics"] == [{"name": "DI", "description": "Disparate Impact (DI)", "value": 0.5}]
    assert work.s3.get_object(Bucket="jobs", Key=f"{unique}/report.pdf")["Body"].read(5) == b"%PDF-"
