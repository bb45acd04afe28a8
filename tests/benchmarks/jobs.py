"""What a job costs beyond its script: from CreateTrainingJob or CreateProcessingJob to Completed, minus `python ...`.

    python -m tests.benchmarks --only jobs

The end is seen through Describe with `X-Sageyard-Wait`, which answers at the moment of change. Script and bare script
run in turns; medians.
"""

import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import Figure, Scale, at_most
from tests.conftest import ROLE, start_server

TITLE = "Jobs: wall time beyond the bare script"
BESIDE = "bare script"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
BUCKET = "bench-jobs"
TRAIN = """
import os, pathlib
pathlib.Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text("42")
"""
PREPARE = """
import os, pathlib
base = pathlib.Path(os.environ.get("BARE_DIR", "/opt/ml/processing"))
(base / "output" / "rows.csv").write_text((base / "input" / "raw.csv").read_text().upper())
"""


def measure(scale: Scale) -> Sequence[Figure]:
    """A training job in script mode and a processing job."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("input", "output"):
            (folder / each).mkdir()
        (folder / "train.py").write_text(TRAIN)
        (folder / "prepare.py").write_text(PREPARE)
        (folder / "input" / "raw.csv").write_text("a,b\n" * 100)
        server = start_server(folder / "state")
        try:
            client, s3 = server.client("sagemaker"), server.client("s3")
            client.meta.events.register("before-sign.sagemaker", _wait_for_end)
            s3.create_bucket(Bucket=BUCKET)
            s3.put_object(Bucket=BUCKET, Key="sourcedir.tar.gz", Body=_archive(folder / "train.py"))
            s3.upload_file(str(folder / "prepare.py"), BUCKET, "code/prepare.py")
            s3.upload_file(str(folder / "input" / "raw.csv"), BUCKET, "raw/raw.csv")
            rounds = scale.of(3, 7)
            return [
                *_compare("training job, script mode", rounds, lambda n: train(client, n), folder, "train.py"),
                *_compare("processing job", rounds, lambda n: process(client, n), folder, "prepare.py"),
            ]
        finally:
            server.stop()


def _compare(name: str, rounds: int, job: Callable[[int], None], folder: Path, script: str) -> list[Figure]:
    def bare(_: int) -> None:
        environment = os.environ | {"SM_MODEL_DIR": str(folder), "BARE_DIR": str(folder)}
        subprocess.run([sys.executable, str(folder / script)], check=True, env=environment)

    job(-1)  # what the first job of a server pays once is no job's cost
    with_job, alone = [], []
    for number in range(rounds):
        with_job.append(_seconds(job, number))
        alone.append(_seconds(bare, number))
    whole, script_alone = statistics.median(with_job), statistics.median(alone)
    return [
        Figure(f"{name}: wall time", f"{whole:.3f} s", f"{script_alone:.3f} s", f"{whole / script_alone:.1f} x"),
        at_most(f"{name}: beyond the script", whole - script_alone, 0.3, "s"),
    ]


def train(client: Any, number: int) -> None:
    """One training job, to its end."""
    name = f"bench-{number + 1}"
    client.create_training_job(
        TrainingJobName=name,
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"s3://{BUCKET}/sourcedir.tar.gz",
        },
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    ended = client.describe_training_job(TrainingJobName=name)
    assert ended["TrainingJobStatus"] == "Completed", ended


def process(client: Any, number: int) -> None:
    """One processing job, to its end."""
    name = f"bench-{number + 1}"
    base = "/opt/ml/processing"
    inputs = {"code": (f"s3://{BUCKET}/code", f"{base}/code"), "raw": (f"s3://{BUCKET}/raw", f"{base}/input")}
    client.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", f"{base}/code/prepare.py"]},
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
        ProcessingInputs=[
            {
                "InputName": key,
                "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"},
            }
            for key, (uri, path) in inputs.items()
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "rows",
                    "S3Output": {
                        "S3Uri": f"s3://{BUCKET}/rows/{name}",
                        "LocalPath": f"{base}/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
    )
    ended = client.describe_processing_job(ProcessingJobName=name)
    assert ended["ProcessingJobStatus"] == "Completed", ended


def _wait_for_end(request: Any, operation_name: str, **_: Any) -> None:
    if operation_name.startswith("Describe"):
        request.headers["X-Sageyard-Wait"] = "50"


def _seconds(work: Callable[[int], None], number: int) -> float:
    begun = time.perf_counter()
    work(number)
    return time.perf_counter() - begun


def _archive(path: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(path, path.name)
    return buffer.getvalue()
