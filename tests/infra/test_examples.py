"""infra/'s examples for users' own projects: what they name is there, and their steps do what they say."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY, Server
from tests.local_mode.conftest import docker
from tests.sdk.conftest import interpreter

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]
INFRA = REPOSITORY / "infra"


def test_the_devcontainer_is_built_from_what_is_there(image: str) -> None:
    folder = INFRA / "devcontainer"
    document = json.loads((folder / "devcontainer.json").read_text())
    assert (folder / document["build"]["dockerfile"]).resolve() == INFRA / "Dockerfile"
    assert (folder / document["build"]["context"]).resolve() == REPOSITORY
    options = [part for name, value in document["containerEnv"].items() for part in ("-e", f"{name}={value}")]
    options += [part for option in document["securityOpt"] for part in ("--security-opt", option)]
    identity = 'python -c \'import boto3; print(boto3.client("sts").get_caller_identity()["Account"])\''
    said = docker(
        "run", "--rm", "--init", "--user", document["remoteUser"], *options, "--entrypoint", "sh", image, "-ec",
        f'{document["postStartCommand"]} && test -f "$SAGEMAKER_USER_CONFIG_OVERRIDE" && {identity}',
    )  # fmt: skip
    assert said.splitlines()[-1] == "123456789012"


def test_the_workflow_lets_an_sdk_use_the_service(composed: Server, container: str, tmp_path: Path) -> None:
    workflow: dict[Any, Any] = yaml.safe_load((INFRA / "github-actions" / "test-with-sageyard.yml").read_text())
    job = workflow["jobs"]["test"]
    (service,) = job["services"].values()
    assert service["ports"] == ["127.0.0.1:4747:4747"]
    (step,) = [step for step in job["steps"] if step.get("name", "").startswith("Let the SageMaker SDKs")]
    script = re.sub(r"\$\{\{ *job\.services\.sageyard\.id *\}\}", container, step["run"])
    assert "${{" not in script
    variables = tmp_path / "github-env"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHONPATH"))}
    runner = inherited | job["env"] | {"RUNNER_TEMP": str(tmp_path), "GITHUB_ENV": str(variables)}
    subprocess.run(["bash", "-e", "-c", script], env=runner, check=True)
    runner |= dict(line.split("=", 1) for line in variables.read_text().splitlines())
    runner["AWS_ENDPOINT_URL"] = composed.url  # this test's port; the workflow's is 4747
    program = "import sagemaker; print(sagemaker.get_execution_role(), sagemaker.Session().default_bucket())"
    done = subprocess.run([interpreter(2), "-c", program], env=runner, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    role, bucket = done.stdout.splitlines()[-1].split()
    assert role.startswith("arn:aws:iam::123456789012:role/")
    assert bucket == "sagemaker-us-east-1-123456789012"
