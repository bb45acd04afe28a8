"""Sums of invocations, minute by minute."""

from sageyard.serving.invocation_metrics import InvocationMetrics


def test_each_minute_is_published_once_after_it_is_over() -> None:
    metrics = InvocationMetrics("e", "v", 2)
    metrics.add(119.0, 200, 0.010, 0.001)
    metrics.add(119.9, 500, 0.030, 0.003)
    assert metrics.take(119.95) == []
    metrics.add(120.1, 0, 0.020, 0.002)
    data = {datum["MetricName"]: datum for datum in metrics.take(121.0)}
    assert {datum["Timestamp"] for datum in data.values()} == {60}
    assert data["ModelLatency"]["StatisticValues"] == {
        "SampleCount": 2,
        "Sum": 40000.0,
        "Minimum": 10000.0,
        "Maximum": 30000.0,
    }
    assert data["Invocation5XXErrors"]["StatisticValues"] == {"SampleCount": 2, "Sum": 1, "Minimum": 0, "Maximum": 1}
    assert data["InvocationsPerInstance"]["StatisticValues"]["Sum"] == 1
    assert metrics.take(121.0) == []
    (later,) = (datum for datum in metrics.take() if datum["MetricName"] == "InvocationModelErrors")
    assert later["Timestamp"] == 120
    assert later["StatisticValues"] == {"SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1}
    assert metrics.take() == []


def test_each_figure_is_published_for_the_endpoint_configuration_too() -> None:
    metrics = InvocationMetrics("e", "v", 1)
    metrics.config_name = "c"
    metrics.add(0.0, 200, 0.010, 0.001)
    data = [datum for datum in metrics.take() if datum["MetricName"] == "Invocations"]
    assert [[each["Value"] for each in datum["Dimensions"]] for datum in data] == [["e", "v"], ["e", "v", "c"]]
    assert data[0]["StatisticValues"] == data[1]["StatisticValues"]
