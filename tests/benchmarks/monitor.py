"""The Model Monitor analyser on 1 million rows x 20 columns: rows a second and peak memory; with --full on 10 million.

    python -m tests.benchmarks --only monitor [--quick | --full]

Every contender is its own process on the same rows, taken in turns; the best of three counts. Beside the analyser of a
CSV file stand a bare one-pass DuckDB profile (count, minimum, maximum, mean and deviation of each number, distinct
values of each text; no types, buckets, sketches or reports) and Evidently's data summary. Evidently has an environment
of its own: SAGEYARD_EVIDENTLY_PYTHON names its interpreter; --full makes one for the run where none is named. The last
lines are captured calls, one row each: an hour alone, and the same hour as the window in a day of such hours.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import duckdb

from tests.benchmarks.figures import Figure, Scale, at_most, times

TITLE = "Monitor: analysis of rows x 20 columns"
BESIDE = "bare DuckDB profile"
ENTRYPOINT = Path(__file__).parents[2] / "containers" / "sagemaker-model-monitor-analyzer" / "entrypoint.py"
ROWS, MANY, CALLS = 1_000_000, 10_000_000, 100_000
FRACTIONS, INTEGERS, TEXTS = 12, 4, 3
PANDAS = "pandas<3"
"""Evidently 0.7.23 imports what pandas 3.1 no longer has."""
ROUNDS = 3
HOURS = 24
WINDOW = {"start_time": "2026-03-01T09:00:00Z", "end_time": "2026-03-01T10:00:00Z"}
CSV, PARQUET = {"csv": {"header": True}}, {"parquet": {}}
CAPTURE = {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}

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


@dataclass(frozen=True, order=True)
class Run:
    """Seconds, processor seconds and peak resident megabytes of one process."""

    seconds: float
    processor: float
    megabytes: float


def make(folder: Path, rows: int) -> tuple[Path, Path]:
    """Seeded columns as CSV and as parquet: skewed fractions with holes, integers, categories, customers."""
    csv, parquet = folder / "csv" / "data.csv", folder / "parquet" / "data.parquet"
    for path in (csv, parquet):
        path.parent.mkdir(parents=True)
    hole = "CASE WHEN random() < 0.02 THEN NULL ELSE {} END"
    columns = [hole.format(f"round(exp(random() * {1 + i % 4}) * 100, 6)") + f" AS f{i}" for i in range(FRACTIONS)]
    columns += [f"CAST(random() * 1{'0' * (i + 1)} AS BIGINT) AS i{i}" for i in range(INTEGERS)]
    columns += [hole.format("'group ' || CAST(random() * 12 AS INTEGER)") + f" AS s{i}" for i in range(TEXTS)]
    columns.append("'customer ' || CAST(random() * 1000000 AS INTEGER) AS customer")
    with duckdb.connect(config={"threads": 1, "memory_limit": "2GB"}) as connection:
        connection.execute("SELECT setseed(0.42)")
        connection.execute(f"COPY (SELECT {', '.join(columns)} FROM range({rows})) TO '{parquet}'")
        connection.execute(f"COPY (SELECT * FROM '{parquet}') TO '{csv}' (HEADER)")
    return csv, parquet


def make_calls(parquet: Path, folder: Path, calls: int) -> None:
    """Captured calls of one row each, as data capture writes them, in the hour of the window."""
    names = [f"f{i}" for i in range(1, FRACTIONS)] + [f"i{i}" for i in range(INTEGERS)]
    names += [f"s{i}" for i in range(TEXTS)] + ["customer"]
    row = " || ',' || ".join(f"ifnull(CAST({name} AS VARCHAR), '')" for name in names)
    side = "{{observedContentType: 'text/csv', mode: '{}', data: {}, encoding: 'CSV'}}"
    record = (
        f"SELECT {{endpointInput: {side.format('INPUT', row)}, "
        f"endpointOutput: {side.format('OUTPUT', 'CAST(ifnull(f0, 0) AS VARCHAR)')}}} AS captureData, "
        "{eventId: CAST(uuid() AS VARCHAR), inferenceTime: '2026-03-01T09:12:30Z'} AS eventMetadata, "
        "'0' AS eventVersion"
    )
    target = folder / "endpoint" / "AllTraffic" / "2026" / "03" / "01" / "09" / "12-30-000-a.jsonl"
    target.parent.mkdir(parents=True)
    duckdb.execute(f"COPY ({record} FROM '{parquet}' LIMIT {calls}) TO '{target}' (FORMAT json)")


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """One process to its end."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise ChildProcessError(f"{command[:2]} ended with status {process.returncode}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


def analyse(source: Path, dataset_format: Mapping[str, object], rows: int, **variables: str) -> Run:
    """The analyser, as its container runs it, on a folder that has so many rows."""
    with tempfile.TemporaryDirectory() as ml:
        environment = os.environ | {
            "SAGEMAKER_BASE_DIR": ml,
            "dataset_source": str(source),
            "output_path": f"{ml}/output",
            "dataset_format": json.dumps(dataset_format),
        }
        done = run([sys.executable, str(ENTRYPOINT)], environment | variables)
        statistics = json.loads(Path(ml, "output", "statistics.json").read_text())
    assert statistics["dataset"]["item_count"] == rows, statistics["dataset"]
    return done


