"""Jobs of monitoring schedules: captured calls with their labels, what has become worse, and what cannot be judged."""

import base64
import json
import random

import pytest
from clarify_processing.drift import gain, violations
from clarify_processing.folders import Folders
from clarify_processing.monitor import Monitor
from clarify_processing.monitor_captures import Attributes

HEADERS = ["approved", "sex", "income", "region"]
CONFIG = {
    "headers": HEADERS,
    "label": "approved",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex", "value_or_threshold": [0]}],
    "group_variable": "region",
}
HOUR, AT = "2026/03/01/09", "2026-03-01T09:12:30Z"
VARIABLES = {
    "analysis_type": "MODEL_BIAS",
    "analysis_config": "/opt/ml/processing/input/config/analysis_config.json",
    "dataset_source": "/opt/ml/processing/input/endpoint",
    "dataset_format": '{"sagemakerMergeJson":{"captureIndexNames":["endpointOutput"]}}',
    "start_time": "2026-03-01T09:00:00Z",
    "end_time": "2026-03-01T10:00:00Z",
    "metric_time": "2026-03-01T09:00:00Z",
    "sagemaker_endpoint_name": "loans",
    "sagemaker_monitoring_schedule_name": "hourly",
    "publish_cloudwatch_metrics": "Enabled",
}


def applicants(count=300, gap=6, seed=7):
    """(label, features, score)."""
    draw = random.Random(seed)
    for _ in range(count):
        sex, income = draw.randint(0, 1), draw.gauss(50, 10)
        worth = income - gap * (1 - sex)
        yield (
            int(worth + draw.gauss(0, 3) > 48),
            (sex, round(income, 2), draw.randint(0, 2)),
            1 / (1 + 1.2 ** (48 - worth)),
        )


def record(label, features, score, at=AT, **more):
    return {
        "captureData": {
            "endpointInput": {"mode": "INPUT", "encoding": "CSV", "data": ",".join(map(str, features))},
            "endpointOutput": {"mode": "OUTPUT", "encoding": "CSV", "data": str(score)},
        },
        "groundTruthData": {"data": str(label), "encoding": "CSV"},
        "eventMetadata": {"eventId": "e1", "inferenceTime": at},
        "eventVersion": "0",
    } | more


def in_json(label, features, score):
    """The same call in JSON, its answer in base64."""
    answer = json.dumps({"score": score}).encode()
    return record(label, features, score) | {
        "captureData": {
            "endpointInput": {"encoding": "JSON", "data": json.dumps({"row": {"values": features}})},
            "endpointOutput": {
                "encoding": "BASE64",
                "observedContentType": "application/json; charset=utf-8",
                "data": base64.b64encode(answer).decode(),
            },
        },
        "groundTruthData": {"data": json.dumps({"approved": label}), "encoding": "JSON"},
    }


def transformed(label, features, score):
    """The same row as a transform job's output, joined with its input, with inference id and time."""
    text = ",".join(map(str, [*features, score, "an-id", AT]))
    return record(label, features, score) | {"captureData": {"batchTransformOutput": {"encoding": "CSV", "data": text}}}


@pytest.fixture
def monitor(job):
    """Runs a monitoring job over records; the exit message. `baseline` is the document of another one."""

    def run(records, baseline=None, config=CONFIG, hour=HOUR, **variables):
        job.configure(config)
        path = job.ml / "processing" / "input" / "endpoint" / "loans" / "AllTraffic" / hour / "calls.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(each) + "\n" for each in records))
        if baseline is not None:
            place = job.ml / "processing" / "baseline" / "analysis.json"
            place.parent.mkdir(exist_ok=True)
            place.write_text(baseline if isinstance(baseline, str) else json.dumps(baseline))
            variables["baseline_constraints"] = "/opt/ml/processing/baseline/analysis.json"
        done = job.main(VARIABLES | variables)
        assert (done == 0) == (not job.message.startswith("Error: "))
        return job.message

    return run


def found(job):
    document = json.loads((job.output / "constraint_violations.json").read_text())
    assert document["version"] == "1.0"
    return document["violations"]


def metric(analysis, name, stage="post"):
    (group,) = analysis[f"{stage}_training_bias_metrics"]["facets"]["sex"]
    (value,) = [each["value"] for each in group["metrics"] if each["name"] == name]
    return value


def test_all_metrics_are_measured_reported_and_published(monitor, job):
    assert monitor([record(*row) for row in applicants()]) == "Completed: Job completed successfully."
    assert {path.name for path in job.output.iterdir()} == {
        "analysis.json", "report.html", "report.ipynb", "report.pdf",
    }  # fmt: skip
    assert metric(job.analysis, "DPL", "pre") > 0.1
    assert metric(job.analysis, "DI") < 0.9
    lines = (job.ml / "output" / "metrics" / "cloudwatch" / "cloudwatch_metrics.jsonl").read_text().splitlines()
    points = {point["MetricName"]: point for point in map(json.loads, lines)}
    assert len(points) == len(lines) == 21
    assert points["bias_metric_DI"]["Value"] == metric(job.analysis, "DI")
    assert points["bias_metric_DI"]["Timestamp"] == "2026-03-01T09:00:00Z"
    dimensions = {each["Name"]: each["Value"] for each in points["bias_metric_CDDL"]["Dimensions"]}
    assert dimensions == {
        "Endpoint": "loans", "MonitoringSchedule": "hourly", "BiasStage": "Pre-training", "Label": "approved",
        "LabelValue": "1", "Facet": "sex", "FacetValue": "0",
    }  # fmt: skip


