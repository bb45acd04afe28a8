"""Whole jobs on data with a known bias: what they write, and what a failed one says."""

import json
import random

import pytest
from clarify_processing.errors import AnalysisError

NAMES = ["sex", "age", "income", "region", "predicted", "approved"]
CONFIG = {
    "dataset_type": "text/csv",
    "headers": NAMES,
    "label": "approved",
    "predicted_label": "predicted",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex"}, {"name_or_index": "age", "value_or_threshold": [40]}],
    "group_variable": "region",
    "methods": {
        "pre_training_bias": {"methods": "all"},
        "post_training_bias": {"methods": "all"},
        "report": {"name": "report", "title": "Analysis Report"},
    },
}


def applicants(count=300, seed=7):
    """Women are approved less at the same income, and predicted to be even less."""
    draw = random.Random(seed)
    for _ in range(count):
        sex, income = draw.choice("FM"), draw.gauss(50, 10)
        handicap = 6 if sex == "F" else 0
        approved = int(income - handicap + draw.gauss(0, 4) > 48)
        yield (
            sex,
            draw.randint(18, 80),
            round(income, 2),
            draw.choice("NS"),
            int(income - 1.5 * handicap > 48),
            approved,
        )


def without(key):
    return {name: value for name, value in CONFIG.items() if name != key}


def group(analysis, section, facet, value):
    (found,) = [each for each in analysis[section]["facets"][facet] if each["value_or_threshold"] == value]
    return {metric["name"]: metric for metric in found["metrics"]}


def test_a_job_finds_the_bias_that_is_in_the_data_and_writes_all_reports(job):
    job.rows(applicants())
    job.configure(CONFIG)
    done = job.start()
    assert done.returncode == 0, done.stdout + done.stderr
    assert job.message == "Completed: Job completed successfully."
    assert {path.name for path in job.output.iterdir()} == {
        "analysis.json", "report.html", "report.ipynb", "report.pdf",
    }  # fmt: skip
    analysis = job.analysis
    assert list(analysis) == ["version", "pre_training_bias_metrics", "post_training_bias_metrics"]
    for section in ("pre_training_bias_metrics", "post_training_bias_metrics"):
        assert analysis[section]["label"] == "approved"
        assert analysis[section]["label_value_or_threshold"] == "1"
        assert [each["value_or_threshold"] for each in analysis[section]["facets"]["age"]] == ["(40, 80]"]
        assert {each["value_or_threshold"] for each in analysis[section]["facets"]["sex"]} == {"F", "M"}
    before = group(analysis, "pre_training_bias_metrics", "sex", "F")
    assert list(before) == ["CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD"]
    assert before["DPL"]["description"] == "Difference in Positive Proportions in Labels (DPL)"
    assert before["DPL"]["value"] > 0.15
    after = group(analysis, "post_training_bias_metrics", "sex", "F")
    assert list(after) == ["AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "FT", "GE", "RD", "SD", "TE"]
    assert after["DI"]["value"] < 0.8
    assert after["DPPL"]["value"] > before["DPL"]["value"]
    assert after["FT"] == {
        "name": "FT",
        "description": "Flip Test (FT)",
        "value": None,
        "error": "FlipTest does not support non-numeric columns",
    }
    assert abs(group(analysis, "pre_training_bias_metrics", "age", "(40, 80]")["DPL"]["value"]) < 0.15


def test_infinity_is_a_string_and_a_metric_without_a_value_is_null_with_its_reason(job):
    job.rows([("a", 1, 1, 1), ("a", 1, 0, 1), ("b", 1, 1, 0), ("b", 2, 0, 0)])
    analysis = job.run(
        {
            **without("group_variable"),
            "headers": ["x", "n", "approved", "predicted"],
            "facet": [{"name_or_index": "x", "value_or_threshold": ["a"]}],
            "methods": {"post_training_bias": {"methods": ["DI", "TE", "CDDPL"]}},
        }
    )
    metrics = group(analysis, "post_training_bias_metrics", "x", "a")
    assert metrics["DI"]["value"] == "Infinity"
    assert metrics["TE"]["value"] == "-Infinity"
    assert metrics["CDDPL"]["value"] is None
    assert metrics["CDDPL"]["error"] == "Group variable is empty or not provided"
    json.loads((job.output / "analysis.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert not (job.output / "report.html").exists()  # no report was asked for


def test_a_facet_may_be_there_twice_with_different_values(job):
    job.rows(applicants())
    facet = [{"name_or_index": "age", "value_or_threshold": [age]} for age in (30, 60)]
    analysis = job.run({**CONFIG, "facet": facet, "methods": {"pre_training_bias": {"methods": ["CI"]}}})
    found = analysis["pre_training_bias_metrics"]["facets"]["age"]
    assert [each["value_or_threshold"] for each in found] == ["(30, 80]", "(60, 80]"]


def test_rows_without_a_label_are_left_out_and_rows_without_a_facet_belong_to_the_rest(job):
    job.rows([("F", 1, 1), ("F", 2, 0), ("M", 3, 1), ("", 4, 1), ("M", 5, "")])
    analysis = job.run(
        {
            **without("group_variable"),
            "headers": ["sex", "n", "approved"],
            "predicted_label": "approved",
            "facet": [{"name_or_index": "sex", "value_or_threshold": ["F"]}],
            "methods": {"pre_training_bias": {"methods": ["CI", "DPL"]}},
        }
    )
    metrics = group(analysis, "pre_training_bias_metrics", "sex", "F")
    assert metrics["CI"]["value"] == 0  # two and two: the row without a label does not count
    assert metrics["DPL"]["value"] == 0.5


def test_a_regression_is_judged_by_thresholds(job):
    draw = random.Random(1)
    rows = [(draw.choice("FM"), price := draw.uniform(50, 150), price + draw.gauss(0, 5)) for _ in range(200)]
    job.rows(rows)
    analysis = job.run(
        {
            "dataset_type": "text/csv",
            "headers": ["sex", "price", "guess"],
            "label": "price",
            "predicted_label": "guess",
            "label_values_or_threshold": [100],
            "facet": [{"name_or_index": "sex", "value_or_threshold": ["F"]}],
            "methods": {"post_training_bias": {"methods": ["DI", "AD"]}},
        }
    )
    section = analysis["post_training_bias_metrics"]
    largest = max(price for _, price, _ in rows)
    assert section["label_value_or_threshold"] == f"(100.0, {largest}]"
    assert 0.5 < group(analysis, "post_training_bias_metrics", "sex", "F")["DI"]["value"] < 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"facet": [{"name_or_index": "race"}]}, "'race', but the dataset has no such column"),
        (
            {"facet": [{"name_or_index": "sex", "value_or_threshold": ["X"]}]},
            r"facet\[0\].value_or_threshold is X, but",
        ),
        ({"label_values_or_threshold": ["yes"]}, "label_values_or_threshold is yes, but no row of approved"),
        ({"label": "outcome"}, "label is 'outcome', but the dataset has no such column"),
        ({"facet": [{"name_or_index": "income"}]}, r"facet\[0\].value_or_threshold is missing, but income is numeric"),
    ],
)
def test_what_the_data_does_not_have_ends_the_job(job, changes, message):
    job.rows(applicants(60))
    with pytest.raises(AnalysisError, match=message):
        job.run({**CONFIG, **changes})


