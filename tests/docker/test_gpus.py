"""GPUs, as far as a machine without one can show: what the engine is asked for."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sageyard.runners.base import RunExit, RunRequest, StartError
from sageyard.runners.docker.engine import connect
from sageyard.runners.docker.runner import DockerRunner
from sageyard.runners.limits import has_gpu
from sageyard.settings import Settings

from tests.docker.conftest import OWN

pytestmark = pytest.mark.docker


@pytest.fixture
def runner(own_image: str, tmp_path: Path) -> Iterator[DockerRunner]:
    if "nvidia" in connect().info()["Runtimes"]:
        pytest.skip("this engine has GPUs to give")
    opened = DockerRunner(Settings(state_dir=tmp_path / "state"))
    opened.open()
    yield opened
    opened.close()


async def run(runner: DockerRunner, root: Path, instance_type: str) -> RunExit:
    root.mkdir()
    request = RunRequest("job/algo-1", OWN, root, entrypoint=("true",), gpus=has_gpu(instance_type))
    return await (await runner.start(request, print)).wait()


def test_types_with_gpus_run_without_one_where_the_engine_has_none(runner: DockerRunner, tmp_path: Path) -> None:
    assert asyncio.run(run(runner, tmp_path / "ml", "ml.g5.xlarge")) == RunExit(0)


def test_all_gpus_are_asked_for_where_the_engine_has_nvidias_runtime(runner: DockerRunner, tmp_path: Path) -> None:
    """This engine's refusal of what `docker run --gpus all` asks for shows that it was asked."""
    runner._gpus = True
    with pytest.raises(StartError, match=r"could not select device driver.*capabilities: \[\[gpu\]\]"):
        asyncio.run(run(runner, tmp_path / "g5", "ml.g5.xlarge"))
    assert asyncio.run(run(runner, tmp_path / "m5", "ml.m5.xlarge")) == RunExit(0)
