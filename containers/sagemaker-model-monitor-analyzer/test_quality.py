"""Model quality: the scores against AWS's published examples, thresholds, violations, and where values are found."""

import json
import math

import numpy as np
import pytest
from monitor_analyzer.scores import binary, multiclass, regression

CSV = '{"csv":{"header":true}}'
MERGED = '{"sagemakerMergeJson":{"captureIndexNames":["endpointOutput"]}}'
HOUR, AT = "2026/03/01/09", "2026-03-01T09:12:30Z"
BINARY = {"analysis_type": "MODEL_QUALITY", "problem_type": "BinaryClassification"}
COLUMNS = {"inference_attribute": "prediction", "ground_truth_attribute": "label"}


def answers(count, seed=3, noise=1.0):
    """Rows of label, prediction, probability."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        label = int(random.random() < 0.4)
        probability = 1 / (1 + math.exp(-(4 * label - 2 + noise * random.normal())))
        yield label, int(probability > 0.5), probability


def expand(counts):
    """Columns with that confusion matrix, rows actual."""
    pairs = [(i, j) for i, row in enumerate(counts) for j, count in enumerate(row) for _ in range(count)]
    return np.array([i for i, _ in pairs]), np.array([j for _, j in pairs])


def values(report):
    return {name: score["value"] for name, score in report.items() if isinstance(score, dict) and "value" in score}


def test_binary_scores_are_those_of_the_developer_guides_example():
    report = binary(*expand([[1, 2], [0, 1]]), None)
    assert report["confusion_matrix"] == {"0": {"0": 1, "1": 2}, "1": {"0": 0, "1": 1}}
    assert values(report) == pytest.approx(
        {
            "recall": 1.0,
            "precision": 0.3333333333333333,
            "accuracy": 0.5,
            "recall_best_constant_classifier": 1.0,
            "precision_best_constant_classifier": 0.25,
            "accuracy_best_constant_classifier": 0.25,
            "true_positive_rate": 1.0,
            "true_negative_rate": 0.33333333333333337,
            "false_positive_rate": 0.6666666666666666,
            "false_negative_rate": 0.0,
            "f0_5": 0.3846153846153846,
            "f1": 0.5,
            "f2": 0.7142857142857143,
            "f0_5_best_constant_classifier": 0.29411764705882354,
            "f1_best_constant_classifier": 0.4,
            "f2_best_constant_classifier": 0.625,
        }
    )
    assert report["f1"]["standard_deviation"] == "NaN"


def test_multiclass_scores_are_those_of_the_developer_guides_example():
    report = multiclass(*expand([[1180, 510], [268, 138]]), ["0", "1"])
    share = 1690 / 2096  # of class 0, which the constant classifier always says
    always = {
        f"weighted_{name}_best_constant_classifier": share * (1 + beta**2) * share / (beta**2 * share + 1)
        for name, beta in (("f0_5", 0.5), ("f1", 1), ("f2", 2))
    }
    assert values(report) == pytest.approx(
        always
        | {
            "accuracy": 0.6288167938931297,
            "weighted_recall": 0.6288167938931297,
            "weighted_precision": 0.6983172269629505,
            "weighted_f0_5": 0.6803947317178771,
            "weighted_f1": 0.6571162346664904,
            "weighted_f2": 0.6384024354394601,
            "accuracy_best_constant_classifier": share,
            "weighted_recall_best_constant_classifier": share,
            "weighted_precision_best_constant_classifier": share**2,
        }
    )
    assert report["confusion_matrix"]["0"] == {"0": 1180, "1": 510}
    assert 0.001 < report["accuracy"]["standard_deviation"] < 0.02


def test_regression_scores_follow_their_definitions():
    report = regression(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0, 6.0]))
    assert values(report) == pytest.approx({"mae": 0.5, "mse": 1.0, "rmse": 1.0, "r2": 0.2})
    assert values(regression(np.ones(3), np.ones(3)))["r2"] == "NaN"


def test_the_area_under_the_curve_is_the_share_of_pairs_in_the_right_order():
    actual, probability = np.array([0, 0, 1, 1, 0, 1]), np.array([0.1, 0.5, 0.5, 0.9, 0.3, 0.2])
    pairs = [(p > n) + (p == n) / 2 for p in probability[actual == 1] for n in probability[actual == 0]]
    report = binary(actual, (probability > 0.5).astype(int), probability)
    assert report["auc"]["value"] == pytest.approx(sum(pairs) / len(pairs))
    curve = report["receiver_operating_characteristic_curve"]
    assert (curve["false_positive_rates"][0], curve["true_positive_rates"][-1]) == (0.0, 1.0)
    assert len(report["precision_recall_curve"]["precisions"]) == len(report["precision_recall_curve"]["recalls"]) == 6


def test_a_curve_of_many_thresholds_is_thinned_and_the_area_is_not():
    random = np.random.default_rng(1)
    actual, probability = random.integers(0, 2, 50_000), random.random(50_000)
    report = binary(actual, (probability > 0.5).astype(int), probability)
    assert len(report["receiver_operating_characteristic_curve"]["true_positive_rates"]) == 1002
    assert report["auc"]["value"] == pytest.approx(0.5, abs=0.01)


def test_scores_without_anything_to_find_are_not_numbers():
    report = binary(np.zeros(4, dtype=int), np.zeros(4, dtype=int), np.zeros(4))
    assert values(report)["recall"] == values(report)["auc"] == values(report)["f1"] == "NaN"
    assert values(report)["precision"] == 0.0


@pytest.fixture(scope="module")
def baseline(new_job):
    job = new_job()
    job.csv(answers(400), ["label", "prediction", "probability"])
    return job.run(CSV, **BINARY, **COLUMNS, probability_attribute="probability")


def test_a_baseline_suggests_the_thresholds_that_it_just_meets(baseline):
    statistics, constraints = baseline.report("statistics"), baseline.report("constraints")
    scores = statistics["binary_classification_metrics"]
    assert statistics["version"] == constraints["version"] == 0.0
    assert statistics["dataset"] == {"item_count": 400}
    suggested = constraints["binary_classification_constraints"]
    assert set(suggested) == {
        "recall", "precision", "accuracy", "true_positive_rate", "true_negative_rate", "false_positive_rate",
        "false_negative_rate", "auc", "f0_5", "f1", "f2",
    }  # fmt: skip
    assert suggested["f1"] == {"threshold": scores["f1"]["value"], "comparison_operator": "LessThanThreshold"}
    assert suggested["false_positive_rate"]["comparison_operator"] == "GreaterThanThreshold"
    assert not (baseline.output / "constraint_violations.json").exists()
    assert baseline.message == "Completed: Job completed successfully with no violations."


def test_a_worse_hour_violates_by_name_value_and_threshold(new_job, baseline):
    job = new_job()
    job.csv(answers(400, seed=4, noise=6.0), ["label", "prediction", "probability"])
    variables = {
        "publish_cloudwatch_metrics": "Enabled",
        "metric_time": "2026-03-01T09:00:00Z",
        "sagemaker_endpoint_name": "churn",
        "sagemaker_monitoring_schedule_name": "hourly",
    }
    compare = job.compare_with_documents(baseline.report("constraints"))
    job.run(CSV, **BINARY, **COLUMNS, probability_attribute="probability", **compare, **variables)
    violations = job.report("constraint_violations")["violations"]
    assert job.message == f"CompletedWithViolations: Job completed successfully with {len(violations)} violations."
    accuracy = job.report("statistics")["binary_classification_metrics"]["accuracy"]["value"]
    threshold = baseline.report("constraints")["binary_classification_constraints"]["accuracy"]["threshold"]
    assert {
        "constraint_check_type": "LessThanThreshold",
        "description": f"Metric accuracy with {accuracy} was LessThanThreshold {threshold}",
        "metric_name": "accuracy",
    } in violations
    checks = {entry["metric_name"]: entry["constraint_check_type"] for entry in violations}
    assert checks["false_negative_rate"] == "GreaterThanThreshold"
    path = job.ml / "output" / "metrics" / "cloudwatch" / "cloudwatch_metrics.jsonl"
    metrics = {metric["MetricName"]: metric for metric in map(json.loads, path.read_text().splitlines())}
    assert metrics["accuracy"] == {
        "MetricName": "accuracy",
        "Timestamp": "2026-03-01T09:00:00Z",
        "Dimensions": [
            {"Name": "Endpoint", "Value": "churn"},
            {"Name": "MonitoringSchedule", "Value": "hourly"},
        ],
        "Value": accuracy,
        "Unit": "None",
    }
    assert {"auc", "f1_best_constant_classifier"} <= set(metrics)


def test_the_same_hour_again_violates_nothing_and_gives_the_same_report(new_job, baseline):
    job = new_job()
    job.csv(answers(400), ["label", "prediction", "probability"])
    compare = job.compare_with_documents(baseline.report("constraints"))
    job.run(CSV, **BINARY, **COLUMNS, probability_attribute="probability", **compare)
    assert job.report("constraint_violations") == {"violations": []}
    assert job.report("statistics") == baseline.report("statistics")


def call(record, output, truth, encoding="CSV"):
    made = record("30,pro", output, AT, encoding, "application/json" if encoding == "JSON" else "text/csv")
    return made | {"groundTruthData": {"data": truth, "encoding": "CSV"}}


def matrix(job):
    report = job.report("statistics")
    return next(block["confusion_matrix"] for name, block in report.items() if name.endswith("_metrics"))


@pytest.mark.parametrize(
    ("attribute", "encoding", "outputs"),
    [
        ("0", "CSV", ["0.9", "0.7", "0.2"]),
        ("1", "CSV", ["yes,0.9", "yes,0.7", "no,0.2"]),
        ("$.score", "JSON", ['{"score":0.9}', '{"score":0.7}', '{"score":0.2}']),
        ("predictions[0].score", "JSON", [f'{{"predictions":[{{"score":{p}}}]}}' for p in (0.9, 0.7, 0.2)]),
        ("0", "JSON", ["[0.9]", "0.7", "[[0.2]]"]),
    ],
)
def test_probabilities_are_found_in_the_answers_and_cut_at_the_threshold(new_job, record, attribute, encoding, outputs):
    job = new_job()
    job.capture(HOUR, [call(record, output, truth, encoding) for output, truth in zip(outputs, "101", strict=True)])
    job.run(MERGED, **BINARY, probability_attribute=attribute, probability_threshold_attribute="0.8")
    assert matrix(job) == {"0": {"0": 1, "1": 0}, "1": {"0": 1, "1": 1}}


def test_a_call_of_several_rows_has_several_labels(new_job, record):
    job = new_job()
    job.capture(HOUR, [call(record, "0.9\n0.1\n", "1\n1"), call(record, "0.9,0.2", "0\n0")])
    job.run(MERGED, **BINARY, probability_attribute="0")
    assert matrix(job) == {"0": {"0": 1, "1": 1}, "1": {"0": 1, "1": 1}}


def test_classes_may_be_words_and_numbers_in_any_spelling(new_job, record):
    job = new_job()
    pairs = [("cat", "cat"), ("dog", "cat"), ("1.0", "1"), ("bird", " bird")]
    job.capture(HOUR, [call(record, output, truth) for output, truth in pairs])
    job.run(MERGED, analysis_type="MODEL_QUALITY", problem_type="MulticlassClassification", inference_attribute="0")
    assert list(matrix(job)) == ["1", "bird", "cat", "dog"]
    assert matrix(job)["cat"] == {"1": 0, "bird": 0, "cat": 1, "dog": 1}
    assert job.report("statistics")["multiclass_classification_metrics"]["accuracy"]["value"] == 0.75
    assert set(job.report("constraints")["multiclass_classification_constraints"]) == {
        "accuracy", "weighted_recall", "weighted_precision", "weighted_f0_5", "weighted_f1", "weighted_f2",
    }  # fmt: skip


def test_regression_of_merged_calls_leaves_out_rows_without_a_label(new_job, record):
    job = new_job()
    job.capture(HOUR, [call(record, "10", "12"), call(record, "20", "20"), call(record, "30", "")])
    job.run(MERGED, analysis_type="MODEL_QUALITY", problem_type="Regression", inference_attribute="0")
    statistics = job.report("statistics")
    assert statistics["dataset"]["item_count"] == 2
    assert statistics["regression_metrics"]["mae"] == {"value": 1.0, "standard_deviation": "NaN"}
    operators = {c["comparison_operator"] for c in job.report("constraints")["regression_constraints"].values()}
    assert operators == {"LessThanThreshold", "GreaterThanThreshold"}


def test_a_preprocessing_script_names_the_prediction(new_job, record):
    job = new_job()
    job.capture(HOUR, [call(record, "yes", "1"), call(record, "no", "0"), call(record, "skip", "0")])
    script = job.script(
        "pre.py",
        "def preprocess_handler(record):\n"
        "    said = record.endpoint_output.data\n"
        "    return [] if said == 'skip' else {'prediction': int(said == 'yes')}\n",
    )
    job.run(MERGED, **BINARY, inference_attribute="prediction", record_preprocessor_script=script)
    assert matrix(job) == {"0": {"0": 1, "1": 0}, "1": {"0": 0, "1": 1}}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"problem_type": "Clustering"}, "problem_type='Clustering' is not one of Regression"),
        ({}, "inference_attribute is missing"),
        ({"inference_attribute": "score"}, "inference_attribute 'score' is a name, but the data is CSV"),
        ({"inference_attribute": "3"}, "inference_attribute '3' is beyond the row"),
        ({"inference_attribute": "0"}, "binary classification knows 0 and 1"),
        ({"inference_attribute": "[", "problem_type": "Regression"}, "is neither an index"),
        ({"probability_attribute": "0", "probability_threshold_attribute": "half"}, "is not a number such as 0.5"),
        ({"probability_attribute": "0", "ground_truth_attribute": "5"}, "ground_truth_attribute '5' is beyond"),
        (
            {"probability_attribute": "0", "dataset_format": '{"sagemakerCaptureJson":{}}'},
            "Captured data has no labels",
        ),
        (
            {"probability_attribute": "0", "start_time": "2026-03-01T10:00:00Z", "end_time": "2026-03-01T11:00:00Z"},
            "No data",
        ),
    ],
)
def test_what_cannot_be_scored_is_named_with_the_way_out(new_job, record, variables, words):
    job = new_job()
    job.capture(HOUR, [call(record, "0.25", "1")])
    wanted = BINARY | variables
    assert job.start(wanted.pop("dataset_format", MERGED), **wanted) == 1
    assert words in job.message


def test_as_many_labels_as_predictions_are_needed(new_job, record):
    job = new_job()
    job.capture(HOUR, [call(record, "0.25", "1\n0\n1")])
    assert job.start(MERGED, **BINARY, probability_attribute="0") == 1
    assert "has 1 predictions and its ground truth 3 labels" in job.message
    assert "8c2f2f6c-6e4e-4b4c-9d2e-000000000001" in job.message


def test_a_baseline_of_another_kind_or_with_a_broken_threshold_is_refused(new_job, baseline):
    broken = {"binary_classification_constraints": {"f1": {"threshold": "much", "comparison_operator": "LessThan"}}}
    for constraints, words in (
        ({"version": 0.0, "features": []}, "has no binary_classification_constraints"),
        (broken, "The constraint of f1 is"),
    ):
        job = new_job()
        job.csv(answers(10), ["label", "prediction", "probability"])
        assert job.start(CSV, **BINARY, **COLUMNS, **job.compare_with_documents(constraints)) == 1
        assert words in job.message


def test_a_column_that_the_baseline_lacks_is_named(new_job):
    job = new_job()
    job.csv(answers(10), ["label", "prediction", "probability"])
    assert job.start(CSV, **BINARY, **COLUMNS | {"inference_attribute": "guess"}) == 1
    assert "'guess' is no column of the dataset; it has label, prediction, probability" in job.message
