"""`sageyard images`: built, listed, mapped."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sageyard.runners.base import StartError
from sageyard.runners.docker.build import build
from sageyard.runners.docker.engine import connect
from sageyard.runners.images import Images

from tests.conftest import ACCOUNT, free_port
from tests.docker.conftest import OWN, Work, docker

pytestmark = pytest.mark.docker
LARGEST = 700
"""Megabytes."""


def sageyard(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "sageyard", *arguments], capture_output=True, text=True, timeout=120)


def test_every_image_is_built_and_small(built_images: None) -> None:
    listed = sageyard("images", "list").stdout
    for name in Images().known().values():
        match = re.search(rf"^sageyard/{name.name}:latest +(\d+) MB", listed, re.MULTILINE)
        assert match, listed
        assert int(match[1]) < LARGEST


def test_no_image_runs_as_root_or_holds_nccl(built_images: None) -> None:
    for image in Images().known().values():
        reference = f"sageyard/{image.name}:latest"
        assert docker("image", "inspect", "--format", "{{.Config.User}}", reference) == "sagemaker"
        shown = docker("run", "--rm", "--entrypoint", "pip", reference, "list", "--format", "freeze")
        assert "nccl" not in shown


def test_a_mapping_decides_what_runs_and_can_be_removed(work: Work, own_image: str, unique: str) -> None:
    uri, state = f"elsewhere.example/{unique}", ("--state-dir", str(work.server.state_dir))
    assert sageyard("images", "map", uri, own_image, *state).returncode == 0
    assert f"{uri} is mapped to {own_image}" in sageyard("images", "list", *state).stdout
    assert work.train(unique, f"{uri}:3", "print(1)")["TrainingJobStatus"] == "Completed"
    assert sageyard("images", "map", uri, "--remove", *state).returncode == 0
    assert f"no image '{uri}:3'" in work.train(f"{unique}-2", f"{uri}:3")["FailureReason"]
    again = sageyard("images", "map", uri, "--remove", *state)
    assert again.returncode == 1
    assert "is not mapped" in again.stderr


@pytest.fixture
def repository(unique: str) -> Iterator[str]:
    """The name of a repository whose images are taken out of the engine again."""
    name = unique.lower()
    yield name
    uri = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{name}"
    for tag in docker("images", "--format", "{{.Repository}}:{{.Tag}}", uri).splitlines():
        docker("rmi", tag)


def test_a_pushed_image_is_in_ecr_and_runs_by_its_uri(work: Work, own_image: str, repository: str, unique: str) -> None:
    """build, push, train: as `build_and_push.sh` scripts do, with another word for `docker push`."""
    state, ecr = ("--state-dir", str(work.server.state_dir)), work.server.client("ecr")
    done = sageyard("images", "push", OWN, f"{repository}:7", *state)
    assert (done.returncode, done.stderr) == (0, "")
    uri = done.stdout.strip()
    assert uri == f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{repository}:7"
    assert ecr.describe_repositories(repositoryNames=[repository])["repositories"][0]["repositoryUri"] == uri[:-2]
    (detail,) = ecr.describe_images(repositoryName=repository)["imageDetails"]
    assert detail["imageTags"] == ["7"]
    assert detail["imageSizeInBytes"] == int(docker("image", "inspect", "--format", "{{.Size}}", OWN))
    assert work.train(unique, uri, "print(1)")["TrainingJobStatus"] == "Completed"

    assert sageyard("images", "push", OWN, f"{repository}:7", *state).returncode == 0, "again"
    assert sageyard("images", "push", "python:3.11-slim", repository, *state).stdout.strip() == f"{uri[:-1]}latest"
    assert {each["imageTag"] for each in ecr.list_images(repositoryName=repository)["imageIds"]} == {"7", "latest"}


def test_what_cannot_be_pushed_is_refused_with_the_way_out(work: Work, own_image: str, tmp_path: Path) -> None:
    state = ("--state-dir", str(work.server.state_dir))
    for arguments, said in (
        (("no/such:image", *state), "the Docker Engine does not give 'no/such:image': "),
        ((OWN, "Capitals", *state), "ECR refused 'Capitals'"),
        ((OWN, "--state-dir", str(tmp_path), "--port", str(free_port())), "Start one with `sageyard up --detach`"),
    ):
        done = sageyard("images", "push", *arguments)
        assert done.returncode == 1
        assert said in done.stderr


def test_an_image_that_is_not_known_is_not_built() -> None:
    done = sageyard("images", "build", "no-such-image")
    assert done.returncode == 2
    assert "'no-such-image' is none of" in done.stderr
    assert "sagemaker-xgboost" in done.stderr


@pytest.mark.parametrize(
    ("dockerfile", "said"),
    [
        (None, "there is no .*Dockerfile"),
        ("FROM python:3.11-slim\nRUN exit 7\n", "returned a non-zero code: 7"),
        ("NONSENSE\n", "(?i:unknown instruction)"),
    ],
)
def test_a_build_that_fails_says_why(tmp_path: Path, dockerfile: str | None, said: str) -> None:
    (tmp_path / "mine").mkdir()
    if dockerfile is not None:
        (tmp_path / "mine" / "Dockerfile").write_text(dockerfile)
    with pytest.raises(StartError, match=f"mine c.*{said}"):
        list(build(connect(), tmp_path, "mine", "mine", "sageyard-test/mine", {}, None))
