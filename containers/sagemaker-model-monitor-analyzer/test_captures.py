"""Captured traffic: encodings, rows, columns, windows, and the user's scripts."""

import base64
import json

import pytest

CAPTURE = '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}'
WINDOW = {"start_time": "2026-03-01T09:00:00Z", "end_time": "2026-03-01T10:00:00Z"}
HOUR, AT = "2026/03/01/09", "2026-03-01T09:12:30Z"


def constraints(*features, **more):
    return {"version": 0.0, "features": [{"name": name, "inferred_type": kind} for name, kind in features], **more}


BASELINE = constraints(("score", "Fractional"), ("age", "Integral"), ("plan", "String"))


def values(job):
    """Feature -> mean, or the categories, of the job's statistics."""
    result = {}
    for feature in job.report("statistics")["features"]:
        numbers = feature.get("numerical_statistics")
        strings = feature.get("string_statistics", {}).get("distribution", {}).get("categorical", {}).get("buckets")
        result[feature["name"]] = numbers["mean"] if numbers else {b["value"]: b["count"] for b in strings}
    return result


def analyse(new_job, records, baseline=BASELINE, dataset_format=CAPTURE, hour=HOUR, **variables):
    job = new_job()
    job.capture(hour, records)
    return job.run(dataset_format, **WINDOW, **(job.compare_with_documents(baseline) if baseline else {}), **variables)


def test_the_output_comes_first_and_columns_are_named_after_the_baseline(new_job, record):
    job = analyse(new_job, [record("30,pro", "0.25\n", AT), record("40,basic", "0.75\n", AT)])
    assert values(job) == {"score": 0.5, "age": 35.0, "plan": {"basic": 1, "pro": 1}}
    assert job.violations == set()


def test_a_baseline_that_had_its_output_last_is_matched_that_way(new_job, record):
    first = new_job()
    first.csv([[30, "pro", 0.25], [40, "basic", 0.5]], ["age", "plan", "score"])
    first.run('{"csv":{"header":true,"output_columns_position":"END"}}')
    job = analyse(new_job, [record("30,pro", "0.25", AT)], first.report("constraints"))
    assert values(job) == {"age": 30.0, "plan": {"pro": 1}, "score": 0.25}


def test_a_baseline_of_the_inputs_alone_is_compared_with_the_inputs_alone(new_job, record):
    baseline = constraints(("age", "Integral"), ("plan", "String"))
    job = analyse(new_job, [record("30,pro", "0.25", AT)], baseline)
    assert values(job) == {"age": 30.0, "plan": {"pro": 1}}
    assert job.violations == set()


def test_without_a_baseline_columns_are_numbered(new_job, record):
    assert values(analyse(new_job, [record("30,5", "0.25", AT)], None)) == {"_c0": 0.25, "_c1": 30.0, "_c2": 5.0}


def test_one_call_with_several_rows_counts_as_several(new_job, record):
    calls = [record("30,pro\n40,basic\n", "0.25\n0.75\n", AT), record("50,pro\n60,pro", "0.5,0.5", AT)]
    job = analyse(new_job, calls)
    assert job.report("statistics")["dataset"]["item_count"] == 4
    assert values(job) == {"score": 0.5, "age": 45.0, "plan": {"pro": 3, "basic": 1}}


def test_json_is_matched_by_key_and_base64_by_its_content_type(new_job, record):
    flat = record('{"plan":"pro","age":30}', '{"score":0.5}', AT, "JSON", "application/json")
    assert values(analyse(new_job, [flat])) == {"score": 0.5, "age": 30.0, "plan": {"pro": 1}}
    arrays = record('[[30,"pro"],[40,"pro"]]', "[0.25, 0.75]", AT, "JSON", "application/json")
    with pytest.raises(AssertionError, match="2 input rows and 1 output rows"):
        analyse(new_job, [record('[[30,"pro"],[40,"pro"]]', "[0.1,0.2,0.3]", AT, "JSON", "application/json")])
    assert values(analyse(new_job, [arrays])) == {"score": 0.5, "age": 35.0, "plan": {"pro": 2}}
    hidden = record(
        base64.b64encode(b"30,pro").decode(), base64.b64encode(b"0.5").decode(), AT, "BASE64", "text/csv; charset=utf-8"
    )
    assert values(analyse(new_job, [hidden])) == {"score": 0.5, "age": 30.0, "plan": {"pro": 1}}