def test_what_the_data_does_not_have_is_found_before_a_model_is_started(job):
    job.rows(applicants(60))
    predictor = {"model_name": "m", "instance_type": "ml.m5.large", "initial_instance_count": 1}
    changes = {"facet": [{"name_or_index": "sex", "value_or_threshold": ["X"]}], "predictor": predictor}
    with pytest.raises(AnalysisError, match="value_or_threshold is X, but no row of sex"):  # and no call was made
        job.run({**without("predicted_label"), **changes, "methods": {"post_training_bias": {"methods": "all"}}})


def test_a_failed_job_says_why_in_its_exit_message_and_last_on_stderr(job):
    job.rows(applicants(60))
    job.configure({**CONFIG, "facet": [{"name_or_index": "race"}]})
    done = job.start()
    assert done.returncode == 1
    assert job.message.startswith("Error: analysis_config.json: facet[0].name_or_index is 'race'")
    assert done.stderr.strip().splitlines()[-1] == job.message
    assert not (job.output / "analysis.json").exists()


def test_local_paths_of_the_request_are_used(job):
    job.rows(applicants(60))
    job.configure(CONFIG)
    (job.ml / "processing" / "input" / "data").rename(job.ml / "processing" / "rows")
    request = {
        "ProcessingInputs": [
            {"InputName": "dataset", "S3Input": {"LocalPath": "/opt/ml/processing/rows"}},
            {"InputName": "analysis_config", "S3Input": {"LocalPath": "/opt/ml/processing/input/config"}},
        ],
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "analysis_result", "S3Output": {"LocalPath": "/opt/ml/processing/result"}}]
        },
    }
    (job.ml / "config").mkdir()
    (job.ml / "config" / "processingjobconfig.json").write_text(json.dumps(request))
    job.output = job.ml / "processing" / "result"
    assert "pre_training_bias_metrics" in job.run(CONFIG)


def test_of_several_hosts_the_first_does_the_work(job):
    job.rows(applicants(60))
    job.configure(CONFIG)
    (job.ml / "config").mkdir()
    hosts = {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}
    (job.ml / "config" / "resourceconfig.json").write_text(json.dumps(hosts))
    assert job.start().returncode == 0
    assert not job.output.exists()
