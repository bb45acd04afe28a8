"""Sageyard's own small containers under the Docker runner: Lambda functions, and the merge of captures with labels."""

import json
from typing import Any

import pytest

from tests.conftest import ROLE, Server
from tests.docker.conftest import Work, containers_of, docker
from tests.families.lambda_functions import invoke, make_function

pytestmark = pytest.mark.docker

HANDLER = """
import os

def handler(event, context):
    return {"twice": event["number"] * 2, "in a container": os.path.exists("/.dockerenv"), "user": os.getuid()}
"""
MERGER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-groundtruth-merger"
INPUT, OUTPUT = "/opt/ml/processing/input_data", "/opt/ml/processing/output"
LABELS = "/opt/ml/processing/groundtruth"


def test_a_lambda_function_runs_in_a_container(docker_server: Server, built_images: None, unique: str) -> None:
    functions = docker_server.client("lambda")
    make_function(functions, unique, HANDLER)
    for number in (2, 3):
        answer, _ = invoke(functions, unique, {"number": number})
        assert answer == {"twice": 2 * number, "in a container": True, "user": 1000}
    (sandbox,) = [
        found
        for found in containers_of(docker_server)
        if docker("inspect", "--format", '{{index .Config.Labels "com.sageyard.run"}}', found).startswith("lambda/")
    ]
    assert docker("inspect", "--format", "{{.HostConfig.Memory}}", sandbox) == str(128 << 20)
    functions.delete_function(FunctionName=unique)


def test_the_merge_of_captures_and_labels_runs_in_a_container(work: Work, built_images: None, unique: str) -> None:
    def record(kind: str, data: str) -> dict[str, Any]:
        return {"observedContentType": "text/csv", "mode": kind, "data": data, "encoding": "CSV"}

    captured = {
        "captureData": {"endpointInput": record("INPUT", "1,2"), "endpointOutput": record("OUTPUT", "7")},
        "eventMetadata": {"eventId": "call-1", "inferenceTime": "2026-11-21T08:10:00Z"},
        "eventVersion": "0",
    }
    label = {
        "groundTruthData": {"data": "8", "encoding": "CSV"},
        "eventMetadata": {"eventId": "call-1"},
        "eventVersion": "0",
    }
    captures, truths = f"{unique}/captures/e/v/2026/11/21/08/10-00.jsonl", f"{unique}/labels/2026/11/21/08/0.jsonl"
    for key, document in ((captures, captured), (truths, label)):
        work.s3.put_object(Bucket="jobs", Key=key, Body=json.dumps(document) + "\n")

    def source(name: str, key: str, path: str) -> dict[str, Any]:
        folder = f"s3://jobs/{key.rpartition('/')[0]}"
        at = f"{path}/{'/'.join(key.split('/')[2:-1])}"
        return {
            "InputName": name,
            "S3Input": {"S3Uri": folder, "LocalPath": at, "S3DataType": "S3Prefix", "S3InputMode": "File"},
        }

    output = {"S3Uri": f"s3://jobs/{unique}/merge", "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"}
    work.sagemaker.create_processing_job(
        ProcessingJobName=unique,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": MERGER},
        ProcessingInputs=[source("captures", captures, INPUT), source("labels", truths, LABELS)],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "result", "S3Output": output}]},
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
        Environment={
            "dataset_source": INPUT,
            "ground_truth_source": LABELS,
            "output_path": OUTPUT,
            "start_time": "2026-11-21T08:00:00Z",
            "end_time": "2026-11-21T09:00:00Z",
        },
    )
    ended = work.ended(lambda: work.sagemaker.describe_processing_job(ProcessingJobName=unique), "ProcessingJobStatus")
    assert ended["ProcessingJobStatus"] == "Completed", ended
    (merged,) = work.s3.list_objects_v2(Bucket="jobs", Prefix=f"{unique}/merge/")["Contents"]
    (line,) = work.s3.get_object(Bucket="jobs", Key=merged["Key"])["Body"].read().splitlines()
    found = json.loads(line)
    assert found["captureData"]["endpointOutput"]["data"] == "7"
    assert found["groundTruthData"]["data"] == "8"