def measure(scale: Scale) -> Sequence[Figure]:
    """--quick takes a tenth of the rows."""
    rows, rounds = scale.of(ROWS // 10, ROWS), scale.of(1, ROUNDS)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        csv, parquet = make(folder / "rows", rows)
        ours = bare = columnar = Run(math.inf, 0.0, 0.0)
        for _ in range(rounds):
            ours = min(ours, analyse(csv.parent, CSV, rows))
            bare = min(bare, run([sys.executable, "-c", BARE, str(csv), str(rows)]))
            columnar = min(columnar, analyse(parquet.parent, PARQUET, rows))
        figures = [
            *compare(f"CSV, {rows:,} rows", rows, ours, bare),
            Figure("parquet, the same rows", shown(columnar)),
            *against_evidently(scale, folder / "evidently", csv, ours, rows),
            *of_a_window(folder, parquet, scale.of(CALLS // 10, CALLS), rounds),
        ]
        if scale.full:
            shutil.rmtree(folder / "rows")
            figures += of_many(folder / "many")
        return figures


def compare(name: str, rows: int, ours: Run, bare: Run) -> list[Figure]:
    """Rows a second, and each of seconds, processor seconds and megabytes, beside the bare profile's."""
    units = (("wall time", "s"), ("processor time", "s"), ("peak memory", "MB"))
    return [
        times(f"{name} a second", rows / ours.seconds, rows / bare.seconds, "/s"),
        *(
            Figure(what, f"{mine:,.3g} {unit}", f"{its:,.3g} {unit}", f"{mine / its:.2f} x")
            for (what, unit), mine, its in zip(units, astuple(ours), astuple(bare), strict=True)
        ),
    ]


def shown(one: Run) -> str:
    return f"{one.seconds:.2f} s, {one.processor:.2f} s of processor, {one.megabytes:,.0f} MB"


def against_evidently(scale: Scale, folder: Path, csv: Path, ours: Run, rows: int) -> list[Figure]:
    """Evidently once, on the file that the analyser has just read."""
    python = os.environ.get("SAGEYARD_EVIDENTLY_PYTHON", "")
    if not python and not scale.full:
        return [Figure("Evidently: not measured", "--full, or SAGEYARD_EVIDENTLY_PYTHON")]
    if not python:
        venv.create(folder, with_pip=True)
        python = str(folder / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "evidently", PANDAS], check=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    theirs = run([python, "-c", EVIDENTLY, str(csv)], environment | {"DO_NOT_TRACK": "1"})
    ratio, processor = theirs.seconds / ours.seconds, theirs.processor / ours.processor
    return [
        Figure("Evidently, data summary", shown(ours), shown(theirs), f"{ratio:.1f} x", "≥ 15 x", ratio >= 15),
        Figure("Evidently, in processor time", "", "", f"{processor:.1f} x"),
    ]


def of_a_window(folder: Path, parquet: Path, calls: int, rounds: int) -> list[Figure]:
    """An hour of captured calls alone, and as one of a day's hours: what is outside the window is not opened."""
    hour, day = folder / "hour", folder / "day"
    make_calls(parquet, hour, calls)
    [captured] = hour.rglob("*.jsonl")
    for number in range(HOURS):
        copy = day / captured.relative_to(hour).parent.parent / f"{number:02}" / captured.name
        copy.parent.mkdir(parents=True)
        os.link(captured, copy)
    alone = among = Run(math.inf, 0.0, 0.0)
    for _ in range(rounds):
        alone = min(alone, analyse(hour, CAPTURE, calls, **WINDOW))
        among = min(among, analyse(day, CAPTURE, calls, **WINDOW))
    return [
        Figure(f"{calls:,} captured calls", shown(alone), ratio=f"{calls / alone.seconds:,.0f} /s"),
        Figure(
            f"the same hour among {HOURS}",
            shown(among),
            f"alone: {alone.seconds:.2f} s",
            f"{among.seconds / alone.seconds:.2f} x",
        ),
    ]


def of_many(folder: Path) -> list[Figure]:
    """10 million rows, once."""
    csv, parquet = make(folder, MANY)
    bare = run([sys.executable, "-c", BARE, str(csv), str(MANY)])
    runs = {"CSV": analyse(csv.parent, CSV, MANY), "parquet": analyse(parquet.parent, PARQUET, MANY)}
    figures = []
    for name, ours in runs.items():
        beside, ratio = (shown(bare), f"{ours.seconds / bare.seconds:.2f} x") if name == "CSV" else ("", "")
        figures += [
            at_most(f"{name}, {MANY:,} rows", ours.seconds, 20, "s", beside, ratio),
            Figure(f"{name}: processor time", f"{ours.processor:.1f} s"),
            at_most(f"{name}: peak memory", ours.megabytes, 2000, "MB"),
        ]
    return figures
