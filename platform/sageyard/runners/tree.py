"""The processes under a process, as /proc shows them. On systems without /proc there are none to see."""

import os
import signal
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
PAGE = os.sysconf("SC_PAGE_SIZE")


def children(pid: int) -> list[int]:
    """Direct children of a process, of whichever thread."""
    found: list[int] = []
    with suppress(OSError):
        for thread in (PROC / str(pid) / "task").iterdir():
            with suppress(OSError):
                found += map(int, (thread / "children").read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    """All processes below a process, parents before children."""
    found: list[int] = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def group(number: int) -> list[int]:
    """The running processes of a process group; ended ones that nobody has reaped do not count."""
    found = []
    for process in PROC.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            state, _, group_number = (process / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(group_number) == number and state != "Z":
                found.append(int(process.name))
    return found


def send(pids: list[int], number: signal.Signals) -> None:
    """Signal processes; those that are gone, or changed their user, are passed over."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def private_memory(pids: list[int]) -> int:
    """Bytes resident and not backed by shared files; cheap, and too high where forked processes share pages."""
    total = 0
    for pid in pids:
        with suppress(OSError, ValueError, IndexError):
            _, resident, shared = (PROC / str(pid) / "statm").read_text().split()[:3]
            total += (int(resident) - int(shared)) * PAGE
    return total


def proportional_memory(pids: list[int]) -> int:
    """Bytes resident, each shared page divided by its users; exact, and slow for large processes."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total
