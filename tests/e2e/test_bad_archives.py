"""Archives that must not be unpacked fail what asked for them, with the reason, and write nothing anywhere."""

import gzip
import io
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROLE, Server, eventually, start_server

pytestmark = pytest.mark.timeout(120)
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
LIMIT = 1_000_000
EVIL = "sageyard-evil"


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that unpacks a megabyte at most."""
    server = start_server(tmp_path_factory.mktemp("limited"), options=["--unpack-limit", str(LIMIT)])
    server.client("s3").create_bucket(Bucket="archives")
    yield server
    server.stop()


def archive(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """A tar.gz of one member."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size, member.type, member.linkname = len(content), kind, link
        tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


BAD = {
    "absolute": (archive(f"/tmp/{EVIL}", b"x"), "lead"),
    "parent": (archive(f"../../{EVIL}", b"x"), "lead"),
    "link": (archive(EVIL, kind=tarfile.SYMTYPE, link="/etc"), "link"),
    "device": (archive(EVIL, kind=tarfile.CHRTYPE), "plain files|neither a file"),
    "bomb": (archive(EVIL, bytes(20 * LIMIT)), f"more than {LIMIT} bytes"),
}


def put(server: Server, name: str, content: bytes) -> str:
    server.client("s3").put_object(Bucket="archives", Key=name, Body=content)
    return f"s3://archives/{name}"


def train(server: Server, name: str, **members: Any) -> dict[str, Any]:
    """A training job that has ended."""
    sagemaker = server.client("sagemaker")
    sagemaker.create_training_job(
        TrainingJobName=name,
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        OutputDataConfig={"S3OutputPath": "s3://archives/output"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
        **members,
    )

    def ended() -> Any:
        found = sagemaker.describe_training_job(TrainingJobName=name)
        return found if found["TrainingJobStatus"] != "InProgress" else None

    return dict(eventually(ended, 60, "the end of the job"))


def nothing_written(server: Server) -> None:
    """Nothing of the archive stays in the state directory or stands outside."""

    def left() -> list[str]:
        return [name for _, folders, files in os.walk(server.state_dir) for name in folders + files if name == EVIL]

    eventually(lambda: not left(), 10, "the removal of what was unpacked")
    assert not Path("/tmp", EVIL).exists()


@pytest.mark.parametrize("kind", BAD)
def test_a_model_archive_fails_the_endpoint(limited: Server, kind: str, unique: str) -> None:
    content, said = BAD[kind]
    sagemaker = limited.client("sagemaker")
    model = {"Image": IMAGE, "ModelDataUrl": put(limited, f"{kind}/model.tar.gz", content)}
    sagemaker.create_model(ModelName=unique, PrimaryContainer=model, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "all", "ModelName": unique, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=unique, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=unique, EndpointConfigName=unique)

    def settled() -> Any:
        found = sagemaker.describe_endpoint(EndpointName=unique)
        return found if found["EndpointStatus"] != "Creating" else None

    endpoint = eventually(settled, 30, "the end of creation")
    assert endpoint["EndpointStatus"] == "Failed"
    assert f'Model data at "s3://archives/{kind}/model.tar.gz" cannot be used' in endpoint["FailureReason"]
    assert re.search(said, endpoint["FailureReason"])
    nothing_written(limited)


@pytest.mark.parametrize("kind", BAD)
def test_a_scripts_archive_fails_the_training_job(limited: Server, kind: str, unique: str) -> None:
    content, said = BAD[kind]
    uri = put(limited, f"{kind}/sourcedir.tar.gz", content)
    job = train(
        limited,
        unique,
        HyperParameters={"sagemaker_program": "train.py", "sagemaker_submit_directory": uri},
        Environment={"SAGEYARD_UNPACK_LIMIT": str(LIMIT)},
    )
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert uri in job["FailureReason"]
    assert re.search(said, job["FailureReason"])
    nothing_written(limited)


def test_a_gzip_channel_past_the_limit_fails_the_training_job(limited: Server, unique: str) -> None:
    uri = put(limited, "channel/evil.csv.gz", gzip.compress(bytes(20 * LIMIT)))
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://archives/channel/"}}
    channel = {"ChannelName": "train", "CompressionType": "Gzip", "DataSource": source}
    job = train(limited, unique, InputDataConfig=[channel])
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        f"ClientError: Data download failed: {uri} unpacks to more than {LIMIT} bytes"
    )
    nothing_written(limited)
