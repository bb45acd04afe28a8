"""Experiment metrics through the sister service `sagemaker-metrics`, on a live server."""

import statistics
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Server, eventually, start_server


@pytest.fixture(scope="module")
def metrics(server: Server) -> Any:
    return server.client("sagemaker-metrics")


@pytest.fixture
def component(sagemaker: Any, unique: str) -> str:
    """A component of the test's own, whose name is in lower case as BatchPutMetrics wants it."""
    sagemaker.create_trial_component(TrialComponentName=unique.lower())
    return unique.lower()


def put(metrics: Any, component: str, name: str, values: list[float], start: float | None = None) -> list[Any]:
    """Put values a second apart, in batches of ten, each with its step."""
    start = int(time.time()) - 600 if start is None else start
    errors = []
    for first in range(0, len(values), 10):
        batch = [
            {"MetricName": name, "Timestamp": start + first + index, "Step": first + index, "Value": value}
            for index, value in enumerate(values[first : first + 10])
        ]
        errors += metrics.batch_put_metrics(TrialComponentName=component, MetricData=batch).get("Errors", [])
    return errors


def query(metrics: Any, arn: str, name: str, **more: Any) -> dict[str, Any]:
    request = {"MetricName": name, "ResourceArn": arn, "MetricStat": "Last", "Period": "IterationNumber",
               "XAxisType": "IterationNumber"} | more  # fmt: skip
    (result,) = metrics.batch_get_metrics(MetricQueries=[request])["MetricQueryResults"]
    return dict(result)


def test_a_component_shows_what_its_metrics_come_to(sagemaker: Any, metrics: Any, component: str) -> None:
    values = [0.5, 0.25, 4.0, -1.0] + [100000.0 + number / 7 for number in range(20)]
    assert put(metrics, component, "loss", values) == []
    assert put(metrics, component, "validation:loss", [2.0]) == []
    described = sagemaker.describe_trial_component(TrialComponentName=component)
    loss, validation = described["Metrics"]
    assert loss["MetricName"] == "loss"
    assert loss["SourceArn"] == described["TrialComponentArn"]
    assert (loss["Count"], loss["Min"], loss["Max"], loss["Last"]) == (24, -1.0, values[-1], values[-1])
    assert loss["Avg"] == pytest.approx(statistics.fmean(values))
    assert loss["StdDev"] == pytest.approx(statistics.stdev(values))
    assert loss["TimeStamp"].timestamp() == pytest.approx(time.time() - 577, abs=30)
    assert (validation["Count"], validation["StdDev"], validation["Avg"]) == (1, 0.0, 2.0)


def test_the_last_value_is_the_latest_not_the_one_put_last(sagemaker: Any, metrics: Any, component: str) -> None:
    now = int(time.time())
    put(metrics, component, "m", [1.0], start=now - 60)
    put(metrics, component, "m", [2.0], start=now - 120)
    (found,) = sagemaker.describe_trial_component(TrialComponentName=component)["Metrics"]
    assert (found["Last"], found["TimeStamp"].timestamp()) == (1.0, now - 60)


def test_metrics_are_found_by_their_iteration(sagemaker: Any, metrics: Any, component: str) -> None:
    arn = sagemaker.describe_trial_component(TrialComponentName=component)["TrialComponentArn"]
    put(metrics, component, "loss", [5.0, 4.0, 3.0, 2.0, 1.0])
    found = query(metrics, arn, "loss")
    assert found == {"Status": "Complete", "XAxisValues": [0, 1, 2, 3, 4], "MetricValues": [5.0, 4.0, 3.0, 2.0, 1.0]}
    assert query(metrics, arn, "loss", Start=1, End=3)["MetricValues"] == [4.0, 3.0, 2.0]
    assert query(metrics, arn, "unheard-of") == {"Status": "Complete", "XAxisValues": [], "MetricValues": []}


def test_metrics_are_summed_up_by_period(sagemaker: Any, metrics: Any, component: str) -> None:
    arn = sagemaker.describe_trial_component(TrialComponentName=component)["TrialComponentArn"]
    hour = int(time.time()) // 3600 * 3600 - 7200
    put(metrics, component, "loss", [1.0, 2.0, 6.0], start=hour)
    put(metrics, component, "loss", [8.0], start=hour + 60)
    put(metrics, component, "loss", [9.0], start=hour + 3600)
    minute = {"Period": "OneMinute", "XAxisType": "Timestamp"}
    expected = {"Min": 1.0, "Max": 6.0, "Avg": 3.0, "Count": 3.0, "Last": 6.0, "StdDev": statistics.stdev([1, 2, 6])}
    for statistic, value in expected.items():
        found = query(metrics, arn, "loss", MetricStat=statistic, **minute)
        assert found["XAxisValues"] == [hour, hour + 60, hour + 3600]
        assert found["MetricValues"][0] == pytest.approx(value), statistic
    assert query(metrics, arn, "loss", MetricStat="StdDev", **minute)["MetricValues"][1] == 0.0
    hourly = query(metrics, arn, "loss", MetricStat="Count", Period="OneHour", XAxisType="Timestamp")
    assert (hourly["XAxisValues"], hourly["MetricValues"]) == ([hour, hour + 3600], [4.0, 1.0])
    after = query(metrics, arn, "loss", Start=hour + 60, **minute)
    assert after["XAxisValues"] == [hour + 60, hour + 3600]


