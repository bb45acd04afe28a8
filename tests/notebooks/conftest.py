"""The notebooks have a server of their own: they move its clock."""

from collections.abc import Iterator

import pytest

from tests.conftest import Server, start_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("notebooks"))
    yield running
    running.stop()
