"""The services beside S3: identity, logs, metrics, events, and refusals."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

NOW = datetime(2026, 11, 21, 10, 0, 30, tzinfo=UTC)


def code_of(error) -> tuple[str, int]:
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_the_caller_is_a_session_of_the_default_role(aws):
    identity = aws.client("sts").get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/SageyardExecutionRole/session"
    assert identity["Account"] == "123456789012"


def test_any_role_trusts_sagemaker_unless_it_was_deleted(aws):
    iam = aws.client("iam")
    role = iam.get_role(RoleName="SageyardExecutionRole")["Role"]
    assert role["Arn"] == "arn:aws:iam::123456789012:role/SageyardExecutionRole"
    principal = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert principal == {"Service": "sagemaker.amazonaws.com"}
    assert iam.get_role(RoleName="SageyardExecutionRole")["Role"]["RoleId"] == role["RoleId"]
    iam.delete_role(RoleName="SageyardExecutionRole")
    with pytest.raises(ClientError) as error:
        iam.get_role(RoleName="SageyardExecutionRole")
    assert code_of(error) == ("NoSuchEntity", 404)


def test_every_simulated_action_is_allowed(aws):
    simulate = (
        aws.client("iam")
        .get_paginator("simulate_principal_policy")
        .paginate(
            PolicySourceArn="arn:aws:iam::123456789012:role/any",
            ActionNames=["s3:GetObject", "sagemaker:CreateTrainingJob"],
            ResourceArns=["arn:aws:s3:::b/*"],
        )
    )
    results = [result for page in simulate for result in page["EvaluationResults"]]
    assert [result["EvalActionName"] for result in results] == ["s3:GetObject", "sagemaker:CreateTrainingJob"]
    assert {result["EvalDecision"] for result in results} == {"allowed"}


def test_what_is_not_implemented_is_a_4xx_that_names_it(aws):
    with pytest.raises(ClientError) as error:
        aws.client("iam").generate_service_last_accessed_details(Arn="arn:aws:iam::123456789012:role/any")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "not implemented by Sageyard" in error.value.response["Error"]["Message"]
    with pytest.raises(ClientError) as error:
        aws.client("pricing").describe_services()
    assert code_of(error) == ("UnknownOperationException", 400)


def test_a_long_poll_of_an_empty_queue_ends_and_does_not_hold_others_up(aws):
    sqs = aws.client("sqs")
    queue = sqs.create_queue(QueueName="queue", Attributes={"ReceiveMessageWaitTimeSeconds": "20"})["QueueUrl"]
    began = time.monotonic()
    assert "Messages" not in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1)
    assert 0.9 < time.monotonic() - began < 5
    assert aws.client("sns").list_topics()["Topics"] == []


@pytest.fixture
def logs(aws):
    client = aws.client("logs")
    client.create_log_group(logGroupName="/g")
    for name in ("job/algo-1", "job/algo-2", "other/algo-1"):
        client.create_log_stream(logGroupName="/g", logStreamName=name)
    return client


def put(logs, stream: str, *events: tuple[int, str]) -> None:
    entries = [{"timestamp": time, "message": message} for time, message in events]
    logs.put_log_events(logGroupName="/g", logStreamName=stream, logEvents=entries)


def test_a_reader_follows_a_stream_by_its_forward_token(logs):
    put(logs, "job/algo-1", (1000, "a"), (1000, "b"), (1001, "c"))
    where = {"logGroupName": "/g", "logStreamName": "job/algo-1"}
    page = logs.get_log_events(**where, startTime=1000, startFromHead=True, limit=2)
    assert [event["message"] for event in page["events"]] == ["a", "b"]
    page = logs.get_log_events(**where, nextToken=page["nextForwardToken"], startFromHead=True)
    assert [event["message"] for event in page["events"]] == ["c"]
    end = logs.get_log_events(**where, nextToken=page["nextForwardToken"], startFromHead=True)
    assert (end["events"], end["nextForwardToken"]) == ([], page["nextForwardToken"])
    put(logs, "job/algo-1", (1002, "d"))
    page = logs.get_log_events(**where, nextToken=end["nextForwardToken"], startFromHead=True)
    assert [event["message"] for event in page["events"]] == ["d"]
    last = logs.get_log_events(**where, limit=2)
    assert [event["message"] for event in last["events"]] == ["c", "d"]
    before = logs.get_log_events(**where, nextToken=last["nextBackwardToken"], limit=2)
    assert [event["message"] for event in before["events"]] == ["a", "b"]


def test_an_empty_stream_has_tokens_too(logs):
    where = {"logGroupName": "/g", "logStreamName": "job/algo-1"}
    page = logs.get_log_events(**where, startFromHead=True)
    assert page["events"] == []
    put(logs, "job/algo-1", (1, "a"))
    page = logs.get_log_events(**where, nextToken=page["nextForwardToken"], startFromHead=True)
    assert [event["message"] for event in page["events"]] == ["a"]


def test_streams_are_described_without_a_token_when_all_fit(logs):
    put(logs, "job/algo-2", (5, "x"), (9, "y"))
    page = logs.describe_log_streams(logGroupName="/g", logStreamNamePrefix="job/", orderBy="LogStreamName", limit=2)
    assert [stream["logStreamName"] for stream in page["logStreams"]] == ["job/algo-1", "job/algo-2"]
    assert "nextToken" not in page
    assert "firstEventTimestamp" not in page["logStreams"][0]
    assert (page["logStreams"][1]["firstEventTimestamp"], page["logStreams"][1]["lastEventTimestamp"]) == (5, 9)
    newest = logs.describe_log_streams(logGroupName="/g", orderBy="LastEventTime", descending=True, limit=1)
    assert newest["logStreams"][0]["logStreamName"] == "job/algo-2"
    assert "nextToken" in newest


def test_filtered_events_are_on_pages_that_carry_a_token(logs):
    put(logs, "job/algo-1", (1, "train error: one"), (3, "fine"))
    put(logs, "job/algo-2", (2, "valid error: two"))
    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName="/g", filterPattern="error -valid"))
    assert [[event["message"] for event in page["events"]] for page in pages] == [["train error: one"], []]
    assert ["nextToken" in page for page in pages] == [True, False]
    everything = logs.filter_log_events(logGroupName="/g", logStreamNamePrefix="job/")
    assert [event["message"] for event in everything["events"]] == ["train error: one", "valid error: two", "fine"]


def test_logs_refuse_what_does_not_exist_or_exists_already(logs):
    with pytest.raises(ClientError) as error:
        logs.get_log_events(logGroupName="/none", logStreamName="s")
    assert code_of(error) == ("ResourceNotFoundException", 400)
    with pytest.raises(ClientError) as error:
        logs.create_log_group(logGroupName="/g")
    assert code_of(error) == ("ResourceAlreadyExistsException", 400)
    logs.put_retention_policy(logGroupName="/g", retentionInDays=7)
    assert logs.describe_log_groups(logGroupNamePrefix="/g")["logGroups"][0]["retentionInDays"] == 7
    transformation = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
    logs.put_metric_filter(logGroupName="/g", filterName="f", filterPattern="x", metricTransformations=[transformation])
    assert logs.describe_metric_filters(logGroupName="/g")["metricFilters"][0]["filterName"] == "f"
    logs.delete_log_group(logGroupName="/g")
    assert logs.describe_log_groups()["logGroups"] == []


def test_metric_statistics_are_right_for_single_listed_and_aggregated_values(aws):
    cloudwatch = aws.client("cloudwatch")
    dimensions = [{"Name": "EndpointName", "Value": "e"}]
    base = {"MetricName": "m", "Dimensions": dimensions, "Unit": "Count"}
    cloudwatch.put_metric_data(
        Namespace="N",
        MetricData=[
            {**base, "Timestamp": NOW, "Value": 1.0},
            {**base, "Timestamp": NOW, "Values": [2.0, 3.0], "Counts": [2, 1]},
            {
                **base,
                "Timestamp": NOW + timedelta(seconds=60),
                "StatisticValues": {"SampleCount": 4, "Sum": 20, "Minimum": 2, "Maximum": 9},
            },
            {**base, "Dimensions": [], "Timestamp": NOW, "Value": 1000.0},
        ],
    )
    span = {"StartTime": NOW - timedelta(minutes=5), "EndTime": NOW + timedelta(minutes=5)}
    statistics = cloudwatch.get_metric_statistics(
        Namespace="N",
        MetricName="m",
        Dimensions=dimensions,
        Period=60,
        Statistics=["SampleCount", "Sum", "Average", "Minimum", "Maximum"],
        **span,
    )["Datapoints"]
    rows = [
        (point["Timestamp"], point["SampleCount"], point["Sum"], point["Average"], point["Minimum"], point["Maximum"])
        for point in statistics
    ]
    first = NOW.replace(second=0)
    assert rows == [(first, 4, 8, 2, 1, 3), (first + timedelta(minutes=1), 4, 20, 5, 2, 9)]
    metric = {"Namespace": "N", "MetricName": "m", "Dimensions": dimensions}
    queries = [
        {"Id": name.lower(), "MetricStat": {"Metric": metric, "Period": 300, "Stat": name}} for name in ("Sum", "p50")
    ]
    results = cloudwatch.get_metric_data(MetricDataQueries=queries, **span)["MetricDataResults"]
    assert {result["Id"]: result["Values"] for result in results} == {"sum": [28.0], "p50": [2.0]}
    listed = cloudwatch.list_metrics(Namespace="N", Dimensions=dimensions)["Metrics"]
    assert listed == [{"Namespace": "N", "MetricName": "m", "Dimensions": dimensions}]
