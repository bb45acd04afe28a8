"""The notebook that makes an image of its own: built, trained and served by it on the Docker runner."""

import re
from collections.abc import Iterator

import pytest

from tests.conftest import REPOSITORY, Server, start_server
from tests.local_mode.conftest import docker
from tests.notebooks.test_notebooks import Outputs, run, table, text

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def container_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_server(tmp_path_factory.mktemp("own-container"), options=["--runner", "docker"])
    yield server
    server.stop()


@pytest.fixture(scope="module")
def outputs(container_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    notebook = REPOSITORY / "notebooks" / "02_bring_your_own_container.ipynb"
    return run(container_server, notebook, tmp_path_factory.mktemp("notebook"), longest=180)  # an image is built


def test_the_image_is_found_by_its_name_in_ecr(outputs: Outputs) -> None:
    registry = r"123456789012\.dkr\.ecr\.us-east-1\.amazonaws\.com"
    assert re.fullmatch(rf"{registry}/decision-trees-\S+:latest", text(outputs["push-image"]).strip())


def test_its_train_program_trains(outputs: Outputs) -> None:
    said = text(outputs["train-run"])
    assert "100 rows, 5 leaves" in said, "the container's own words, from its log stream"
    assert re.search(r"s3://\S+/output/decision-trees-\S+/output/model.tar.gz", said)


def test_its_failure_file_is_the_reason_of_a_failed_job(outputs: Outputs) -> None:
    assert "invalid literal for int() with base 10: 'many'" in text(outputs["failure-run"])


def test_its_serve_program_answers_and_refuses(outputs: Outputs) -> None:
    share = re.search(r"([0-9.]+)% of 50 right", text(outputs["deploy-endpoint"]))
    assert share
    assert float(share.group(1)) > 90
    counts = table(outputs["deploy-table"])
    assert len(counts) >= 3
    assert text(outputs["refusal-call"]).startswith("400 could not convert string")


def test_nothing_of_it_is_left(outputs: Outputs, container_server: Server) -> None:
    name = text(outputs["pointing-check"]).split()[0]
    assert docker("images", "-q", name) == ""
    assert docker("ps", "-aq", "--filter", f"label=com.sageyard.state-dir={container_server.state_dir}") == ""
    sagemaker = container_server.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_models()["Models"] == []
    assert container_server.client("ecr").describe_repositories()["repositories"] == []
