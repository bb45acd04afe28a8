"""statistics.json and constraints.json of a dataset, by value, for every kind of dataset."""

import json

import duckdb
import numpy as np
import pytest
from monitor_analyzer.environment import read_format
from monitor_analyzer.errors import AnalysisError
from monitor_analyzer.sketch import SIZE, Sketch

HEADER = ["age", "price", "plan", "note", "gone"]
ROWS = [[i % 50, i / 4 - 10, ("basic", "pro")[i % 3 == 0], f"customer {i}", ""] for i in range(200)]


def test_a_csv_baseline_has_the_documented_statistics(new_job):
    job = new_job()
    job.csv(ROWS, HEADER)
    job.run('{"csv":{"header":true,"output_columns_position":"START"}}')
    statistics = job.report("statistics")
    assert statistics["version"] == 0 and statistics["dataset"] == {"item_count": 200}
    assert [(f["name"], f["inferred_type"]) for f in statistics["features"]] == [
        ("age", "Integral"),
        ("price", "Fractional"),
        ("plan", "String"),
        ("note", "String"),
        ("gone", "Unknown"),
    ]
    prices = np.array([row[1] for row in ROWS])
    numbers = job.feature("price")["numerical_statistics"]
    assert numbers["common"] == {"num_present": 200, "num_missing": 0}
    assert numbers["mean"] == pytest.approx(prices.mean())
    assert numbers["sum"] == pytest.approx(prices.sum())
    assert numbers["std_dev"] == pytest.approx(prices.std())
    assert (numbers["min"], numbers["max"]) == (-10.0, 39.75)
    kll = numbers["distribution"]["kll"]
    counts, edges = np.histogram(prices, bins=10)
    assert [bucket["count"] for bucket in kll["buckets"]] == counts.tolist()
    assert [bucket["lower_bound"] for bucket in kll["buckets"]] == pytest.approx(edges[:-1])
    assert [bucket["upper_bound"] for bucket in kll["buckets"]] == pytest.approx(edges[1:])
    assert kll["sketch"]["parameters"] == {"c": 0.64, "k": 2048.0}
    assert kll["sketch"]["data"] == [sorted(prices)]
    plan = job.feature("plan")["string_statistics"]
    assert plan["distinct_count"] == 2
    assert plan["distribution"]["categorical"]["buckets"] == [
        {"value": "basic", "count": 133},
        {"value": "pro", "count": 67},
    ]
    assert job.feature("gone")["string_statistics"]["common"] == {"num_present": 0, "num_missing": 200}


def test_a_csv_baseline_suggests_the_documented_constraints(new_job):
    job = new_job()
    job.csv(ROWS, HEADER)
    job.run('{"csv":{"header":true}}')
    constraints = job.report("constraints")
    assert job.feature("age", "constraints") == {
        "name": "age",
        "inferred_type": "Integral",
        "completeness": 1.0,
        "num_constraints": {"is_non_negative": True},
    }
    assert job.feature("price", "constraints")["num_constraints"] == {"is_non_negative": False}
    assert job.feature("plan", "constraints")["string_constraints"] == {"domains": ["basic", "pro"]}
    assert "string_constraints" not in job.feature("note", "constraints")
    assert job.feature("gone", "constraints")["completeness"] == 0.0
    assert constraints["monitoring_config"] == {
        "evaluate_constraints": "Enabled",
        "emit_metrics": "Enabled",
        "datatype_check_threshold": 1.0,
        "domain_content_threshold": 1.0,
        "distribution_constraints": {
            "perform_comparison": "Enabled",
            "comparison_threshold": 0.1,
            "comparison_method": "Robust",
            "categorical_comparison_threshold": 0.1,
            "categorical_drift_method": "LInfinity",
        },
    }
    assert not (job.output / "constraint_violations.json").exists()
    assert job.message == "Completed: Job completed successfully with no violations."


def test_values_seen_once_are_not_suggested_as_a_domain(new_job):
    job = new_job()
    job.csv([[f"city {i}", f"group {i % 50 // 2}"] for i in range(100)], ["city", "group"])
    job.run('{"csv":{"header":true}}')
    assert "string_constraints" not in job.feature("city", "constraints")
    assert len(job.feature("group", "constraints")["string_constraints"]["domains"]) == 25


def test_the_drift_method_of_the_baseline_job_is_written_into_the_constraints(new_job):
    job = new_job()
    job.csv(ROWS, HEADER)
    job.run('{"csv":{"header":true}}', categorical_drift_method="ChiSquared")
    distribution = job.report("constraints")["monitoring_config"]["distribution_constraints"]
    assert distribution["categorical_drift_method"] == "ChiSquared"


