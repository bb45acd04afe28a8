"""Datasets read in portions: the same profile as of the whole, and what cannot be read so is read a row at a time."""

import json
from pathlib import Path

import duckdb
import numpy as np
import pytest
from monitor_analyzer import calls, files, job, portions
from monitor_analyzer.dataset import load, load_portions
from monitor_analyzer.environment import Request, read_format
from monitor_analyzer.errors import Uneven
from monitor_analyzer.profile import profile
from monitor_analyzer.table import open_database
from monitor_analyzer.textual import COUNTED, Textual
from monitor_analyzer.window import Window, moment

AT = "2026-03-01T09:12:30Z"
CSV, PARQUET, CAPTURE = '{"csv":{"header":true}}', '{"parquet":{}}', '{"sagemakerCaptureJson":{}}'


@pytest.fixture
def small(monkeypatch):
    """Portions of a few hundred rows."""
    monkeypatch.setattr(portions, "SIZE", 16_000)
    monkeypatch.setattr(files, "CELLS", 2400)
    monkeypatch.setattr(calls, "_FIRST", 8_000)


def request_of(folder, form, window=None):
    return Request(folder, folder / "data", folder / "output", read_format(form), window)


def in_portions(request, tmp_path):
    """Features by name, and how many portions there were."""
    seen = []
    with open_database(tmp_path, ordered=False) as connection:
        tables = (seen.append(1) or table for table in load_portions(request, None, (), connection, tmp_path))
        features, rows = profile(tables, tmp_path)
    return described(features), rows, len(seen)


def whole(request, tmp_path):
    folder = tmp_path / "whole"
    folder.mkdir()
    features, rows = profile([load(request, None, folder)], folder)
    return described(features), rows


def described(features):
    """What must not depend on how the data was read; sums may differ in the last digits."""
    found = {}
    for feature in features:
        entry = feature.to_json()
        for block in entry.values():
            if isinstance(block, dict) and "mean" in block:
                block |= {name: pytest.approx(block[name], rel=1e-12) for name in ("mean", "sum", "std_dev")}
                del block["distribution"]["kll"]["sketch"]
        found[feature.name] = entry | {"whole": feature.integral, "other": feature.fractional}
    return found


def table(rows=1500):
    random = np.random.default_rng(1)
    for i in range(rows):
        text = f'say "{i % 7}"\nand, more' if i % 5 else "plain"
        yield [i, "" if i % 11 == 0 else round(float(random.lognormal()), 6), text, f"customer {i}"]


def write_csv(folder, rows, name="data.csv"):
    (folder / "data").mkdir(exist_ok=True)
    lines = ["id,price,note,who"]
    lines += [f'{a},{b},"{str(c).replace(chr(34), chr(34) * 2)}",{d}' for a, b, c, d in rows]
    (folder / "data" / name).write_text("\n".join(lines) + "\n")


def test_a_csv_file_in_portions_has_the_profile_of_the_whole(tmp_path, small):
    write_csv(tmp_path, table())
    write_csv(tmp_path, [[1, 2.5, "plain", "x"]], "little.csv")
    request = request_of(tmp_path, CSV)
    found, rows, count = in_portions(request, tmp_path)
    assert (found, rows) == whole(request, tmp_path)
    assert rows == 1501 and count > 2
    assert found["note"]["string_statistics"]["distinct_count"] == 8


def test_parquet_in_portions_has_the_profile_of_the_whole(tmp_path, small):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "a.parquet"
    duckdb.execute(
        "COPY (SELECT i, CASE WHEN i % 7 > 0 THEN i / 3 END AS x, 'g' || i % 9 AS s FROM range(5000) t(i)) "
        f"TO '{path}' (ROW_GROUP_SIZE 2048)"
    )
    request = request_of(tmp_path, PARQUET)
    found, rows, count = in_portions(request, tmp_path)
    assert (found, rows) == whole(request, tmp_path)
    assert rows == 5000 and count > 5


def test_a_fraction_far_down_a_column_of_whole_numbers_is_not_rounded(tmp_path):
    write_csv(tmp_path, [[i, 1, "a", "b"] for i in range(30_000)] + [[2.5, 1, "a", "b"]])
    request = request_of(tmp_path, CSV)
    for found in (in_portions(request, tmp_path)[0], whole(request, tmp_path)[0]):
        assert (found["id"]["inferred_type"], found["id"]["other"]) == ("Fractional", 1)
        assert found["price"]["inferred_type"] == "Integral"


