"""A server of these tests' own, under the names of the session's: they move its clock."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Server, start_server


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("moving"))
    yield running
    running.stop()


@pytest.fixture(scope="package")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


@pytest.fixture(scope="package")
def s3(server: Server) -> Any:
    return server.client("s3")
