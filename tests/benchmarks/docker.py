"""What a training job in a container costs beyond a bare `docker run --init --rm` of the same image and program.

    python -m tests.benchmarks --only docker

Needs a Docker Engine and the scikit-learn image (`sageyard images build sagemaker-scikit-learn`). The end is seen
through Describe with `X-Sageyard-Wait`. Job and bare run in turns; medians.
"""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import Figure, Scale, at_most
from tests.conftest import ROLE, start_server

TITLE = "Docker runner: wall time beyond a bare docker run"
BESIDE = "docker run"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
BUILT = "sageyard/sagemaker-scikit-learn:latest"
PROGRAM = ["python", "-c", "open('/opt/ml/model/model.txt', 'w').write('42')"]
BUCKET = "bench-docker"


def measure(scale: Scale) -> Sequence[Figure]:
    """One training job after the other, of a program that does next to nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model").mkdir()
        (folder / "model").chmod(0o777)
        server = start_server(folder / "state", options=["--runner", "docker"])
        try:
            client = server.client("sagemaker")
            client.meta.events.register("before-sign.sagemaker", _wait_for_end)
            server.client("s3").create_bucket(Bucket=BUCKET)
            _train(client, 0)  # what the first job of a server pays once is no job's cost
            with_job, alone = [], []
            for number in range(scale.of(3, 11)):
                begun = time.perf_counter()
                _train(client, number + 1)
                turn = time.perf_counter()
                _run_bare(folder / "model")
                with_job.append(turn - begun)
                alone.append(time.perf_counter() - turn)
        finally:
            server.stop()
    whole, bare = statistics.median(with_job), statistics.median(alone)
    return [
        Figure("training job: wall time", f"{whole:.3f} s", f"{bare:.3f} s", f"{whole / bare:.1f} x"),
        at_most("training job: beyond docker run", whole - bare, 0.5, "s"),
    ]


def _run_bare(model: Path) -> None:
    mount = f"type=bind,source={model},target=/opt/ml/model"
    command = ["docker", "run", "--init", "--rm", "--mount", mount, "--entrypoint", PROGRAM[0], BUILT, *PROGRAM[1:]]
    subprocess.run(command, check=True)


def _train(client: Any, number: int) -> None:
    name = f"bench-{number}"
    client.create_training_job(
        TrainingJobName=name,
        RoleArn=ROLE,
        AlgorithmSpecification={
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": PROGRAM[:1],
            "ContainerArguments": PROGRAM[1:],
        },
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    ended = client.describe_training_job(TrainingJobName=name)
    assert ended["TrainingJobStatus"] == "Completed", ended


def _wait_for_end(request: Any, operation_name: str, **_: Any) -> None:
    if operation_name.startswith("Describe"):
        request.headers["X-Sageyard-Wait"] = "50"