def test_a_bad_query_is_told_in_its_own_result(sagemaker: Any, metrics: Any, component: str) -> None:
    arn = sagemaker.describe_trial_component(TrialComponentName=component)["TrialComponentArn"]
    put(metrics, component, "loss", [1.0])
    good = {"MetricName": "loss", "ResourceArn": arn, "MetricStat": "Max", "Period": "IterationNumber",
            "XAxisType": "IterationNumber"}  # fmt: skip
    answer = metrics.batch_get_metrics(
        MetricQueries=[good | {"Period": "OneHour"}, good | {"ResourceArn": arn + "-not-there"}, good]
    )
    mixed, unknown, fine = answer["MetricQueryResults"]
    assert (mixed["Status"], mixed["MetricValues"]) == ("ValidationError", [])
    assert "Period IterationNumber" in mixed["Message"]
    assert unknown["Status"] == "ValidationError"
    assert "not-there' does not exist" in unknown["Message"]
    assert (fine["Status"], fine["MetricValues"]) == ("Complete", [1.0])


def test_bad_values_are_told_by_their_index_and_good_ones_stored(
    server: Server, sagemaker: Any, metrics: Any, component: str
) -> None:
    now = server.get("/_sageyard/clock")["epoch"]
    answer = metrics.batch_put_metrics(
        TrialComponentName=component,
        MetricData=[
            {"MetricName": "good", "Timestamp": now, "Value": 1.0},
            {"MetricName": "old", "Timestamp": now - 15 * 86400, "Value": 1.0},
            {"MetricName": "early", "Timestamp": now + 3 * 3600, "Value": 1.0},
            {"MetricName": "good", "Timestamp": now, "Value": 2.0},
        ],
    )
    assert answer["Errors"] == [
        {"Code": "VALIDATION_ERROR", "MetricIndex": 1},
        {"Code": "VALIDATION_ERROR", "MetricIndex": 2},
    ]
    (found,) = sagemaker.describe_trial_component(TrialComponentName=component)["Metrics"]
    assert (found["MetricName"], found["Count"]) == ("good", 2)


def test_values_need_a_component_and_come_ten_at_most(metrics: Any, component: str) -> None:
    value = {"MetricName": "m", "Timestamp": time.time(), "Value": 1.0}
    with pytest.raises(ClientError, match="does not exist"):
        metrics.batch_put_metrics(TrialComponentName="no-such-component", MetricData=[value])
    with pytest.raises(ClientError, match="less than or equal to 10"):
        metrics.batch_put_metrics(TrialComponentName=component, MetricData=[value] * 11)


def test_a_component_has_so_many_metrics_and_no_more(sagemaker: Any, metrics: Any, component: str) -> None:
    now = time.time()
    for first in range(0, 2000, 10):
        batch = [{"MetricName": f"m{first + one}", "Timestamp": now, "Value": 1.0} for one in range(10)]
        assert "Errors" not in metrics.batch_put_metrics(TrialComponentName=component, MetricData=batch)
    batch = [{"MetricName": name, "Timestamp": now, "Value": 2.0} for name in ("one-more", "m7")]
    answer = metrics.batch_put_metrics(TrialComponentName=component, MetricData=batch)
    assert answer["Errors"] == [{"Code": "METRIC_LIMIT_EXCEEDED", "MetricIndex": 0}]
    assert len(sagemaker.describe_trial_component(TrialComponentName=component)["Metrics"]) == 2000


def test_metrics_go_with_their_component(sagemaker: Any, metrics: Any, component: str) -> None:
    put(metrics, component, "loss", [1.0])
    sagemaker.delete_trial_component(TrialComponentName=component)
    sagemaker.create_trial_component(TrialComponentName=component)
    assert sagemaker.describe_trial_component(TrialComponentName=component)["Metrics"] == []


def test_metrics_survive_a_kill(tmp_path: Any) -> None:
    server = start_server(tmp_path)
    server.client("sagemaker").create_trial_component(TrialComponentName="run")
    put(server.client("sagemaker-metrics"), "run", "loss", [3.0, 1.0])
    server.kill()
    server = start_server(tmp_path)
    try:
        described = server.client("sagemaker").describe_trial_component(TrialComponentName="run")
        found = query(server.client("sagemaker-metrics"), described["TrialComponentArn"], "loss")
    finally:
        server.stop()
    assert [(one["Count"], one["Last"]) for one in described["Metrics"]] == [(2, 1.0)]
    assert found["MetricValues"] == [3.0, 1.0]


def test_a_reset_forgets_metrics_and_lineage(tmp_path: Any) -> None:
    server = start_server(tmp_path)
    try:
        sagemaker = server.client("sagemaker")
        sagemaker.create_trial_component(TrialComponentName="run")
        put(server.client("sagemaker-metrics"), "run", "loss", [3.0])
        sagemaker.create_model_package_group(ModelPackageGroupName="group")
        server.post("/moto-api/reset")
        sagemaker.create_trial_component(TrialComponentName="run")
        assert sagemaker.describe_trial_component(TrialComponentName="run")["Metrics"] == []
        sagemaker.create_model_package_group(ModelPackageGroupName="after")
        contexts = eventually(lambda: sagemaker.list_contexts()["ContextSummaries"], 10, "the new group's context")
        assert [context["ContextName"] for context in contexts] == ["after-aws-model-group"]
    finally:
        server.stop()
