"""A server whose jobs and endpoints run in containers, and small images of a user's own."""

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import ROLE, Server, eventually, start_server

OWN = "sageyard-test/own:1"
OWN_URI = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{OWN}"
"""What a user of AWS would call the image."""
DOCKERFILE = """\
FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1
COPY train serve /usr/local/bin/
"""
TRAIN = """\
#!/usr/bin/env python3
import json
exec(json.loads(json.load(open("/opt/ml/input/config/hyperparameters.json"))["script"]))
"""
SERVE = """\
#!/usr/bin/env python3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self): self.answer(b"")
    def do_POST(self): self.answer(self.rfile.read(int(self.headers["Content-Length"])).upper())
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


def docker(*arguments: str) -> str:
    """What the docker command says."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def containers_of(server: Server) -> list[str]:
    """The containers that a server has now, running or not."""
    return docker("ps", "-aq", "--filter", f"label=com.sageyard.state-dir={server.state_dir}").split()


@pytest.fixture(scope="session")
def own_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image as users bring their own: programs `train` and `serve`, no entrypoint, root."""
    folder = tmp_path_factory.mktemp("own")
    for name, content in (("Dockerfile", DOCKERFILE), ("train", TRAIN), ("serve", SERVE)):
        (folder / name).write_text(content)
        (folder / name).chmod(0o755)
    docker("build", "--quiet", "--tag", OWN, str(folder))
    return OWN_URI


@pytest.fixture(scope="session")
def built_images() -> None:
    """Sageyard's own images; the engine's cache makes every build but the first a quick one."""
    subprocess.run([sys.executable, "-m", "sageyard", "images", "build"], check=True, capture_output=True, timeout=900)


@pytest.fixture(scope="session")
def docker_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The session's server with the Docker runner; nothing of it is left in the engine."""
    server = start_server(tmp_path_factory.mktemp("docker"), options=["--runner", "docker"])
    yield server
    server.stop()
    assert containers_of(server) == []
    assert docker("network", "ls", "-q", "--filter", f"label=com.sageyard.state-dir={server.state_dir}") == ""


@pytest.fixture(scope="session")
def work(docker_server: Server) -> "Work":
    return Work(docker_server)


class Work:
    """Jobs and endpoints of the server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.sagemaker, self.s3 = server.client("sagemaker"), server.client("s3")
        self.s3.create_bucket(Bucket="jobs")

    def train(self, name: str, image: str, script: str = "", instances: int = 1, **members: Any) -> dict[str, Any]:
        """Run a training job to its end; its description."""
        algorithm = {"TrainingImage": image, "TrainingInputMode": "File"} | members.pop("AlgorithmSpecification", {})
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            RoleArn=ROLE,
            AlgorithmSpecification=algorithm,
            HyperParameters={"script": json.dumps(script)},
            OutputDataConfig={"S3OutputPath": "s3://jobs/output"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": instances, "VolumeSizeInGB": 1}
            | members.pop("ResourceConfig", {}),
            StoppingCondition={"MaxRuntimeInSeconds": 120},
            **members,
        )
        return self.ended(lambda: self.sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus")

    def ended(self, describe: Callable[[], dict[str, Any]], status: str) -> dict[str, Any]:
        """Wait until a resource is settled."""

        def settled() -> dict[str, Any] | None:
            found = describe()
            return None if found[status] in {"InProgress", "Stopping", "Creating", "Deleting"} else found

        found: dict[str, Any] = eventually(settled, 90, f"the end of {status}")
        return found

    def deploy(self, name: str, image: str, **container: Any) -> dict[str, Any]:
        """Create model, configuration and endpoint `name`, and wait; its description."""
        self.sagemaker.create_model(
            ModelName=name, PrimaryContainer={"Image": image, **container}, ExecutionRoleArn=ROLE
        )
        variant = {"VariantName": "all", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        return self.ended(lambda: self.sagemaker.describe_endpoint(EndpointName=name), "EndpointStatus")

    def model(self, description: dict[str, Any]) -> dict[str, bytes]:
        """The files of a training job's model."""
        bucket, _, key = description["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
        packed = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            return {
                member.name.removeprefix("./"): file.read()
                for member in archive
                if (file := archive.extractfile(member)) is not None
            }

    def log(self, group: str, name: str) -> list[str]:
        """The lines of the log streams of a job."""
        logs = self.server.client("logs")
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
        return [
            event["message"]
            for stream in streams
            for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        ]
