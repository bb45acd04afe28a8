"""Memory and CPUs of instance types."""

import os

import pytest
from sageyard.runners.limits import capping, cpu_limit, has_gpu, instance_size, memory_limit


@pytest.mark.parametrize(
    ("instance_type", "cpus", "gib"),
    [
        ("ml.t3.medium", 2, 4),
        ("ml.t3.large", 2, 8),
        ("ml.m5.large", 2, 8),
        ("ml.m5.xlarge", 4, 16),
        ("ml.m5.24xlarge", 96, 384),
        ("ml.c5.9xlarge", 36, 72),
        ("ml.r5d.2xlarge", 8, 64),
        ("ml.g5.xlarge", 4, 16),
    ],
)
def test_the_size_follows_the_instance_type(instance_type: str, cpus: int, gib: int) -> None:
    assert instance_size(instance_type) == (cpus, gib)


@pytest.mark.parametrize("instance_type", ["ml.trn1.2xlarge", "local"])
def test_other_types_are_limited_by_the_machine_alone(instance_type: str) -> None:
    assert instance_size(instance_type) is None
    assert memory_limit(instance_type) == memory_limit("ml.r5.24xlarge") > 0
    assert cpu_limit(instance_type) == os.cpu_count()
    assert cpu_limit("ml.m5.large") == min(2, os.cpu_count() or 1)


def test_types_with_gpus_are_those_of_the_g_and_p_families() -> None:
    assert [has_gpu(f"ml.{name}") for name in ("g5.xlarge", "p4d.24xlarge", "m5.large", "c5.xlarge")] == [1, 1, 0, 0]


def test_a_type_that_is_larger_than_the_machine_is_said_to_be_capped() -> None:
    line = capping("ml.p5.48xlarge")
    assert line is not None
    assert line.startswith("[sageyard] ml.p5.48xlarge has 192 vCPUs and 2048 GiB of memory; this machine gives ")
    assert f" {os.cpu_count()} CPUs and " in line


@pytest.mark.parametrize("instance_type", ["local", "ml.trn1.2xlarge"])
def test_of_a_type_of_unknown_size_nothing_is_said(instance_type: str) -> None:
    assert capping(instance_type) is None
