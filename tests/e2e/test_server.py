"""Sageyard's own endpoints, and what a restart keeps."""

import threading
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ROLE, Server, eventually, free_port, start_server

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that these tests may reset and whose clock they may move."""
    running = start_server(tmp_path_factory.mktemp("own"))
    yield running
    running.stop()


def sleeping_job(server: Server, name: str, seconds: float) -> None:
    """A processing job that sleeps."""
    server.client("sagemaker").create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={
            "ImageUri": SKLEARN,
            "ContainerEntrypoint": ["python3", "-c", f"import time; time.sleep({seconds})"],
        },
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
    )


def test_health_counts_resources_by_kind_and_status(own: Server, unique: str) -> None:
    sleeping_job(own, unique, 0)
    eventually(lambda: own.get("/_sageyard/health")["resources"].get("ProcessingJob") == {"Completed": 1})
    assert own.get("/_sageyard/health")["version"]


def test_the_clock_moves_forward_only_and_survives_a_restart(tmp_path: Path) -> None:
    port = free_port()
    server = start_server(tmp_path, port)
    assert server.post("/_sageyard/clock", {"advance": 7200})["offset"] == 7200
    with pytest.raises(urllib.error.HTTPError, match="400"):
        server.post("/_sageyard/clock", {"advance": -1})
    server.kill()
    server = start_server(tmp_path, port)
    assert server.get("/_sageyard/clock")["epoch"] == pytest.approx(time.time() + 7200, abs=5)
    server.client("sagemaker").create_experiment(ExperimentName="later")
    created = server.client("sagemaker").describe_experiment(ExperimentName="later")["CreationTime"]
    assert created.timestamp() == pytest.approx(time.time() + 7200, abs=5)
    server.stop()


def test_a_describe_with_the_wait_header_is_answered_when_the_job_has_ended(own: Server, unique: str) -> None:
    client = own.client("sagemaker")
    client.meta.events.register(
        "before-sign.sagemaker.DescribeProcessingJob",
        lambda request, **_: request.headers.add_header("X-Sageyard-Wait", "20"),
    )
    sleeping_job(own, unique, 1)
    started = time.monotonic()
    job = client.describe_processing_job(ProcessingJobName=unique)
    assert job["ProcessingJobStatus"] == "Completed"
    assert 0.9 < time.monotonic() - started < 10


def test_a_waiting_describe_holds_up_nobody_else(own: Server, unique: str) -> None:
    waiting = own.client("sagemaker")
    waiting.meta.events.register(
        "before-sign.sagemaker.DescribeProcessingJob",
        lambda request, **_: request.headers.add_header("X-Sageyard-Wait", "8"),
    )
    sleeping_job(own, unique, 60)
    holder = threading.Thread(target=waiting.describe_processing_job, kwargs={"ProcessingJobName": unique})
    holder.start()
    started = time.monotonic()
    assert own.client("sagemaker").describe_processing_job(ProcessingJobName=unique)["ProcessingJobStatus"]
    assert time.monotonic() - started < 6
    holder.join()
    own.client("sagemaker").stop_processing_job(ProcessingJobName=unique)


def test_reset_stops_all_work_and_leaves_an_empty_usable_server(own: Server, unique: str) -> None:
    s3 = own.client("s3")
    s3.create_bucket(Bucket="gone")
    s3.put_object(Bucket="gone", Key="k", Body=b"x")
    sleeping_job(own, unique, 600)
    own.post("/moto-api/reset")
    assert own.get("/_sageyard/health")["resources"] == {}
    assert s3.list_buckets()["Buckets"] == []
    with pytest.raises(ClientError):
        own.client("sagemaker").describe_processing_job(ProcessingJobName=unique)
    sleeping_job(own, unique, 0)
    client: Any = own.client("sagemaker")
    eventually(lambda: client.describe_processing_job(ProcessingJobName=unique)["ProcessingJobStatus"] == "Completed")


def test_regions_are_separate(own: Server, unique: str) -> None:
    own.client("sagemaker", "eu-west-1").create_experiment(ExperimentName=unique)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        own.client("sagemaker").describe_experiment(ExperimentName=unique)
    arn = own.client("sagemaker", "eu-west-1").describe_experiment(ExperimentName=unique)["ExperimentArn"]
    assert arn.startswith("arn:aws:sagemaker:eu-west-1:123456789012:experiment/")
