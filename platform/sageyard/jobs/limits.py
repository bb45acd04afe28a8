"""How much memory a job host may use: that of its instance type, and never more than this machine can give."""

import os
import re

GIB = 1 << 30
GIB_PER_CPU = {"c": 2, "m": 4, "t": 4, "r": 8}
"""First letter of the instance family -> memory per vCPU (aws.amazon.com/sagemaker/pricing)."""
CPUS = {"medium": 1, "large": 2, "xlarge": 4}
MACHINE_SHARE = 0.9


def instance_memory(instance_type: str) -> int | None:
    """Bytes of an instance type of the c, m, r and t families (a t3.medium counts as one vCPU of 4 GiB); None for
    others, whose memory follows no rule."""
    match = re.fullmatch(r"ml\.([cmrt])\d\w*\.(?:(\d+)xlarge|(medium|large|xlarge))", instance_type)
    if match is None:
        return None
    family, times, size = match.groups()
    return GIB_PER_CPU[family] * (4 * int(times) if times else CPUS[size]) * GIB


def memory_limit(instance_type: str) -> int:
    """Bytes that one host of this instance type may use here."""
    machine = int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * MACHINE_SHARE)
    return min(machine, instance_memory(instance_type) or machine)