def test_more_or_fewer_values_than_the_baseline_are_column_violations(new_job, record):
    assert analyse(
        new_job, [record("30,pro,7", "0.5", AT)], constraints(("a", "Fractional"), ("b", "Integral"))
    ).violations >= {("Extra columns", "extra_column_check")}
    assert ("Missing columns", "missing_column_check") in analyse(new_job, [record("30", "0.5", AT)]).violations
    job = analyse(new_job, [record("30,pro", None, AT)])
    assert job.violations == {("Missing columns", "missing_column_check")}
    assert values(job) == {"age": 30.0, "plan": {"pro": 1}}


def test_rows_of_different_make_are_put_in_the_same_columns(new_job, record):
    def flat(text):
        return record(text, None, AT, "JSON", "application/json")

    job = analyse(
        new_job,
        [flat('{"a":1,"b":"x,\\"y\\"","ok":true}'), flat('{"b":"","a":3}'), flat('{"c":2.5,"b":"z"}')],
        None,
    )
    assert values(job) == {"a": 2.0, "b": {'x,"y"': 1, "z": 1}, "ok": {"true": 1}, "c": 2.5}
    common = [
        entry.get("numerical_statistics", entry.get("string_statistics"))["common"]
        for entry in job.report("statistics")["features"]
    ]
    assert [counts["num_missing"] for counts in common] == [1, 1, 2, 2]


def test_only_the_capture_indexes_asked_for_are_read(new_job, record):
    inputs_only = '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput"]}}'
    job = analyse(new_job, [record("30,5", "0.5", AT)], None, inputs_only)
    assert values(job) == {"_c0": 30.0, "_c1": 5.0}


def test_only_records_inside_the_window_count(new_job, record):
    job = new_job()
    for minute, age in (("08:59:59.999", 1), ("09:00:00", 30), ("09:59:59.999", 40), ("10:00:00", 2)):
        job.capture(HOUR, [record(f"{age},pro", "0.5", f"2026-03-01T{minute}Z")])
    job.capture("2026/03/01/08", [{"not": "read"}])
    job.capture("2026/03/01/10", [{"not": "read"}], variant="Shadow")
    job.run(CAPTURE, **WINDOW, **job.compare_with_documents(BASELINE))
    assert job.report("statistics")["dataset"]["item_count"] == 2
    assert values(job)["age"] == 35.0


def test_a_window_over_several_hours_reads_every_hour_in_it(new_job, record):
    job = new_job()
    for hour in (8, 9, 10, 11):
        job.capture(f"2026/03/01/{hour:02}", [record(f"{hour},pro", "0.5", f"2026-03-01T{hour:02}:30:00Z")])
    job.run(CAPTURE, start_time="2026-03-01T09:00:00Z", end_time="2026-03-01T11:00:00+00:00")
    assert job.report("statistics")["dataset"]["item_count"] == 2


def test_no_data_in_the_window_names_directory_hours_and_the_way_out(new_job, record):
    job = new_job()
    job.capture("2026/03/01/07", [record("30,pro", "0.5", "2026-03-01T07:30:00Z")])
    assert job.start(CAPTURE, **WINDOW) == 1
    for words in ("No data", str(job.source), "hours 2026/03/01/09", "it has 2026/03/01/07", "Send traffic"):
        assert words in job.message
    assert not job.output.exists()


def test_different_encodings_of_input_and_output_are_refused_as_aws_does(new_job, record):
    mixed = record("30,pro", "0.5", AT)
    mixed["captureData"]["endpointOutput"] |= {"encoding": "JSON", "observedContentType": "application/json"}
    job = new_job()
    job.capture(HOUR, [mixed])
    assert job.start(CAPTURE, **job.compare_with_documents(BASELINE)) == 1
    assert (
        "Encoding mismatch: Encoding is CSV for endpointInput, but Encoding is JSON for endpointOutput." in job.message
    )


@pytest.mark.parametrize(
    ("payload", "encoding", "content_type", "words"),
    [
        ('{"instances":[[1,2]]}', "JSON", "application/json", "'instances' holds [[1, 2]]"),
        ("AAAA", "BASE64", "application/x-npy", "'application/x-npy' is neither CSV nor JSON"),
        ("{", "JSON", "application/json", "marked JSON but is not"),
    ],
)
def test_payloads_that_cannot_be_columns_fail_and_point_to_a_script(
    new_job, record, payload, encoding, content_type, words
):
    job = new_job()
    job.capture(HOUR, [record(payload, None, AT, encoding, content_type)])
    assert job.start(CAPTURE) == 1
    assert words in job.message and "preprocess" in job.message.lower()


def test_a_file_that_is_no_capture_is_named_with_its_line(new_job):
    job = new_job()
    job.capture(HOUR, [{"captureData": {}, "eventMetadata": {}}, {"age": 3}])
    assert job.start(CAPTURE) == 1
    assert "12-30-123-0b1f3f4e.jsonl line 2 is not a captured record" in job.message


