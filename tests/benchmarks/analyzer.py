"""The Model Monitor analyser on 1 million rows x 20 columns of CSV: rows a second and peak memory.

    python -m tests.benchmarks --only analyzer

Every contender is its own process on the same file, taken in turns; the best of three counts. Reported as a ratio to
a bare one-pass DuckDB profile (count, minimum, maximum, mean and deviation of each number, distinct values of each
text; no types, buckets, sketches or reports) and, with --full and where it is installed, to Evidently's data summary.
"""

import importlib.util
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb

from tests.benchmarks.figures import Figure, Scale

TITLE = "Analyser, 1 million rows x 20 columns of CSV"
BESIDE = "bare DuckDB profile"
ENTRYPOINT = Path(__file__).parents[2] / "containers" / "sagemaker-model-monitor-analyzer" / "entrypoint.py"
ROWS = 1_000_000
FRACTIONS, INTEGERS, TEXTS = 14, 3, 3
ROUNDS = 3

BARE = """
import duckdb, sys
kinds = duckdb.execute("DESCRIBE SELECT * FROM read_csv(?)", [sys.argv[1]]).fetchall()
parts = []
for name, kind, *_ in kinds:
    if kind == "VARCHAR":
        parts.append(f"count({name}), approx_count_distinct({name})")
    else:
        parts.append(f"count({name}), min({name}), max({name}), avg({name}), stddev_pop({name})")
row = duckdb.execute(f"SELECT count(*), {', '.join(parts)} FROM read_csv(?)", [sys.argv[1]]).fetchone()
assert row[0] == int(sys.argv[2])
"""

EVIDENTLY = """
import sys
import pandas
from evidently import Dataset, Report
from evidently.presets import DataSummaryPreset
frame = pandas.read_csv(sys.argv[1])
Report([DataSummaryPreset()]).run(Dataset.from_pandas(frame), None).json()
"""


def make_csv(path: Path, rows: int) -> None:
    """Seeded columns: normal and skewed fractions, integers, short categories."""
    columns = [f"round(exp(random() * {1 + i % 4}) * 100, 6) AS f{i}" for i in range(FRACTIONS)]
    columns += [f"CAST(random() * 100000 AS BIGINT) AS i{i}" for i in range(INTEGERS)]
    columns += [f"'group ' || CAST(random() * 12 AS INTEGER) AS s{i}" for i in range(TEXTS)]
    with duckdb.connect() as connection:
        connection.execute("SELECT setseed(0.42)")
        connection.execute(f"COPY (SELECT {', '.join(columns)} FROM range({rows})) TO '{path}' (HEADER)")


def run(command: list[str], environment: dict[str, str] | None = None) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak resident megabytes of one process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise ChildProcessError(f"{command[:2]} ended with status {process.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime, _megabytes(usage)


def _megabytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def measure(scale: Scale) -> Sequence[Figure]:
    """The analyser as its container runs it, and the bare work; --quick takes a tenth of the rows."""
    rows = scale.of(ROWS // 10, ROWS)
    with tempfile.TemporaryDirectory() as directory:
        ml = Path(directory)
        data = ml / "processing" / "input" / "data.csv"
        data.parent.mkdir(parents=True)
        make_csv(data, rows)
        variables = {
            "SAGEMAKER_BASE_DIR": str(ml),
            "dataset_source": "/opt/ml/processing/input",
            "output_path": "/opt/ml/processing/output",
            "dataset_format": json.dumps({"csv": {"header": True}}),
        }
        analyser, bare = (math.inf, 0.0, 0.0), (math.inf, 0.0, 0.0)
        for _ in range(scale.of(1, ROUNDS)):
            analyser = min(analyser, run([sys.executable, str(ENTRYPOINT)], os.environ | variables))
            bare = min(bare, run([sys.executable, "-c", BARE, str(data), str(rows)]))
        figures = compare(rows, analyser, bare)
        if scale.full and importlib.util.find_spec("evidently"):
            evidently = run([sys.executable, "-c", EVIDENTLY, str(data)])
            ratio = f"{analyser[0] / evidently[0]:.2f} x"
            figures.append(Figure("Evidently, data summary", f"{analyser[0]:.2f} s", f"{evidently[0]:.2f} s", ratio))
        return figures


def compare(rows: int, ours: tuple[float, float, float], bare: tuple[float, float, float]) -> list[Figure]:
    """Each of seconds, processor seconds and megabytes beside the bare profile's."""
    names = (("wall time", "s"), ("processor time", "s"), ("peak memory", "MB"))
    return [
        Figure("rows a second", f"{rows / ours[0]:,.0f}", f"{rows / bare[0]:,.0f}", f"{bare[0] / ours[0]:.2f} x"),
        *(
            Figure(name, f"{mine:,.3g} {unit}", f"{theirs:,.3g} {unit}", f"{mine / theirs:.2f} x")
            for (name, unit), mine, theirs in zip(names, ours, bare, strict=True)
        ),
    ]
