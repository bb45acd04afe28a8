"""infra/: Sageyard's own image, started by Docker Compose, runs the README's example and keeps its state."""

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY, Server, eventually
from tests.infra.conftest import Compose, inspected, wait_until_healthy
from tests.local_mode.conftest import docker
from tests.sdk.conftest import LOOPBACK, SCRIPTS, interpreter

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


def invoke(composed: Server, endpoint: str) -> float:
    runtime = composed.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body="0.3,12.1,7")
    return float(answer["Body"].read())


@pytest.fixture(scope="module")
def example(composed: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the README's example prints, run word for word in the SDK's environment."""
    folder = tmp_path_factory.mktemp("readme")
    (code,) = re.findall(r"```python\n(import sagemaker\n.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    (folder / "example.py").write_text(code)
    rows = [(number % 2, 0.3 + number % 2, 12.1 - number % 3, number % 7) for number in range(200)]
    (folder / "train.csv").write_text("".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows))
    command = [sys.executable, "-m", "sageyard", "run", "--port", composed.url.rpartition(":")[2]]
    command += ["--state-dir", str(composed.state_dir), "--", interpreter(2), "example.py"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"CONTACTED_HOSTS": str(folder / "hosts"), "PYTHONPATH": str(SCRIPTS / "guard")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    contacted = set((folder / "hosts").read_text().split())
    assert contacted
    assert contacted <= LOOPBACK
    return done.stdout


def test_the_server_is_no_root_and_says_that_it_is_well(composed: Server, container: str) -> None:
    assert composed.get("/_sageyard/health")["status"] == "ok"
    assert docker("exec", container, "id", "-un") == "sageyard"
    assert inspected(container)["Mounts"][0]["Destination"] == "/var/lib/sageyard"
    (published,) = inspected(container)["NetworkSettings"]["Ports"]["4747/tcp"]
    assert published["HostIp"] == "127.0.0.1"


def test_jobs_have_an_opt_ml_of_their_own(container: str) -> None:
    assert "ok   mount namespaces: each job gets its own /opt/ml" in docker("exec", container, "sageyard", "doctor")


def test_the_readmes_example_trains_and_is_answered(composed: Server, example: str) -> None:
    answer = re.search(r"\[\[\W*([0-9.]+)|b'([0-9.]+)|^([0-9.]+)$", example, re.MULTILINE)
    assert answer, example[-1000:]
    (endpoint,) = composed.client("sagemaker").list_endpoints()["Endpoints"]
    assert endpoint["EndpointStatus"] == "InService"
    assert invoke(composed, endpoint["EndpointName"]) < 0.5, "a row of class 0"


def test_everything_is_there_after_a_restart(composed: Server, compose: Compose, container: str, example: str) -> None:
    sagemaker = composed.client("sagemaker")
    (endpoint,) = sagemaker.list_endpoints()["Endpoints"]
    before = invoke(composed, endpoint["EndpointName"])
    started = inspected(container)["State"]["StartedAt"]
    compose("restart")
    wait_until_healthy(container)
    assert inspected(container)["State"]["StartedAt"] > started
    (job,) = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    assert job["TrainingJobStatus"] == "Completed"
    artefact = sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"])["ModelArtifacts"]
    bucket, key = artefact["S3ModelArtifacts"].removeprefix("s3://").split("/", 1)
    assert composed.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"] > 500
    eventually(
        lambda: sagemaker.describe_endpoint(EndpointName=endpoint["EndpointName"])["EndpointStatus"] == "InService",
        60,
        "the endpoint's return",
    )
    assert invoke(composed, endpoint["EndpointName"]) == before


def test_the_server_ends_by_itself_when_it_is_told_to(
    compose: Compose, container: str, composed: Server, example: str
) -> None:
    compose("stop")
    state = inspected(container)["State"]
    assert state["ExitCode"] in {0, 128 + signal.SIGTERM}, "128 + 9 would be the engine's patience at its end"
    compose("start")
    wait_until_healthy(container)
