"""Drift tests beyond AWS's: what they measure, who asks for them, what is refused, what they report."""

import json

import numpy as np
import pytest
from monitor_analyzer.constraints import Baseline
from monitor_analyzer.drift import Categories, Numbers, register
from monitor_analyzer.drift.holm import corrected
from monitor_analyzer.drift.samples import distribution
from monitor_analyzer.errors import AnalysisError
from monitor_analyzer.sketch import Sketch
from scipy import stats
from scipy.spatial.distance import jensenshannon

CSV = '{"csv":{"header":true}}'
HEADER = ["price", "zeros", "plan"]


def numbers(before, now):
    before = np.array(before, float)
    return Numbers(Sketch([before]), Sketch([np.array(now, float)]), float(before.std()))


def measure(test, pair):
    return register()[test].measure(pair)


def rows(count, seed, shift=0.0, shares=(0.7, 0.3)):
    random = np.random.default_rng(seed)
    prices = random.normal(50 + shift, 9, count).round(3)
    zeros = np.where(random.random(count) < 0.8, 0, random.integers(1, 9, count))
    return list(zip(prices, zeros, random.choice(["basic", "pro"], count, p=shares), strict=True))


@pytest.fixture(scope="module")
def baseline(new_job):
    job = new_job()
    job.csv(rows(600, seed=1), HEADER)
    return job.run(CSV)


@pytest.fixture
def constraints(baseline):
    """Edited by a test: `ask` sets the tests, with AWS's own comparison out of the way."""

    class Constraints(dict):
        def ask(self, *entries):
            self["monitoring_config"]["distribution_constraints"].update(
                sageyard_drift_tests=list(entries), perform_comparison="Disabled"
            )
            return self

        def override(self, name, *entries):
            feature = next(entry for entry in self["features"] if entry["name"] == name)
            feature["monitoringConfigOverrides"] = {"distribution_constraints": {"sageyard_drift_tests": list(entries)}}
            return self

    return Constraints(baseline.report("constraints"))


@pytest.fixture
def judge(new_job, baseline, constraints):
    """Runs the container on rows with the edited constraints."""

    def run(now, **variables):
        job = new_job()
        job.csv(now, HEADER)
        return job.run(CSV, **job.compare_with_documents(constraints, baseline.report("statistics")), **variables)

    return run


# -- what the tests measure


def test_wasserstein_is_scipys_in_standard_deviations():
    random = np.random.default_rng(5)
    before, now = random.normal(3, 2, 500), random.exponential(4, 300)
    expected = stats.wasserstein_distance(before, now) / before.std()
    assert measure("wasserstein", numbers(before, now)) == pytest.approx(expected)


def test_jensen_shannon_is_scipys_distance_in_bits_but_for_half_a_row_in_each_cell():
    pair = Categories({"a": 600.0, "b": 300.0, "c": 100.0}, {"a": 100, "b": 300, "d": 50})
    expected = jensenshannon([600.5, 300.5, 100.5, 0.5], [100.5, 300.5, 0.5, 50.5], base=2)
    assert measure("jensen_shannon", pair) == pytest.approx(expected)


def test_population_stability_index_of_counts_worked_by_hand():
    pair = Categories({"a": 500.0, "b": 500.0}, {"a": 200, "b": 800})
    before, now = np.array([0.5, 0.5]), np.array([200.5, 800.5]) / 1001
    expected = sum((q - p) * np.log(q / p) for p, q in zip(before, now, strict=True))
    assert measure("population_stability_index", pair) == pytest.approx(expected)
    assert expected == pytest.approx(0.415, abs=0.001)


def test_chi_squared_is_scipys_test_of_homogeneity():
    before, now = {"a": 300.0, "b": 200.0, "c": 100.0}, {"a": 60, "b": 60, "c": 30}
    expected = stats.chi2_contingency([[300, 200, 100], [60, 60, 30]], correction=False).pvalue
    assert measure("chi_squared", Categories(before, now)) == pytest.approx(expected)


