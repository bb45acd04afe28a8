"""`make bench`: speed and memory, each beside a peer or the bare work in the same run.

Nothing here fails for being slow: the tables say what was measured, what was wanted, and on what machine.
"""

import argparse
import importlib
import os
import platform
import sys
import time

from rich.console import Console

from tests.benchmarks.figures import Scale, show

TOPICS = ("start", "jobs", "docker", "invoke", "control", "scale", "objects", "features", "monitor", "sdk")


def main() -> int:
    """Measure the topics one after the other; exit status 1 if one could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=TOPICS, help="one topic; may be given several times")
    parser.add_argument("--quick", action="store_true", help="smaller counts: a look, not a measurement")
    parser.add_argument("--full", action="store_true", help="also what takes minutes")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, load average "
        f"{os.getloadavg()[0]:.2f}. Load generator, server and containers share these cores.\n"
    )
    broken, begun = [], time.perf_counter()
    for name in options.only or TOPICS:
        topic = importlib.import_module(f"tests.benchmarks.{name}")
        started = time.perf_counter()
        try:
            with console.status(topic.TITLE):
                figures = topic.measure(Scale(quick=options.quick, full=options.full))
        except Exception:
            console.print_exception(max_frames=4)
            broken.append(name)
            continue
        note = f"{time.perf_counter() - started:.0f} s; load average now {os.getloadavg()[0]:.2f}"
        show(console, topic.TITLE, topic.BESIDE, figures, note)
    console.print(
        f"{time.perf_counter() - begun:.0f} s in all" + (f"; not measured: {', '.join(broken)}" * bool(broken))
    )
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
