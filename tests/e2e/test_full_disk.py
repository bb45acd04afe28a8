"""A full disk: what could not be stored is refused and says so, what was acknowledged stays, and the server goes on."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ROLE, Server, eventually, start_server

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk"),
    pytest.mark.timeout(120),
]
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
DISK = 24 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small(disk: Path) -> Iterator[Server]:
    """A server that has nothing but the small disk."""
    server = start_server(disk / "state")
    yield server
    server.stop()


def fill(disk: Path) -> Path:
    """A file that leaves not one block free."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


def until_refused(create: Callable[[str], Any]) -> set[str]:
    """The names under which something was created: a database may have room in its file, and then has none."""
    acknowledged: set[str] = set()
    for number in range(1000):
        try:
            create(f"number-{number}")
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 507
            assert "disk is full ([Errno 28] No space left on device" in error.response["Error"]["Message"]
            return acknowledged
        acknowledged.add(f"number-{number}")
    raise AssertionError("the disk is not full")


def test_what_a_full_disk_cannot_take_is_refused_and_what_was_acknowledged_stays(small: Server, disk: Path) -> None:
    s3, sagemaker, logs, sns = (small.client(name) for name in ("s3", "sagemaker", "logs", "sns"))
    s3.create_bucket(Bucket="data")
    sns.create_topic(Name="before")
    assert until_refused(lambda name: s3.put_object(Bucket="data", Key=name, Body=bytes(DISK))) == set()
    s3.put_object(Bucket="data", Key="small", Body=b"kept")

    ballast = fill(disk)
    acknowledged = [
        until_refused(lambda name: s3.put_object(Bucket="data", Key=name, Body=b"more")) | {"small"},
        until_refused(lambda name: sagemaker.create_experiment(ExperimentName=name)) | {"after"},
        until_refused(lambda name: logs.create_log_group(logGroupName=name)),
        until_refused(lambda name: sns.create_topic(Name=name)) | {"before"},
    ]
    assert small.get("/_sageyard/health")["status"] == "ok"
    assert s3.get_object(Bucket="data", Key="small")["Body"].read() == b"kept"
    assert topics(sns) == acknowledged[-1]

    ballast.unlink()
    sagemaker.create_experiment(ExperimentName="after")
    small.kill()
    small.process = start_server(disk / "state", port=int(small.url.rpartition(":")[2])).process
    assert [
        {each["Key"] for each in s3.list_objects_v2(Bucket="data")["Contents"]},
        {each["ExperimentName"] for each in sagemaker.list_experiments()["ExperimentSummaries"]},
        {each["logGroupName"] for each in logs.describe_log_groups(logGroupNamePrefix="number")["logGroups"]},
        topics(sns),
    ] == acknowledged


def topics(sns: Any) -> set[str]:
    return {topic["TopicArn"].rpartition(":")[2] for topic in sns.list_topics()["Topics"]}


@pytest.mark.parametrize(
    ("megabytes", "reason"),
    [
        (16, r"InternalServerError: the disk of .*/state is full: .*No space left on device"),
        (64, r"(AlgorithmError|InternalServerError): (.|\n)*No space left on device"),
    ],
    ids=["packing the model", "the container"],
)
def test_a_job_that_fills_the_disk_fails_and_gives_the_space_back(
    small: Server, disk: Path, megabytes: int, reason: str
) -> None:
    sagemaker, s3 = small.client("sagemaker"), small.client("s3")
    s3.create_bucket(Bucket="data")
    script = f"import os; open('/opt/ml/model/big', 'wb').write(os.urandom({megabytes} << 20))"
    sagemaker.create_training_job(
        TrainingJobName="big",
        RoleArn=ROLE,
        AlgorithmSpecification={
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python", "-c", script],
        },
        OutputDataConfig={"S3OutputPath": "s3://data/output"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )

    def ended() -> Any:
        found = sagemaker.describe_training_job(TrainingJobName="big")
        return found if found["TrainingJobStatus"] != "InProgress" else None

    failed = eventually(ended, 60, "the end of the job")
    assert failed["TrainingJobStatus"] == "Failed"
    assert re.match(reason, failed["FailureReason"]), failed["FailureReason"]
    eventually(lambda: os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize > DISK // 2, 10, "the space")
    s3.put_object(Bucket="data", Key="after", Body=bytes(1 << 20))
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="data")["Contents"]] == ["after"]