def test_chi_squared_puts_rare_values_together_and_gives_up_with_one_group():
    before = {"a": 300.0, "b": 200.0} | {f"rare {i}": 1.0 for i in range(40)}
    now = {"a": 60, "b": 40, "rare 3": 1, "new": 9}
    expected = stats.chi2_contingency([[300, 200, 40], [60, 40, 10]], correction=False).pvalue
    assert measure("chi_squared", Categories(before, now)) == pytest.approx(expected)
    assert measure("chi_squared", Categories({"a": 50.0}, {"a": 9, "b": 1})) is None


@pytest.mark.parametrize("now", [[-1.0] * 300, [1.0] * 300])
@pytest.mark.parametrize("test", ["population_stability_index", "jensen_shannon", "wasserstein"])
def test_a_constant_column_that_takes_another_value_has_drifted_in_either_direction(test, now):
    assert measure(test, numbers([0.0] * 300, now)) > 0.5
    assert measure(test, numbers([0.0] * 300, [0.0] * 200)) < 0.01


def test_a_column_with_many_zeros_has_a_bin_for_them():
    before, now = numbers([0] * 80 + list(range(1, 21)), [0] * 40 + list(range(1, 21))).cells()
    assert (before[0], now[0]) == (80, 40)


def test_buckets_stand_in_for_a_baseline_without_a_sketch(baseline):
    entry = baseline.feature("price")
    values = np.random.default_rng(3).normal(68, 9, 400)
    spread = entry["numerical_statistics"]["std_dev"]
    exact = Numbers(distribution(entry), Sketch([values]), spread)
    del entry["numerical_statistics"]["distribution"]["kll"]["sketch"]
    rough = Numbers(distribution(entry), Sketch([values]), spread)
    assert measure("wasserstein", rough) == pytest.approx(measure("wasserstein", exact), rel=0.05)
    assert measure("population_stability_index", rough) > 1


