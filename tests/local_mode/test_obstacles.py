"""What LOCAL_MODE.md says stands in the way, where the scripts of the other tests have gone round it already."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Server
from tests.local_mode.conftest import URIS, docker
from tests.sdk.conftest import interpreter

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]
XGBOOST = next(iter(URIS))
COMPOSE = {
    2: "from sagemaker.local.image import _SageMakerContainer as Container",
    3: "from sagemaker.core.local.image import _SageMakerContainer as Container",
}

REGION = os.environ | {"AWS_DEFAULT_REGION": "us-east-1", "SAGEMAKER_SUPPRESS_V2_WARNING": "1"}


def bridged(*arguments: str) -> str:
    """What a container on the default bridge prints."""
    return docker("run", "--rm", *arguments)


def test_an_image_of_no_root_cannot_write_where_the_engine_makes_the_folder(local_images: None, tmp_path: Path) -> None:
    write = ["--entrypoint", "touch", "-v", f"{tmp_path / 'model'}:/opt/ml/model"]
    with pytest.raises(subprocess.CalledProcessError) as refused:
        bridged(*write, f"sageyard/{URIS[XGBOOST]}", "/opt/ml/model/file")
    assert "Permission denied" in refused.value.stderr
    bridged(*write, XGBOOST, "/opt/ml/model/file")
    assert (tmp_path / "model" / "file").exists()


def test_containers_reach_the_bridges_address_and_not_the_machines_loopback(
    local_images: None, bridge_server: Server
) -> None:
    health = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1] + '/_sageyard/health', timeout=5).status)"
    program = ["--entrypoint", "python", XGBOOST, "-c", health]
    assert bridged(*program, bridge_server.url) == "200"
    with pytest.raises(subprocess.CalledProcessError) as refused:
        bridged(*program, f"http://127.0.0.1:{bridge_server.url.rpartition(':')[2]}")
    assert "Connection refused" in refused.value.stderr


def test_v2_does_not_understand_what_containers_say_of_their_batch_strategy() -> None:
    """SINGLE_RECORD and MULTI_RECORD at /execution-parameters, by the developer guide (your-algorithms-batch-code)."""
    program = "from sagemaker.local.data import get_batch_strategy_instance as of; of('MULTI_RECORD', None)"
    done = subprocess.run([interpreter(2), "-c", program], env=REGION, capture_output=True, text=True)
    assert "Invalid Batch Strategy" in done.stdout + done.stderr


def test_v3s_model_builder_asks_a_registry_for_an_image_that_the_engine_has(local_images: None) -> None:
    image = "127.0.0.1:9/sagemaker-xgboost:1"  # where no registry listens, so that nothing outside is asked
    docker("tag", XGBOOST, image)
    program = (
        "from sagemaker.serve.mode.local_container_mode import LocalContainerMode as Mode\n"
        f"object.__new__(Mode)._pull_image({image!r})"
    )
    try:
        done = subprocess.run([interpreter(3), "-c", program], env=REGION, capture_output=True, text=True)
    finally:
        docker("rmi", image)
    assert f"Failed to pull image '{image}'" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("sdk", "says", "uses"),
    [
        (2, "Docker Compose version v2.40.0", "docker compose"),
        (2, "Docker Compose version v5.0.1", "docker-compose"),
        (3, "Docker Compose version v5.0.1", "docker compose"),
    ],
)
def test_v2_takes_a_newer_compose_under_its_old_name_only(sdk: int, says: str, uses: str, tmp_path: Path) -> None:
    for name, text in (("docker", says), ("docker-compose", "")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho {text}\n")
        program.chmod(0o755)
    program = f"{COMPOSE[sdk]}; print(*Container._get_compose_cmd_prefix())"
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SAGEMAKER_SUPPRESS_V2_WARNING": "1"}
    done = subprocess.run([interpreter(sdk), "-c", program], env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == uses, done.stderr[-2000:]
