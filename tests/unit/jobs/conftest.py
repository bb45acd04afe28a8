"""A world of its own for each test."""

from pathlib import Path

import pytest
from sageyard.runners.confine import detect

from tests.unit.jobs.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    if not detect().has_mounts:
        pytest.skip("the scripts of these tests name /opt/ml, which this machine lets no process have")
    return World(tmp_path)
