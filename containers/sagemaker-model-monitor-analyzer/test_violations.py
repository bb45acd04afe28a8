"""The six checks, each by its report; thresholds and overrides; drift of numbers and of categories."""

import json

import numpy as np
import pytest

CSV = '{"csv":{"header":true}}'
HEADER = ["age", "price", "plan", "score"]


def rows(count, seed=1, plans=("basic", "pro"), shares=(0.7, 0.3)):
    random = np.random.default_rng(seed)
    return [
        [
            int(random.integers(18, 80)),
            round(float(random.normal(50, 9)), 3),
            str(random.choice(plans, p=shares)),
            round(float(random.random()), 4),
        ]
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def baseline(new_job):
    job = new_job()
    job.csv(rows(500), HEADER)
    return job.run(CSV)


def compare(new_job, baseline, now, header=HEADER, edit=lambda constraints: None, **variables):
    constraints = baseline.report("constraints")
    edit(constraints)
    job = new_job()
    job.csv(now, header)
    return job.run(CSV, **job.compare_with_documents(constraints, baseline.report("statistics")), **variables)


def described(job, check):
    found = [v for v in job.report("constraint_violations")["violations"] if v["constraint_check_type"] == check]
    assert len(found) == 1
    return found[0]["description"]


def test_data_like_the_baseline_violates_nothing(new_job, baseline):
    assert compare(new_job, baseline, rows(200, seed=2)).violations == set()


def test_data_type_check_names_the_share_of_the_expected_type(new_job, baseline):
    now = rows(200, seed=2)
    for row in now[:100]:
        row[0] += 0.5
    job = compare(new_job, baseline, now)
    assert job.violations == {("age", "data_type_check")}
    assert described(job, "data_type_check") == (
        "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
        "Observed: Only 50.0% of data is Integral."
    )


def test_whole_numbers_in_a_fractional_column_are_no_violation(new_job, baseline):
    now = [[age, round(price), plan, score] for age, price, plan, score in rows(200, seed=2)]
    assert compare(new_job, baseline, now).violations == set()


def test_text_among_numbers_is_a_data_type_violation(new_job, baseline):
    now = rows(200, seed=2)
    now[7][1] = "n/a"
    job = compare(new_job, baseline, now)
    assert job.violations == {("price", "data_type_check")}
    assert "Only 99.5% of data is Fractional" in described(job, "data_type_check")


def test_completeness_check_fires_when_a_complete_column_has_a_hole(new_job, baseline):
    now = rows(200, seed=2)
    now[3][1] = now[4][1] = ""
    job = compare(new_job, baseline, now)
    assert job.violations == {("price", "completeness_check")}
    assert described(job, "completeness_check") == (
        "Completeness requirement is not met. Expected completeness: 100.0%. Observed: Only 99.0% of data is present."
    )


def test_a_column_with_holes_may_vary_by_chance_but_not_more(new_job):
    before = new_job()
    before.csv([[i, "" if i % 10 == 0 else i] for i in range(400)], ["id", "x"])
    before.run(CSV)
    for holes, expected in ((16, set()), (40, {("x", "completeness_check")})):
        job = compare(
            new_job,
            before,
            [[i * 4, "" if i < holes else i * 4] for i in range(100)],
            ["id", "x"],
            edit=lambda c: c["monitoring_config"]["distribution_constraints"].update(perform_comparison="Disabled"),
        )
        assert job.violations == expected


def test_missing_and_extra_columns_are_named_and_counted(new_job, baseline):
    job = compare(new_job, baseline, [row[:3] for row in rows(200, seed=2)], HEADER[:3])
    assert job.violations == {("Missing columns", "missing_column_check")}
    assert described(job, "missing_column_check") == (
        "There are missing columns in current dataset: score. Number of columns in current dataset: 3, "
        "Number of columns in baseline constraints: 4"
    )
    job = compare(new_job, baseline, [[*row, 1] for row in rows(200, seed=2)], [*HEADER, "new"])
    assert job.violations == {("Extra columns", "extra_column_check")}
    assert described(job, "extra_column_check").endswith(
        "current dataset: 5, Number of columns in baseline constraints: 4"
    )


def test_categorical_values_check_names_the_unknown_values(new_job, baseline):
    now = rows(200, seed=2)
    for row in now[:5]:
        row[2] = "gold"
    job = compare(new_job, baseline, now)
    assert job.violations == {("plan", "categorical_values_check")}
    assert "Only 97.5% of data" in described(job, "categorical_values_check")
    assert "Unknown values: gold" in described(job, "categorical_values_check")
    job = compare(new_job, baseline, now, edit=lambda c: c["monitoring_config"].update(domain_content_threshold=0.9))
    assert job.violations == set()


def test_numeric_drift_is_reported_with_its_distance(new_job, baseline):
    now = [[age, price + 1000, plan, score] for age, price, plan, score in rows(100, seed=2)]
    job = compare(new_job, baseline, now)
    assert job.violations == {("price", "baseline_drift_check")}
    words = described(job, "baseline_drift_check")
    robust = 1 - 1.8 * np.sqrt((500 + 100) / (500 * 100))
    assert float(words.split("distance: ")[1].split(" exceeds")[0]) == pytest.approx(robust)
    assert words.endswith("exceeds threshold: 0.1")


@pytest.mark.parametrize("method", ["Simple", "linf_simple"])
def test_simple_is_the_largest_difference_of_the_distribution_functions(new_job, method):
    before, job = new_job(), None
    before.csv([[i] for i in range(100)], ["x"])
    before.run(CSV)

    def edit(constraints):
        constraints["monitoring_config"]["distribution_constraints"]["comparison_method"] = method

    job = compare(new_job, before, [[i + 30] for i in range(100)], ["x"], edit)
    words = described(job, "baseline_drift_check")
    assert float(words.split("distance: ")[1].split(" exceeds")[0]) == pytest.approx(0.3)


def test_a_baseline_without_a_sketch_is_compared_by_its_buckets(new_job, baseline):
    statistics = baseline.report("statistics")
    for feature in statistics["features"]:
        if "numerical_statistics" in feature:
            del feature["numerical_statistics"]["distribution"]["kll"]["sketch"]
    job = new_job()
    job.csv([[age, price * 10, plan, score] for age, price, plan, score in rows(200, seed=2)], HEADER)
    job.run(CSV, **job.compare_with_documents(baseline.report("constraints"), statistics))
    assert job.violations == {("price", "baseline_drift_check")}


@pytest.mark.parametrize("method", ["LInfinity", "ChiSquared"])
def test_categorical_drift_is_found_by_both_methods(new_job, baseline, method):
    def edit(constraints):
        distribution = constraints["monitoring_config"]["distribution_constraints"]
        distribution.update(categorical_drift_method=method, categorical_comparison_threshold=0.05)

    assert compare(new_job, baseline, rows(200, seed=2), edit=edit).violations == set()
    job = compare(new_job, baseline, rows(200, seed=2, shares=(0.1, 0.9)), edit=edit)
    assert job.violations == {("plan", "baseline_drift_check")}


@pytest.mark.parametrize("spelling", ["monitoringConfigOverrides", "monitoring_config_overrides"])
def test_overrides_of_a_feature_are_honoured_in_both_spellings(new_job, baseline, spelling):
    now = [[age + 0.5, price + 1000, plan, score] for age, price, plan, score in rows(200, seed=2)]

    def edit(constraints):
        by_name = {entry["name"]: entry for entry in constraints["features"]}
        by_name["price"][spelling] = {"distribution_constraints": {"comparison_threshold": 1}}
        by_name["age"][spelling] = {"evaluate_constraints": "Disabled"}

    assert compare(new_job, baseline, now).violations == {("price", "baseline_drift_check"), ("age", "data_type_check")}
    assert compare(new_job, baseline, now, edit=edit).violations == set()


def test_disabled_constraints_are_not_evaluated(new_job, baseline):
    job = compare(
        new_job,
        baseline,
        [["x"], ["y"]],
        ["new"],
        edit=lambda c: c["monitoring_config"].update(evaluate_constraints="Disabled"),
    )
    assert job.report("constraint_violations") == {"violations": []}
    assert job.message.startswith("Completed: ")


def test_metrics_are_written_as_cloudwatch_json_lines(new_job, baseline):
    variables = {
        "publish_cloudwatch_metrics": "Enabled",
        "metric_time": "2026-03-01T09:00:00Z",
        "sagemaker_endpoint_name": "churn",
        "sagemaker_monitoring_schedule_name": "hourly",
    }

    def edit(constraints):
        constraints["features"][3]["monitoringConfigOverrides"] = {"emit_metrics": "Disabled"}

    now = rows(200, seed=2)
    job = compare(new_job, baseline, now, edit=edit, **variables)
    path = job.ml / "output" / "metrics" / "cloudwatch" / "cloudwatch_metrics.jsonl"
    metrics = {metric["MetricName"]: metric for metric in map(json.loads, path.read_text().splitlines())}
    ages = [row[0] for row in now]
    assert metrics["feature_data_age"] == {
        "MetricName": "feature_data_age",
        "Timestamp": "2026-03-01T09:00:00Z",
        "Dimensions": [
            {"Name": "Endpoint", "Value": "churn"},
            {"Name": "MonitoringSchedule", "Value": "hourly"},
        ],
        "StatisticValues": {"SampleCount": 200, "Sum": sum(ages), "Minimum": min(ages), "Maximum": max(ages)},
        "Unit": "None",
    }
    assert metrics["feature_non_null_plan"]["Value"] == 200
    assert metrics["feature_baseline_drift_price"]["Value"] == 0.0
    assert "feature_data_plan" not in metrics
    assert not [name for name in metrics if name.endswith("score")]


def test_metrics_are_not_written_unless_asked_for(new_job, baseline):
    assert not (baseline.ml / "output" / "metrics").exists()