def test_what_is_worse_than_the_baseline_is_a_violation_and_what_is_better_is_none(monitor, job):
    monitor([record(*row) for row in applicants(1000)])
    baseline = job.analysis
    assert monitor([record(*row) for row in applicants(seed=9)], baseline).startswith("Completed: ")
    assert found(job) == []
    message = monitor([record(*row) for row in applicants(gap=24, seed=10)], baseline)
    violations = {each["metric_name"]: each for each in found(job)}
    assert message == f"CompletedWithViolations: Job completed successfully with {len(violations)} violations."
    assert {"DPL", "DPPL", "DI", "KS", "CDDPL"} <= set(violations)
    values = metric(job.analysis, "DI"), metric(baseline, "DI")
    assert violations["DI"] == {
        "facet": "sex", "facet_value": "0", "metric_name": "DI", "constraint_check_type": "bias_drift_check",
        "description": "Metric value {} doesn't meet the baseline constraint requirement {}".format(*values),
    }  # fmt: skip
    monitor([record(*row) for row in applicants(gap=0, seed=11)], baseline)
    assert not {"DPL", "DPPL", "DI"} & {each["metric_name"] for each in found(job)}


def test_a_small_sample_that_may_be_chance_is_no_violation(monitor, job):
    monitor([record(*row) for row in applicants(1000)])
    baseline = job.analysis
    for seed in (5, 9):
        monitor([record(*row) for row in applicants(30, seed=seed)], baseline)
        assert metric(job.analysis, "DPPL") > metric(baseline, "DPPL") + 0.1
        assert "DPPL" not in {each["metric_name"] for each in found(job)}


@pytest.mark.parametrize(
    ("make", "attributes"),
    [
        (in_json, {"features_attribute": "row.values", "probability_attribute": "score"}),
        (transformed, {"probability_attribute": "3"}),
    ],
)
def test_json_and_outputs_of_transform_jobs_say_the_same(monitor, job, make, attributes):
    rows = list(applicants(120))
    monitor([record(*row) for row in rows])
    plain = job.analysis
    monitor([make(*row) for row in rows], **attributes)
    assert job.analysis == plain


def test_a_call_may_hold_several_rows_and_one_outside_the_window_is_left_out(monitor, job):
    rows = list(applicants(120))
    monitor([record(*row) for row in rows])
    plain = job.analysis
    several = record("", "", "")
    for part, texts in (
        ("endpointInput", [",".join(map(str, row[1])) for row in rows]),
        ("endpointOutput", [str(row[2]) for row in rows]),
    ):
        several["captureData"][part]["data"] = "\n".join(texts)
    several["groundTruthData"]["data"] = "\n".join(str(row[0]) for row in rows)
    late = [record(*row, at="2026-03-01T10:00:00Z") for row in applicants(50, gap=40)]
    monitor([several, *late])
    assert job.analysis == plain


def test_a_threshold_goes_by_itself_whatever_the_largest_value_is(monitor, job):
    config = CONFIG | {"facet": [{"name_or_index": "income", "value_or_threshold": [40]}]}
    monitor([record(*row) for row in applicants(300)], config=config)
    baseline = job.analysis
    for group in baseline["pre_training_bias_metrics"]["facets"]["income"]:
        group["value_or_threshold"] = "(40, 1000]"
        for each in group["metrics"]:
            each["value"] = 0.0
    monitor([record(*row) for row in applicants(300, seed=8)], baseline, config=config)
    assert {each["facet_value"] for each in found(job) if each["metric_name"] == "CI"} == {"40"}


@pytest.mark.parametrize(
    ("change", "config", "variables", "words"),
    [
        (
            {},
            {"headers": ["approved", "sex", "income"]},
            {},
            "have 3 features, but headers of analysis",
        ),
        (
            {},
            {"facet": [{"name_or_index": "race"}]},
            {},
            "facet[0].name_or_index is 'race', but the dataset has no such",
        ),
        ({}, {"facet": [{"name_or_index": "sex", "value_or_threshold": [7, 8]}]}, {}, "no row of sex has that value"),
        ({}, {"label": None}, {}, "label is None"),
        ({}, {}, {"probability_attribute": "4"}, "has nothing at index 4"),
        (
            {},
            {},
            {"start_time": "2026-03-02T09:00:00Z", "end_time": "2026-03-02T10:00:00Z"},
            "has a call of the window",
        ),
        ({"groundTruthData": {"data": "1\n0", "encoding": "CSV"}}, {}, {}, "1 rows and its ground truth 2 labels"),
        ({"groundTruthData": None}, {}, {}, "no groundTruthData"),
    ],
)
def test_what_does_not_fit_is_named(monitor, change, config, variables, words):
    records = [record(*row) | change for row in applicants(40)]
    assert words in monitor(records, config=CONFIG | config, **variables)