def write_calls(folder, records, hour="09"):
    path = folder / "data" / "endpoint" / "AllTraffic" / "2026" / "03" / "01" / hour / "a.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_captured_csv_in_portions_has_the_profile_of_a_record_at_a_time(tmp_path, small, record):
    records = [record(f"{i},{i / 8},plan {i % 3}", f"{i % 10 / 10}\n", AT) for i in range(300)]
    records += [record(f"1,,a\r\n2,0.5,b\r\n{i},,", "0.5\n0.25\n1\n", AT) for i in range(10)]
    records += [record("1,1,b", "1", "2026-03-01T10:00:00Z"), record("1,1,b", "1", "2026-03-01T09:59:59.999")]
    write_calls(tmp_path, records)
    request = request_of(tmp_path, CAPTURE, Window(moment("2026-03-01T09:00:00Z"), moment("2026-03-01T10:00:00Z")))
    found, rows, count = in_portions(request, tmp_path)
    assert (found, rows) == whole(request, tmp_path)
    assert rows == 331 and count > 3


@pytest.mark.parametrize("late", ["n/a", "0017", "-007"])
def test_a_column_that_turns_out_to_be_text_is_read_again_as_text(tmp_path, small, record, late):
    write_calls(tmp_path, [record(f"{late if i == 290 else i},1", "0.5", AT) for i in range(300)])
    request = request_of(tmp_path, CAPTURE)
    with pytest.raises(Uneven) as refused:
        in_portions(request, tmp_path)
    assert refused.value.texts == {"_c1"}
    features, _ = job.profiled(request, None, tmp_path)
    assert described(features) == whole(request, tmp_path)[0]
    assert features[1].inferred_type == "String"


@pytest.mark.parametrize(
    "odd",
    [
        {"inputs": '"5,5",5', "outputs": "1"},
        {"inputs": "5,5\n5,5", "outputs": "1,1"},
        {"inputs": "5,5\x1c6,6", "outputs": "1\n1"},
        {"inputs": "5,5", "outputs": "1", "time": "20260301T091230Z"},
        {"inputs": "[5,5]", "outputs": "[1]", "encoding": "JSON"},
        {"inputs": "5,5", "outputs": None},
        {"inputs": "5,5,5", "outputs": "1"},
    ],
)
def test_calls_that_are_not_plain_csv_are_read_one_by_one(tmp_path, record, odd):
    plain = [record("4,4", "0", AT)]
    write_calls(tmp_path, [*plain, record(**{"time": AT} | odd)])
    request = request_of(tmp_path, CAPTURE, Window(moment("2026-03-01T09:00:00Z"), moment("2026-03-01T10:00:00Z")))
    with pytest.raises((Uneven, duckdb.Error)):
        in_portions(request, tmp_path)
    features, rows = job.profiled(request, None, tmp_path)
    assert (described(features), rows) == whole(request, tmp_path)


def test_only_the_files_of_the_window_are_read(tmp_path, record):
    """The other 23 hours are sparse files of 64 GiB: reading one of them would not end."""
    for hour in range(24):
        path = write_calls(tmp_path, [record("1,2", "0.5", AT)], f"{hour:02}")
        if hour != 9:
            with path.open("r+b") as file:
                file.truncate(64 << 30)
    window = Window(moment("2026-03-01T09:00:00Z"), moment("2026-03-01T10:00:00Z"))
    request = request_of(tmp_path, CAPTURE, window)
    assert in_portions(request, tmp_path)[1:] == (1, 1)
    assert whole(request, tmp_path)[1] == 1


def test_the_number_of_different_texts_is_exact_up_to_a_limit_and_then_estimated(tmp_path: Path):
    with open_database(tmp_path) as connection:
        for most, tolerance in ((COUNTED, 0), (200_000, 0.03 * 200_000)):
            column = Textual()
            for start in range(0, most, most // 4):
                connection.execute(
                    "CREATE OR REPLACE TABLE data AS SELECT 'v' || i AS c0 "
                    f"FROM range({start}, {start + most // 2}) t(i) WHERE i < {most}"
                )
                column.add(connection, "c0")
            categories, distinct = column.finish(connection)
            assert abs(distinct - most) <= tolerance
            assert len(categories) == (most if tolerance == 0 else 0)
            assert column.present == most // 4 * 7
