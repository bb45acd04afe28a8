"""A server of the demo's own, and the few calls the loop makes, each one plain boto3."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

from sageyard.cloud import split_s3_uri

ROLE = "arn:aws:iam::123456789012:role/SageyardExecutionRole"
REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST = f"{REGISTRY}/sagemaker-xgboost:1.7-1"
ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
INSTANCE = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
TERMINAL = {"Completed", "Failed", "Stopped", "InService"}


class StepFailedError(RuntimeError):
    """A step of the loop did not succeed; the message is SageMaker's reason."""


def wait(describe: Callable[[], dict[str, Any]], status: str, seconds: float = 120) -> dict[str, Any]:
    """Poll a Describe until its status member is final; anything but success raises StepFailedError."""
    deadline = time.monotonic() + seconds
    while (answer := describe())[status] not in TERMINAL:
        if time.monotonic() > deadline:
            raise StepFailedError(f"{status} is still {answer[status]} after {seconds:g} s")
        time.sleep(0.02)
    if answer[status] not in {"Completed", "InService"}:
        raise StepFailedError(answer.get("FailureReason", answer[status]))
    return answer


class Account:
    """Starts `sageyard up` on a free port over a folder of its own; `close` stops it."""

    def __init__(self, folder: Path, runner: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "sageyard", "up", "--port", str(port), "--state-dir", str(folder / "state")]
        command += ["--runner", runner]
        with (folder / "server.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PYTHONUNBUFFERED": "1"})
        session = boto3.Session("demo", "demo", region_name="us-east-1")
        self.sagemaker, self.runtime, self.s3, self.cloudwatch = (
            session.client(name, endpoint_url=self.url)
            for name in ("sagemaker", "sagemaker-runtime", "s3", "cloudwatch")
        )
        self.log = folder / "server.log"

    def ready(self, seconds: float = 20) -> None:
        """Wait until the server answers."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.get("/_sageyard/health")
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise StepFailedError(f"the server did not start:\n{self.log.read_text()[-2000:]}") from None
                time.sleep(0.02)

    def close(self) -> None:
        """Stop the server and wait until it is gone."""
        self.process.terminate()
        self.process.wait(30)

    def get(self, path: str) -> Any:
        """One of Sageyard's own endpoints."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    def next_hour(self) -> str:
        """Move the server's clock just past the next full hour; returns the new time."""
        seconds = 3600 - self.get("/_sageyard/clock")["epoch"] % 3600 + 1
        request = urllib.request.Request(self.url + "/_sageyard/clock", json.dumps({"advance": seconds}).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            now: str = json.load(answer)["now"]
            return now

    def put(self, uri: str, body: bytes | str) -> str:
        """Write an object and return its URI."""
        bucket, key = split_s3_uri(uri)
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)
        return uri

    def read(self, uri: str) -> bytes:
        """An object's bytes."""
        bucket, key = split_s3_uri(uri)
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def keys(self, uri: str) -> list[str]:
        """URIs of all objects under a prefix."""
        bucket, prefix = split_s3_uri(uri)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [f"s3://{bucket}/{entry['Key']}" for page in pages for entry in page.get("Contents", [])]

    def train(self, name: str, channels: dict[str, str], output: str, hyperparameters: dict[str, str]) -> Any:
        """CreateTrainingJob with built-in XGBoost on CSV channels; the finished job's description."""
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            RoleArn=ROLE,
            AlgorithmSpecification={"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
            HyperParameters=hyperparameters,
            InputDataConfig=[
                {
                    "ChannelName": channel,
                    "ContentType": "text/csv",
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
                }
                for channel, uri in channels.items()
            ],
            OutputDataConfig={"S3OutputPath": output},
            ResourceConfig=INSTANCE,
            StoppingCondition={"MaxRuntimeInSeconds": 300},
        )
        return wait(lambda: self.sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus")

    def process_data(
        self, name: str, image: str, inputs: dict[str, str], outputs: dict[str, str], **specification: Any
    ) -> Any:
        """CreateProcessingJob; `inputs` and `outputs` map local paths under /opt/ml/processing/ to S3 URIs."""
        environment = specification.pop("Environment", {})
        self.sagemaker.create_processing_job(
            ProcessingJobName=name,
            RoleArn=ROLE,
            AppSpecification={"ImageUri": image, **specification},
            Environment=environment,
            ProcessingInputs=[
                {
                    "InputName": f"input-{number}",
                    "S3Input": {
                        "S3Uri": uri,
                        "LocalPath": f"/opt/ml/processing/{path}",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                    },
                }
                for number, (path, uri) in enumerate(inputs.items())
            ],
            ProcessingOutputConfig={
                "Outputs": [
                    {
                        "OutputName": f"output-{number}",
                        "S3Output": {
                            "S3Uri": uri,
                            "LocalPath": f"/opt/ml/processing/{path}",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                    for number, (path, uri) in enumerate(outputs.items())
                ]
            },
            ProcessingResources={"ClusterConfig": INSTANCE},
        )
        return wait(lambda: self.sagemaker.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus")