@pytest.mark.parametrize(
    ("baseline", "words"),
    [
        ("{", "analysis.json are not valid JSON"),
        ({"features": []}, "no analysis.json: they have neither pre_training_bias_metrics"),
        ({"explanations": {}}, "lack pre_training_bias_metrics and post_training_bias_metrics"),
        (
            {"pre_training_bias_metrics": {"facets": {"age": []}}},
            "lack the facet 'sex' in pre_training_bias_metrics, only age",
        ),
    ],
)
def test_a_baseline_of_something_else_is_named(monitor, baseline, words):
    assert words in monitor([record(*row) for row in applicants(40)], baseline)


def test_the_gain_is_that_of_the_developer_guides_example():
    before = {"SAT": 0.70, "GPA": 0.50, "rank": 0.05}
    assert gain({"SAT": 0.10, "GPA": 0.20, "rank": 0.70}, before) == pytest.approx(0.69, abs=0.005)
    assert gain(before, before) == 1.0
    assert gain({"a": 1.0}, {"a": 0.0}) == 1.0


def test_attributions_are_compared_for_each_output():
    def analysis(**labels):
        shap = {label: {"global_shap_values": values, "expected_value": 0.5} for label, values in labels.items()}
        return {"version": "1.0", "explanations": {"kernel_shap": shap}}

    before = analysis(label0={"a": 1.0, "b": 0.1}, label1={"a": 0.1, "b": 1.0})
    now = analysis(label0={"a": 0.9, "b": 0.2}, label1={"a": 0.9, "b": 0.2})
    (violation,) = violations(now, before, {})
    score = gain({"a": 0.9, "b": 0.2}, {"a": 0.1, "b": 1.0})
    assert violation == {
        "label": "label1",
        "metric_name": "shap",
        "constraint_check_type": "feature_attribution_drift_check",
        "description": f"Feature attribution drift {score} exceeds threshold 0.9",
    }
    with pytest.raises(Exception, match="explain the features a, b, this analysis explains c"):
        violations(analysis(label0={"c": 1.0}), before, {})
    with pytest.raises(Exception, match="lack the label 'yes'"):
        violations(analysis(yes={"a": 1.0}), before, {})


def test_attributes_are_indices_or_expressions_and_none_as_a_text_is_none():
    given = {"inference_attribute": "None", "probability_attribute": "0", "features_attribute": "row.values"}
    assert Attributes.read(given) == Attributes("row.values", None, 0)


EXPLAINED = {
    "headers": ["sex", "income", "region"],
    "methods": {"shap": {"baseline": [[1, 50, 0]], "num_samples": 20}},
    "predictor": {"model_name": "m", "instance_type": "ml.m5.large", "initial_instance_count": 1},
}


@pytest.mark.parametrize(
    ("form", "name", "write", "more"),
    [
        ({"sagemakerCaptureJson": {}}, "calls.jsonl", lambda row: json.dumps(record(*row)), {}),
        ({"csv": {"header": False}}, "in.csv", lambda row: ",".join(map(str, row[1])), {}),
        (
            {"json": {"line": True}}, "in.jsonl", lambda row: json.dumps({"values": row[1]}),
            {"features_attribute": "values", "template": '{"values":$features}'},
        ),
    ],
)  # fmt: skip
def test_what_is_explained_are_the_features_of_calls_or_of_a_transform_jobs_input(
    job, tmp_path, form, name, write, more
):
    template = {"content_template": more["template"]} if "template" in more else {}
    predictor = EXPLAINED["predictor"] | template
    job.configure(EXPLAINED | {"predictor": predictor})
    source = job.ml / "processing" / "input" / "endpoint"
    source.mkdir()
    rows = list(applicants(20))
    (source / name).write_text("".join(write(row) + "\n" for row in rows))
    asked = {"analysis_type": "MODEL_EXPLAINABILITY", "dataset_format": json.dumps(form), "inference_attribute": "0"}
    variables = VARIABLES | {"SAGEMAKER_BASE_DIR": str(job.ml)} | asked | more
    monitor = Monitor.find(variables, Folders.find(variables))
    config, dataset = monitor.load(tmp_path / "scratch")
    assert dataset.headers == ["sex", "income", "region"]
    assert dataset.features.to_numpy().tolist() == [list(row[1]) for row in rows]
    assert config.predictor["label"] == 0
    assert config.report


def test_columns_that_are_excluded_are_not_features(job, tmp_path):
    job.configure(EXPLAINED)
    source = job.ml / "processing" / "input" / "endpoint"
    source.mkdir()
    (source / "in.csv").write_text("1,50,2\n0,40,1\n")
    asked = {"analysis_type": "MODEL_EXPLAINABILITY", "dataset_format": '{"csv":{}}'}
    excluded = {"exclude_features_attribute": "0, region", "SAGEMAKER_BASE_DIR": str(job.ml)}
    variables = VARIABLES | asked | excluded
    _, dataset = Monitor.find(variables, Folders.find(variables)).load(tmp_path / "scratch")
    assert dataset.headers == ["income"]