def test_holms_correction_is_the_step_down_of_his_paper():
    assert corrected(np.array([0.04, 0.01, 0.03])).tolist() == pytest.approx([0.06, 0.03, 0.06])
    assert corrected(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


# -- who asks for them


def test_without_the_option_reports_and_metrics_are_awss_alone(judge, constraints):
    job = judge(rows(400, seed=2, shift=90), publish_cloudwatch_metrics="Enabled")
    assert job.violations == {("price", "baseline_drift_check")}
    assert "sageyard" not in json.dumps(job.report("constraints"))
    lines = (job.ml / "output" / "metrics" / "cloudwatch" / "cloudwatch_metrics.jsonl").read_text().splitlines()
    kinds = {json.loads(line)["MetricName"].rsplit("_", 1)[0] for line in lines}
    assert kinds == {"feature_data", "feature_non_null", "feature_baseline_drift"}


def test_every_test_reports_violations_and_metrics_under_its_name(judge, constraints):
    constraints.ask(*({"test": name} for name in register()))
    job = judge(rows(400, seed=2, shift=9, shares=(0.3, 0.7)), publish_cloudwatch_metrics="Enabled")
    assert job.violations == {
        ("price", "population_stability_index_check"),
        ("price", "jensen_shannon_check"),
        ("price", "wasserstein_check"),
        ("plan", "population_stability_index_check"),
        ("plan", "jensen_shannon_check"),
        ("plan", "chi_squared_check"),
    }
    lines = (job.ml / "output" / "metrics" / "cloudwatch" / "cloudwatch_metrics.jsonl").read_text().splitlines()
    metrics = {metric["MetricName"]: metric.get("Value") for metric in map(json.loads, lines)}
    assert 0.8 < metrics["feature_wasserstein_price"] < 1.2
    assert metrics["feature_wasserstein_zeros"] < 0.2
    assert metrics["feature_chi_squared_plan"] < 1e-9
    assert "feature_chi_squared_price" not in metrics and "feature_wasserstein_plan" not in metrics
    found = job.report("constraint_violations")["violations"]
    words = {one["constraint_check_type"]: one["description"] for one in found if one["feature_name"] == "price"}
    assert words["wasserstein_check"] == (
        f"Wasserstein of feature price: {metrics['feature_wasserstein_price']} exceeds threshold: 0.2"
    )
    assert job.message == "CompletedWithViolations: Job completed successfully with 6 violations."


def test_an_override_replaces_the_list_for_its_feature(judge, constraints):
    constraints.ask({"test": "wasserstein"}, {"test": "chi_squared"})
    constraints.override("price", {"test": "wasserstein", "threshold": 50}).override("plan")
    assert judge(rows(400, seed=2, shift=9, shares=(0.3, 0.7))).violations == set()


def test_features_limit_a_test(constraints, baseline):
    constraints.ask({"test": "wasserstein", "features": ["zeros"]}, {"test": "jensen_shannon", "threshold": 0.3})
    asked = Baseline(constraints, baseline.report("statistics")).drift_tests
    assert {name: [(one.name, one.threshold) for one in several] for name, several in asked.items()} == {
        "zeros": [("wasserstein", 0.2), ("jensen_shannon", 0.3)],
        "price": [("jensen_shannon", 0.3)],
        "plan": [("jensen_shannon", 0.3)],
    }


def test_a_column_of_another_type_or_without_values_today_is_left_to_the_other_checks(judge, constraints):
    constraints.ask({"test": "wasserstein"}, {"test": "jensen_shannon"})
    job = judge([("n/a", "", "basic") for _ in range(300)])
    assert {check for _, check in job.violations} == {
        "data_type_check",
        "completeness_check",
        "jensen_shannon_check",  # plan: all of them are basic now
    }


# -- what is refused


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"test": "kolmogorov"}, "unknown test 'kolmogorov'; use one of chi_squared, jensen_shannon"),
        ({"threshold": 0.1}, "unknown test None"),
        ({"test": "jensen_shannon", "threshold": 1.5}, "threshold 1.5 of jensen_shannon is not a number above 0 and"),
        ({"test": "wasserstein", "threshold": 0}, "threshold 0 of wasserstein is not a number above 0."),
        ({"test": "wasserstein", "threshold": "0.2"}, "threshold '0.2'"),
        ({"test": "chi_squared", "threshold": True}, "threshold True"),
        ({"test": "wasserstein", "level": 1}, "unknown member 'level'"),
        ({"test": "wasserstein", "features": "price"}, "must be a list of names"),
        ({"test": "wasserstein", "features": ["cost"]}, "feature 'cost', which the baseline does not have"),
        ({"test": "wasserstein", "features": ["plan"]}, "feature 'plan': it is String, the test is for numbers"),
        ("wasserstein", "must be a list of objects"),
    ],
)
def test_what_cannot_be_tested_is_refused_by_name(constraints, baseline, entry, words):
    with pytest.raises(AnalysisError) as refused:
        Baseline(constraints.ask(entry), baseline.report("statistics"))
    assert words in str(refused.value)


def test_a_test_is_named_once_and_needs_the_baselines_distributions(constraints, baseline):
    statistics = baseline.report("statistics")
    with pytest.raises(AnalysisError, match="wasserstein more than once for feature 'price'"):
        Baseline(constraints.ask({"test": "wasserstein"}, {"test": "wasserstein", "threshold": 1}), statistics)
    with pytest.raises(AnalysisError, match="no baseline_statistics"):
        Baseline(constraints.ask({"test": "wasserstein"}), None)
    with pytest.raises(AnalysisError, match="an override is for its own feature"):
        Baseline(constraints.override("plan", {"test": "chi_squared", "features": ["plan"]}), statistics)
    for feature in statistics["features"]:
        feature.get("string_statistics", {}).pop("distribution", None)
    with pytest.raises(AnalysisError, match="more than 120 values"):
        Baseline(constraints.override("plan", {"test": "chi_squared"}), statistics)


def test_a_refusal_is_the_jobs_exit_message(new_job, baseline, constraints):
    job = new_job()
    job.csv(rows(20, seed=2), HEADER)
    constraints.ask({"test": "psi"})
    assert job.start(CSV, **job.compare_with_documents(constraints, baseline.report("statistics"))) == 1
    assert job.message.startswith("Error: monitoring_config's sageyard_drift_tests has the unknown test 'psi'; use one")
