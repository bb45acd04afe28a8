"""`sageyard images`: built, listed, mapped."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sageyard.runners.base import StartError
from sageyard.runners.docker.build import build
from sageyard.runners.docker.engine import connect
from sageyard.runners.images import Images

from tests.docker.conftest import Work, docker

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
