"""Memory of instance types."""

import pytest
from sageyard.jobs.limits import GIB, instance_memory, memory_limit


@pytest.mark.parametrize(
    ("instance_type", "gib"),
    [
        ("ml.t3.medium", 4),
        ("ml.m5.large", 8),
        ("ml.m5.xlarge", 16),
        ("ml.m5.24xlarge", 384),
        ("ml.c5.9xlarge", 72),
        ("ml.r5d.2xlarge", 64),
    ],
)
def test_memory_follows_the_instance_type(instance_type: str, gib: int) -> None:
    assert instance_memory(instance_type) == gib * GIB


@pytest.mark.parametrize("instance_type", ["ml.p3.2xlarge", "ml.g5.xlarge", "local"])
def test_other_types_are_limited_by_the_machine_alone(instance_type: str) -> None:
    assert instance_memory(instance_type) is None
    assert memory_limit(instance_type) == memory_limit("ml.r5.24xlarge") > 0
