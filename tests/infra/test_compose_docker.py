"""infra/compose.docker.yaml: Sageyard in a container, its jobs in other containers of the same engine."""

from pathlib import Path

import pytest

from tests.conftest import ROLE, Server, eventually, free_port
from tests.infra.conftest import project, wait_until_healthy
from tests.local_mode.conftest import docker

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
PROGRAM = (
    'import boto3, os; open("/opt/ml/processing/out/host", "w").write(os.uname().nodename); '
    'boto3.client("s3").put_object(Bucket="from-inside", Key="user", Body=str(os.getuid()))'
)


def test_a_job_runs_beside_the_server_and_reaches_it(image: str, built_scikit_learn: str, tmp_path: Path) -> None:
    port, state = free_port(), tmp_path / "state"
    environment = {"SAGEYARD_IMAGE": image, "SAGEYARD_PORT": str(port), "SAGEYARD_STATE_DIR": str(state)}
    with project("compose.docker.yaml", environment) as compose:
        container = compose("ps", "-q", "sageyard")
        wait_until_healthy(container)
        server = Server(f"http://127.0.0.1:{port}", state, process=None)  # type: ignore[arg-type]
        sagemaker, s3 = server.client("sagemaker"), server.client("s3")
        s3.create_bucket(Bucket="from-inside")
        output = {"S3Uri": "s3://from-inside/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
        sagemaker.create_processing_job(
            ProcessingJobName="beside",
            RoleArn=ROLE,
            AppSpecification={"ImageUri": built_scikit_learn, "ContainerEntrypoint": ["python", "-c", PROGRAM]},
            ProcessingResources={
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": output}]},
        )
        job = eventually(
            lambda: (
                found
                if (found := sagemaker.describe_processing_job(ProcessingJobName="beside"))["ProcessingJobStatus"]
                not in {"InProgress", "Stopping"}
                else None
            ),
            90,
            "the job's end",
        )
        assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
        assert s3.get_object(Bucket="from-inside", Key="out/host")["Body"].read() == b"algo-1"
        assert s3.get_object(Bucket="from-inside", Key="user")["Body"].read() == b"1000"
        compose("stop")
        assert docker("ps", "-aq", "--filter", f"label=com.sageyard.state-dir={state}") == ""
        assert docker("network", "ls", "-q", "--filter", f"label=com.sageyard.state-dir={state}") == ""