PREPROCESS = """
import json

def preprocess_handler(inference_record, logger):
    logger.info("seen %s", inference_record.event_metadata.event_id)
    values = json.loads(inference_record.endpoint_input.data)["instances"][0]
    assert inference_record.endpoint_input.encoding == "JSON"
    assert inference_record.event_metadata.inference_time.startswith("2026-03-01")
    assert inference_record.event_version == "0"
    if values[0] < 0:
        return []
    score = json.loads(inference_record.endpoint_output.data)["predictions"][0]
    return {"score": score, "age": values[0], "plan": values[1]}
"""


def nested(record, age):
    return record(json.dumps({"instances": [[age, "pro"]]}), '{"predictions":[0.5]}', AT, "JSON", "application/json")


def test_a_preprocessing_script_makes_the_columns_and_may_leave_records_out(new_job, record):
    job = new_job()
    job.capture(HOUR, [nested(record, age) for age in (30, -1, 40)])
    script = job.script("pre.py", PREPROCESS)
    job.run(CAPTURE, record_preprocessor_script=script, **job.compare_with_documents(BASELINE))
    assert values(job) == {"score": 0.5, "age": 35.0, "plan": {"pro": 2}}
    assert job.violations == set()
    assert "seen 8c2f2f6c" in job.stdout


def test_a_script_with_one_argument_and_numbered_keys_means_the_baselines_columns(new_job, record):
    job = new_job()
    job.capture(HOUR, [record("30,pro", "0.5", AT)])
    script = job.script(
        "pre.py",
        "def preprocess_handler(record):\n"
        "    cells = (record.endpoint_output.data + ',' + record.endpoint_input.data).split(',')\n"
        "    return {str(i).zfill(20): cell for i, cell in enumerate(cells)}\n",
    )
    job.run(CAPTURE, record_preprocessor_script=script, **job.compare_with_documents(BASELINE))
    assert values(job) == {"score": 0.5, "age": 30.0, "plan": {"pro": 1}}


def test_a_script_sees_the_lines_of_a_csv_baseline(new_job):
    job = new_job()
    job.csv([[1, 10], [3, 30]], ["a", "b"])
    script = job.script(
        "pre.py", "def preprocess_handler(record):\n    return {'a': record.endpoint_input.data.split(',')[0]}\n"
    )
    assert values(job.run('{"csv":{"header":true}}', record_preprocessor_script=script)) == {"a": 2.0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def preprocess_handler(record):\n    return 1 / 0\n", "failed at line 2: ZeroDivisionError"),
        ("def preprocess_handler(record):\n    return 'text'\n", "returned a str. Return a flat dictionary"),
        ("def preprocess_handler(record):\n    return []\n", "preprocess_handler left out every one of them"),
        ("def preprocess_handler(record):\n    return {'a': [1]}\n", "A row holds '[1]', a list"),
        ("import nothing_of_that_name\n", "the import of pre.py failed at line 1: ModuleNotFoundError"),
        ("x = 1\n", "pre.py defines no function preprocess_handler"),
    ],
)
def test_a_failing_preprocessing_script_fails_the_job_with_its_reason(new_job, record, text, words):
    job = new_job()
    job.capture(HOUR, [record("30,pro", "0.5", AT)])
    assert job.start(CAPTURE, record_preprocessor_script=job.script("pre.py", text)) == 1
    assert words in job.message


def test_a_postprocessing_script_runs_after_the_reports_are_written(new_job, record):
    job = new_job()
    job.capture(HOUR, [record("30,pro", "0.5", AT)])
    script = job.script(
        "post.py",
        "import os, pathlib\n"
        "def postprocess_handler():\n"
        f"    output = pathlib.Path({str(job.output)!r})\n"
        "    (output / 'names.txt').write_text(' '.join(sorted(p.name for p in output.iterdir())))\n",
    )
    job.run(CAPTURE, post_analytics_processor_script=script, **job.compare_with_documents(BASELINE))
    written = (job.output / "names.txt").read_text()
    assert written == "constraint_violations.json constraints.json statistics.json"


def test_a_failing_postprocessing_script_fails_the_job_with_its_reason(new_job, record):
    job = new_job()
    job.capture(HOUR, [record("30,pro", "0.5", AT)])
    script = job.script("post.py", "def postprocess_handler():\n    raise RuntimeError('no mail server')\n")
    assert job.start(CAPTURE, post_analytics_processor_script=script) == 1
    assert job.message == "Error: postprocess_handler of post.py failed at line 2: RuntimeError: no mail server"