def test_sdk_v3s_casing_means_the_same_as_v2s(new_job):
    reports = []
    for text in ('{"csv":{"header":false,"output_columns_position":"START"}}', '{"Csv":{"Header":false}}'):
        job = new_job()
        job.csv([[1, 2.5], [2, 3.5]], None)
        reports.append(job.run(text).report("statistics"))
    assert reports[0] == reports[1]
    assert [feature["name"] for feature in reports[0]["features"]] == ["_c0", "_c1"]
    assert read_format('{"Json":{"Lines":true}}') == read_format('{"json":{"line":true}}')
    assert read_format('{"Csv":{"Header":"True","OutputColumnsPosition":"END"}}').output_columns_last
    upper = read_format('{"SagemakerCaptureJson":{"CaptureIndexNames":["endpointInput"]}}')
    assert upper.capture_indexes == ("endpointInput",)
    with pytest.raises(AnalysisError, match="dataset_format"):
        read_format('{"avro":{}}')


@pytest.mark.parametrize("lines", [True, False])
def test_json_datasets_have_the_types_of_their_values(new_job, lines):
    rows = [{"n": i, "x": i / 2, "s": f"{i:03}", "ok": i % 2 == 0, "hole": None if i else 1.5} for i in range(10)]
    job = new_job()
    text = "\n".join(map(json.dumps, rows)) if lines else json.dumps(rows)
    (job.source / "data.json").write_text(text)
    job.run(json.dumps({"json": {"lines": lines}}))
    assert {f["name"]: f["inferred_type"] for f in job.report("statistics")["features"]} == {
        "n": "Integral",
        "x": "Fractional",
        "s": "String",
        "ok": "String",
        "hole": "Fractional",
    }
    assert job.feature("hole", "constraints")["completeness"] == 0.1


def test_parquet_files_below_the_input_are_one_dataset(new_job):
    job = new_job()
    for part in range(2):
        (job.source / str(part)).mkdir()
        path = job.source / str(part) / "part.parquet"
        duckdb.execute(f"COPY (SELECT i, i / 3 AS x FROM range(50) t(i)) TO '{path}' (FORMAT parquet)")
    job.run('{"parquet":{}}')
    assert job.report("statistics")["dataset"]["item_count"] == 100
    assert job.feature("i")["inferred_type"] == "Integral"


def test_a_value_far_down_the_file_still_counts_for_the_type(new_job):
    job = new_job()
    job.csv([[i, "1.5", "0017"] for i in range(30_000)] + [["many", "2", "0100"]], ["count", "x", "zip"])
    job.run('{"csv":{"header":true}}')
    types = {f["name"]: f["inferred_type"] for f in job.report("statistics")["features"]}
    assert types == {"count": "String", "x": "Fractional", "zip": "String"}
    assert job.report("statistics")["dataset"]["item_count"] == 30_001


def test_quotes_line_ends_and_missing_numbers_of_csv_are_read(new_job):
    job = new_job()
    (job.source / "a.csv").write_bytes(b'Name,name,x\r\n"Smith, J",a,1.5\r\n"say ""hi""",b,nan\r\n,c,\r\n')
    job.run('{"csv":{"header":true}}')
    assert job.feature("Name")["string_statistics"]["common"] == {"num_present": 2, "num_missing": 1}
    assert job.feature("name")["string_statistics"]["common"] == {"num_present": 3, "num_missing": 0}
    assert job.feature("x")["numerical_statistics"]["common"] == {"num_present": 1, "num_missing": 2}


def test_a_long_columns_sketch_keeps_every_rank_within_a_quarter_percent():
    values = np.random.default_rng(3).lognormal(size=300_000)
    sketch = Sketch()
    for chunk in np.array_split(values, 300):
        sketch.add(chunk)
    kept = sketch.to_json()["data"]
    assert sketch.count == 300_000
    assert sum(map(len, kept)) <= SIZE
    points = np.quantile(values, np.linspace(0.01, 0.99, 99))
    assert np.abs(sketch.shares_up_to(points) - np.linspace(0.01, 0.99, 99)).max() < 0.0025


def test_the_same_dataset_gives_the_same_reports_twice(new_job):
    reports = []
    for _ in range(2):
        job = new_job()
        job.csv(np.random.default_rng(5).normal(size=(5000, 2)).tolist(), ["a", "b"])
        reports.append(job.run('{"csv":{"header":true}}').feature("b")["numerical_statistics"]["distribution"])
    assert reports[0] == reports[1]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"analysis_type": "MODEL_BIAS"}, ["analysis_type=MODEL_BIAS", "DATA_QUALITY or MODEL_QUALITY"]),
        ({"baseline_constraints": "/opt/ml/processing/none.json"}, ["baseline_constraints", "no such file"]),
        ({"start_time": "yesterday", "end_time": "2026-01-01T00:00:00Z"}, ["start_time=yesterday", "ISO 8601"]),
    ],
)
def test_a_wrong_request_fails_and_says_why(new_job, variables, words):
    job = new_job()
    job.csv(ROWS, HEADER)
    assert job.start('{"csv":{"header":true}}', **variables) == 1
    assert all(word in job.message for word in words), job.message


def test_an_empty_input_is_named_in_the_message(new_job):
    job = new_job()
    assert job.start('{"csv":{"header":true}}') == 1
    assert f"No data: {job.source} holds no files" in job.message
