"""Alarms say what their metrics say."""

from collections.abc import Iterator
from typing import Any

import pytest
from sageyard.aws import open_cloud
from sageyard.cloud import Cloud
from sageyard.settings import Settings

REGION = "us-east-1"
START = 1_800_000_000.0  # a whole minute


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    mount, opened = open_cloud(Settings(state_dir=tmp_path_factory.mktemp("alarms") / "state"))
    yield opened
    mount.close()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return "".join(letter for letter in request.node.name if letter.isalnum())


def make(cloud: Cloud, name: str, **members: Any) -> None:
    """An alarm on the sum of the metric of its name, of at least 1 a minute."""
    alarm = {
        "Namespace": "N",
        "MetricName": name,
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    }
    cloud.services.call(REGION, "monitoring", "PutMetricAlarm", {"AlarmName": name, **alarm, **members})


def put(cloud: Cloud, name: str, *values: float) -> None:
    """One value in the middle of each minute from START on."""
    for minute, value in enumerate(values):
        cloud.metrics.put(REGION, "N", [{"MetricName": name, "Timestamp": START + 60 * minute + 30, "Value": value}])


def state(cloud: Cloud, name: str) -> str:
    answer = cloud.services.call(REGION, "monitoring", "DescribeAlarms", {"AlarmNames": [name]})
    return str(answer["MetricAlarms"][0]["StateValue"])


def ringing(cloud: Cloud, name: str, since: float | None, until: float) -> bool:
    """Seconds after START."""
    begin = None if since is None else START + since
    return cloud.alarms.ringing(REGION, [name], begin, START + until) == [name]


def test_a_period_counts_when_it_has_ended(cloud: Cloud, name: str) -> None:
    make(cloud, name)
    put(cloud, name, 5)
    assert not ringing(cloud, name, 0, 59)
    assert ringing(cloud, name, 59, 61)
    assert state(cloud, name) == "ALARM"


def test_every_period_that_was_passed_is_looked_at(cloud: Cloud, name: str) -> None:
    make(cloud, name, TreatMissingData="notBreaching")
    put(cloud, name, 0, 3, 0)
    assert ringing(cloud, name, 10, 3600)


def test_only_the_last_period_counts_where_nothing_was_looked_at_before(cloud: Cloud, name: str) -> None:
    make(cloud, name, TreatMissingData="notBreaching")
    put(cloud, name, 3, 0)
    assert not ringing(cloud, name, None, 130)
    assert ringing(cloud, name, None, 100)
    assert not ringing(cloud, name, None, 600)
    assert state(cloud, name) == "OK"


def test_several_of_several_periods_must_breach(cloud: Cloud, name: str) -> None:
    make(cloud, name, EvaluationPeriods=3, DatapointsToAlarm=2)
    put(cloud, name, 0, 2, 0, 2)
    assert not ringing(cloud, name, 120, 180)
    assert ringing(cloud, name, 180, 240)


def test_a_state_that_was_set_stays_while_there_are_no_data(cloud: Cloud, name: str) -> None:
    make(cloud, name)
    assert not ringing(cloud, name, None, 300)
    cloud.services.call(
        REGION, "monitoring", "SetAlarmState", {"AlarmName": name, "StateValue": "ALARM", "StateReason": "a drill"}
    )
    assert ringing(cloud, name, None, 300)
    assert ringing(cloud, name, 300, 310)


@pytest.mark.parametrize(
    ("comparison", "statistic", "rings"),
    [
        ("LessThanThreshold", "Minimum", False),
        ("LessThanOrEqualToThreshold", "Minimum", True),
        ("GreaterThanThreshold", "Maximum", False),
        ("GreaterThanOrEqualToThreshold", "Average", True),
    ],
)
def test_values_are_compared_as_the_alarm_says(
    cloud: Cloud, name: str, comparison: str, statistic: str, rings: bool
) -> None:
    make(cloud, name, ComparisonOperator=comparison, Statistic=statistic)
    put(cloud, name, 1)
    assert ringing(cloud, name, 0, 60) is rings


def test_missing_data_breach_where_the_alarm_says_so(cloud: Cloud, name: str) -> None:
    make(cloud, name, TreatMissingData="breaching")
    assert ringing(cloud, name, 0, 60)


def test_alarms_that_are_not_there_are_named(cloud: Cloud, name: str) -> None:
    make(cloud, name)
    assert cloud.alarms.missing(REGION, [name, "nowhere"]) == ["nowhere"]
