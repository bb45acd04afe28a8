"""kill -9 at any moment: what was acknowledged is there, what ran is ended truthfully, endpoints come back."""

import io
import random
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.conftest import ROLE, Server, eventually, free_port, start_server

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
CODE = """
import os, time

def model_fn(model_dir):
    return 42

def transform_fn(model, body, content_type, accept):
    return str(model), "text/plain"

if __name__ == "__main__":
    print("working", flush=True)
    time.sleep(600)
"""


def write_until_killed(server: Server, stop: threading.Event, round_: int, acknowledged: dict[str, str]) -> None:
    """Create resources and objects one after the other; remember only what was answered."""
    sagemaker, s3 = server.client("sagemaker"), server.client("s3")
    number = 0
    while not stop.is_set():
        name = f"r{round_}-{number}"
        try:
            sagemaker.create_experiment(ExperimentName=name, Tags=[{"Key": "n", "Value": name}])
            acknowledged[f"experiment {name}"] = name
            s3.put_object(Bucket="kept", Key=name, Body=name.encode() * 100)
            acknowledged[f"object {name}"] = name
        except (BotoCoreError, ClientError):
            return
        number += 1


@pytest.mark.timeout(180)
def test_everything_acknowledged_survives_a_kill_at_random_points(tmp_path: Path) -> None:
    port, chance = free_port(), random.Random(20)
    server = start_server(tmp_path, port)
    server.client("s3").create_bucket(Bucket="kept")
    acknowledged: dict[str, str] = {}
    for round_ in range(12):
        stop = threading.Event()
        writers = [
            threading.Thread(target=write_until_killed, args=(server, stop, round_ * 10 + writer, acknowledged))
            for writer in range(2)
        ]
        before = len(acknowledged)
        for writer in writers:
            writer.start()
        eventually(lambda before=before: len(acknowledged) > before + 3, what="some writes")
        stop.wait(chance.uniform(0, 0.25))
        server.kill()
        stop.set()
        for writer in writers:
            writer.join()
        server = start_server(tmp_path, port)
    sagemaker, s3 = server.client("sagemaker"), server.client("s3")
    for what, name in acknowledged.items():
        if what.startswith("object"):
            assert s3.get_object(Bucket="kept", Key=name)["Body"].read() == name.encode() * 100
        else:
            arn = sagemaker.describe_experiment(ExperimentName=name)["ExperimentArn"]
            assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "n", "Value": name}]
    server.stop()
    assert len(acknowledged) > 100


def archive(files: dict[str, str]) -> bytes:
    """A tar.gz of text files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.mark.timeout(180)
def test_a_running_job_fails_truthfully_and_an_endpoint_returns_by_itself(tmp_path: Path) -> None:
    port = free_port()
    server = start_server(tmp_path, port)
    s3, sagemaker = server.client("s3"), server.client("sagemaker")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="source.tar.gz", Body=archive({"work.py": CODE}))
    s3.put_object(Bucket="code", Key="model.tar.gz", Body=archive({"code/work.py": CODE}))
    sagemaker.create_model(
        ModelName="m",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={
            "Image": SKLEARN,
            "ModelDataUrl": "s3://code/model.tar.gz",
            "Environment": {"SAGEMAKER_PROGRAM": "work.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
        },
    )
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    eventually(lambda: sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService")
    sagemaker.create_training_job(
        TrainingJobName="j",
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": SKLEARN, "TrainingInputMode": "File"},
        HyperParameters={
            "sagemaker_program": '"work.py"',
            "sagemaker_submit_directory": '"s3://code/source.tar.gz"',
        },
        OutputDataConfig={"S3OutputPath": "s3://code/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )
    logs = server.client("logs")

    def printed() -> bool:
        found: Any = logs.filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix="j/")
        return any("working" in event["message"] for event in found["events"])

    eventually(printed, what="the job's output")
    server.kill()
    server = start_server(tmp_path, port)
    sagemaker, runtime = server.client("sagemaker"), server.client("sagemaker-runtime")
    job = eventually(
        lambda: (
            (found := sagemaker.describe_training_job(TrainingJobName="j"))["TrainingJobStatus"] == "Failed" and found
        )
    )
    assert "server" in job["FailureReason"].lower()

    def answer() -> bytes | None:
        try:
            body: bytes = runtime.invoke_endpoint(EndpointName="e", ContentType="text/plain", Body=b"x")["Body"].read()
            return body
        except ClientError:
            return None

    assert eventually(answer, what="the endpoint's answer") == b"42"
    assert sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService"
    server.stop()
