"""What a container may use: the memory and the vCPUs of its instance type, never more than this machine can give."""

import os
import re

GIB = 1 << 30
GIB_PER_CPU = {"c": 2, "m": 4, "t": 4, "r": 8}
"""First letter of the instance family -> memory per vCPU (aws.amazon.com/sagemaker/pricing)."""
CPUS = {"large": 2, "xlarge": 4}
MACHINE_SHARE = 0.9


OTHERS = {
    "ml.t2.medium": (2, 4),
    "ml.t3.medium": (2, 4),
    "ml.g4dn.xlarge": (4, 16),
    "ml.g4dn.2xlarge": (8, 32),
    "ml.g4dn.4xlarge": (16, 64),
    "ml.g4dn.8xlarge": (32, 128),
    "ml.g4dn.12xlarge": (48, 192),
    "ml.g4dn.16xlarge": (64, 256),
    "ml.g5.xlarge": (4, 16),
    "ml.g5.2xlarge": (8, 32),
    "ml.g5.4xlarge": (16, 64),
    "ml.g5.8xlarge": (32, 128),
    "ml.g5.12xlarge": (48, 192),
    "ml.g5.16xlarge": (64, 256),
    "ml.g5.24xlarge": (96, 384),
    "ml.g5.48xlarge": (192, 768),
    "ml.p2.xlarge": (4, 61),
    "ml.p2.8xlarge": (32, 488),
    "ml.p2.16xlarge": (64, 732),
    "ml.p3.2xlarge": (8, 61),
    "ml.p3.8xlarge": (32, 244),
    "ml.p3.16xlarge": (64, 488),
    "ml.p3dn.24xlarge": (96, 768),
    "ml.p4d.24xlarge": (96, 1152),
    "ml.p5.48xlarge": (192, 2048),
}
"""vCPUs and GiB of types that follow no rule (same page)."""


def instance_size(instance_type: str) -> tuple[int, int] | None:
    """vCPUs and GiB of an instance type; None of one that is not known here. The c, m, r and t families follow a
    rule: ml.m5.xlarge is 4 vCPUs and 16 GiB."""
    match = re.fullmatch(r"ml\.([cmrt])\d\w*\.(?:(\d+)xlarge|(large|xlarge))", instance_type)
    if match is None:
        return OTHERS.get(instance_type)
    family, times, size = match.groups()
    cpus = 4 * int(times) if times else CPUS[size]
    return cpus, GIB_PER_CPU[family] * cpus


def memory_limit(instance_type: str) -> int:
    """Bytes that one host of this instance type may use here."""
    size = instance_size(instance_type)
    return capped_memory(size[1] * GIB) if size else _machine_memory()


def capped_memory(size: int) -> int:
    """So many bytes, or what this machine can give."""
    return min(size, _machine_memory())


def cpu_limit(instance_type: str) -> float:
    """CPUs that one host of this instance type may use here."""
    machine = os.cpu_count() or 1
    size = instance_size(instance_type)
    return float(min(machine, size[0]) if size else machine)


def has_gpu(instance_type: str) -> bool:
    """Whether an instance type is of the g or p families."""
    return re.match(r"ml\.[gp]\d", instance_type) is not None


def capping(instance_type: str) -> str | None:
    """A line for the log where this machine has less than the instance type; None where it has as much."""
    size, cpus, memory = instance_size(instance_type), cpu_limit(instance_type), memory_limit(instance_type)
    if size is None or (cpus >= size[0] and memory >= size[1] * GIB):
        return None
    return (
        f"[sageyard] {instance_type} has {size[0]} vCPUs and {size[1]} GiB of memory; this machine gives {cpus:g} CPUs "
        f"and {memory / GIB:.1f} GiB"
    )


def _machine_memory() -> int:
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * MACHINE_SHARE)
