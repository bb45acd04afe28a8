"""A server of these tests' own: they fill it with whatever they draw."""

from collections.abc import Iterator

import pytest

from tests.conftest import start_server
from tests.property.live import Live


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    server = start_server(tmp_path_factory.mktemp("property"))
    connection = Live(server)
    yield connection
    connection.close()
    server.stop()
