"""EventBridge: what happens in SageMaker reaches the targets of rules, and schedules fire; on a live server."""

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ACCOUNT, REGION, ROLE, Server, eventually, start_server
from tests.families.lambda_functions import make_function

PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
NO_STEPS = {"Version": "2020-12-01", "Parameters": [{"Name": "Why", "Type": "String", "DefaultValue": "nobody"}]}
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/nobody-knows:1"


@pytest.fixture
def name() -> str:
    return f"events-{os.urandom(4).hex()}"


class Queue:
    """A queue of SQS that rules send to."""

    def __init__(self, server: Server, name: str) -> None:
        self.client = server.client("sqs")
        self.url = self.client.create_queue(QueueName=name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def take(self) -> list[str]:
        """What has arrived since the last time."""
        found = self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in found]

    def wait(self, count: int = 1, seconds: float = 20) -> list[Any]:
        """So many messages, as JSON."""
        taken: list[str] = []

        def enough() -> bool:
            taken.extend(self.take())
            return len(taken) >= count

        eventually(enough, seconds, f"{count} messages, of which {len(taken)} came,")
        return [json.loads(body) for body in taken]


@pytest.fixture
def queue(server: Server, name: str) -> Queue:
    return Queue(server, name)


def put_rule(server: Server, name: str, targets: list[dict[str, Any]], **members: Any) -> str:
    events = server.client("events")
    if "EventPattern" in members:
        members["EventPattern"] = json.dumps(members["EventPattern"])
    arn = str(events.put_rule(Name=name, **members)["RuleArn"])
    numbered = [{"Id": str(number), **target} for number, target in enumerate(targets)]
    assert events.put_targets(Rule=name, Targets=numbered)["FailedEntryCount"] == 0
    return arn


def training_request(bucket: str, name: str) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


def make_pipeline(sagemaker: Any, name: str) -> str:
    steps = [{"Name": "Always", "Type": "Condition", "Arguments": {"Conditions": [], "IfSteps": [], "ElseSteps": []}}]
    definition = json.dumps(NO_STEPS | {"Steps": steps})
    return str(sagemaker.create_pipeline(PipelineName=name, RoleArn=ROLE, PipelineDefinition=definition)["PipelineArn"])


def executions(sagemaker: Any, pipeline: str) -> list[dict[str, Any]]:
    return list(sagemaker.list_pipeline_executions(PipelineName=pipeline)["PipelineExecutionSummaries"])


def test_the_approval_of_a_model_package_starts_a_function(
    server: Server, sagemaker: Any, s3: Any, bucket: str, name: str
) -> None:
    source = """
import boto3, json
def handler(event, context):
    key = event["detail"]["ModelApprovalStatus"]
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(event).encode())
"""
    function = make_function(server.client("lambda"), name, source.replace("BUCKET", repr(bucket), 1), MemorySize=512)
    put_rule(server, name, [{"Arn": function}], EventPattern={
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": [name], "ModelApprovalStatus": ["Approved"]},
    })  # fmt: skip
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=name,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")

    eventually(lambda: s3.list_objects_v2(Bucket=bucket).get("KeyCount"), 30, "what the function writes")
    event = json.loads(s3.get_object(Bucket=bucket, Key="Approved")["Body"].read())
    detail = event["detail"]
    assert (event["source"], event["resources"], event["account"]) == ("aws.sagemaker", [arn], ACCOUNT)
    assert (detail["ModelPackageArn"], detail["ModelPackageVersion"]) == (arn, 1)
    assert detail["UpdatedModelPackageFields"] == ["ModelApprovalStatus"]
    assert datetime.fromisoformat(detail["CreationTime"]).tzinfo is UTC
    assert datetime.fromisoformat(event["time"]).tzinfo is UTC


def test_a_failed_training_job_reaches_a_queue_with_its_reason(
    server: Server, sagemaker: Any, bucket: str, queue: Queue, name: str
) -> None:
    put_rule(server, name, [{"Arn": queue.arn}], EventPattern={
        "detail-type": ["SageMaker Training Job State Change"],
        "detail": {"TrainingJobName": [{"prefix": name}], "TrainingJobStatus": ["Failed"]},
    })  # fmt: skip
    sagemaker.create_training_job(**training_request(bucket, name), Tags=[{"Key": "team", "Value": "churn"}])
    (event,) = queue.wait()
    detail = event["detail"]
    assert event["resources"] == [f"{PREFIX}:training-job/{name}"]
    assert "no container stands behind image" in detail["FailureReason"]
    assert (detail["SecondaryStatus"], detail["Tags"]) == ("Failed", {"team": "churn"})
    assert isinstance(detail["CreationTime"], int)
    assert detail["CreationTime"] > 1_700_000_000_000


def test_every_status_is_an_event_in_order_of_occurrence(
    server: Server, sagemaker: Any, bucket: str, queue: Queue, name: str
) -> None:
    arn = f"{PREFIX}:training-job/{name}"
    put_rule(server, name, [{"Arn": queue.arn}], EventPattern={"resources": [arn]})
    sagemaker.create_training_job(**training_request(bucket, name))
    events = queue.wait(2)
    assert {event["detail"]["TrainingJobStatus"] for event in events} == {"InProgress", "Failed"}
    assert not any("FailureReason" in e["detail"] for e in events if e["detail"]["TrainingJobStatus"] == "InProgress")


def test_models_are_created_and_deleted(server: Server, sagemaker: Any, queue: Queue, name: str) -> None:
    arn = f"{PREFIX}:model/{name}"
    put_rule(server, name, [{"Arn": queue.arn}], EventPattern={"resources": [arn]})
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    sagemaker.delete_model(ModelName=name)
    events = queue.wait(2)
    assert {event["detail-type"] for event in events} == {"SageMaker Model State Change"}
    assert {event["detail"]["ModelStatus"] for event in events} == {"Created", "Deleted"}


def test_executions_and_steps_of_pipelines_are_events(server: Server, sagemaker: Any, queue: Queue, name: str) -> None:
    arn = make_pipeline(sagemaker, name)
    put_rule(server, name, [{"Arn": queue.arn}], EventPattern={"detail": {"pipelineArn": [arn]}})
    execution = sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    events = queue.wait(5)
    statuses = [e["detail"] for e in events if "Step" not in e["detail-type"]]
    steps = [event["detail"] for event in events if "Step" in event["detail-type"]]
    assert all(event["resources"] == [arn, execution] for event in events)
    changes = {(one.get("previousPipelineExecutionStatus"), one["currentPipelineExecutionStatus"]) for one in statuses}
    assert changes == {(None, "Executing"), ("Executing", "Succeeded")}
    assert {(step["stepName"], step["stepType"]) for step in steps} == {("Always", "Condition")}
    ended = next(step for step in steps if step["currentStepStatus"] == "Succeeded")
    assert ended["metadata"] == {"condition": {"outcome": "True"}}
    assert ended["stepEndTime"]


def test_inputs_are_shaped(server: Server, sagemaker: Any, queue: Queue, name: str) -> None:
    template = '{"model": <model>, "text": "<model> by <aws.events.rule-name>", "number": 1, "lost": <lost>}'
    put_rule(
        server,
        name,
        [
            {"Arn": queue.arn, "InputPath": "$.detail.ModelName"},
            {"Arn": queue.arn, "Input": '{"constant": true}'},
            {"Arn": queue.arn, "InputTransformer": {
                "InputPathsMap": {"model": "$.detail.ModelName", "lost": "$.detail.nothing[3]"},
                "InputTemplate": template,
            }},
        ],
        EventPattern={"resources": [f"{PREFIX}:model/{name}"]},
    )  # fmt: skip
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    found = queue.wait(3)
    assert name in found
    assert {"constant": True} in found
    assert {"model": name, "text": f"{name} by {name}", "number": 1, "lost": None} in found


def test_own_events_start_pipelines_with_parameters(server: Server, sagemaker: Any, name: str) -> None:
    pipeline = make_pipeline(sagemaker, name)
    parameters = {"PipelineParameterList": [{"Name": "Why", "Value": "a rule"}]}
    put_rule(
        server,
        name,
        [{"Arn": pipeline, "RoleArn": ROLE, "SageMakerPipelineParameters": parameters}],
        EventPattern={"source": [name]},
    )
    events = server.client("events")
    entry = {"Source": name, "DetailType": "New Data", "Detail": "{}"}
    answer = events.put_events(Entries=[entry, {**entry, "Source": "somebody else"}])
    assert answer["FailedEntryCount"] == 0
    (execution,) = eventually(lambda: executions(sagemaker, name), 20, "an execution")
    found = sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=execution["PipelineExecutionArn"])
    assert found["PipelineParameters"] == [{"Name": "Why", "Value": "a rule"}]


def test_events_go_on_to_another_bus_and_are_archived_and_replayed(server: Server, queue: Queue, name: str) -> None:
    events = server.client("events")
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    put_rule(server, name, [{"Arn": bus, "RoleArn": ROLE}], EventPattern={"source": [name]})
    events.put_rule(Name="all", EventBusName=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule="all", EventBusName=name, Targets=[{"Id": "1", "Arn": queue.arn}])
    default = events.describe_event_bus()["Arn"]
    archive = events.create_archive(
        ArchiveName=name, EventSourceArn=default, EventPattern=json.dumps({"source": [name]})
    )["ArchiveArn"]
    events.put_events(Entries=[{"Source": name, "DetailType": "x", "Detail": '{"a": 1}'}])
    assert queue.wait()[0]["detail"] == {"a": 1}
    assert events.describe_archive(ArchiveName=name)["EventCount"] == 1
    events.start_replay(
        ReplayName=name,
        EventSourceArn=archive,
        EventStartTime=datetime(2020, 1, 1, tzinfo=UTC),
        EventEndTime=datetime(2040, 1, 1, tzinfo=UTC),
        Destination={"Arn": default},
    )
    assert queue.wait()[0]["detail"] == {"a": 1}


def test_a_disabled_rule_is_silent(server: Server, queue: Queue, name: str) -> None:
    put_rule(server, name, [{"Arn": queue.arn}], EventPattern={"source": [name]}, State="DISABLED")
    put_rule(server, f"{name}-on", [{"Arn": queue.arn, "Input": '"on"'}], EventPattern={"source": [name]})
    server.client("events").put_events(Entries=[{"Source": name, "DetailType": "x", "Detail": "{}"}])
    assert queue.wait() == ["on"]
    assert queue.take() == []


def test_topics_and_log_groups_are_reached(server: Server, queue: Queue, name: str) -> None:
    sns, logs = server.client("sns"), server.client("logs")
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"})
    group = f"/aws/events/{name}"
    logs.create_log_group(logGroupName=group)
    put_rule(
        server,
        name,
        [{"Arn": topic}, {"Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"}],
        EventPattern={"source": [name]},
    )
    detail = json.dumps({"name": "Überraschung & <more>"})
    server.client("events").put_events(Entries=[{"Source": name, "DetailType": "x", "Detail": detail}])
    assert queue.wait()[0]["detail"] == json.loads(detail)
    messages = eventually(lambda: logs.filter_log_events(logGroupName=group)["events"], 20, "a log event")
    assert json.loads(messages[0]["message"])["detail"] == json.loads(detail)


def test_a_topic_invokes_its_functions(server: Server, s3: Any, bucket: str, name: str) -> None:
    sns = server.client("sns")
    source = f"""
import boto3
def handler(event, context):
    message = event["Records"][0]["Sns"]["Message"]
    boto3.client("s3").put_object(Bucket={bucket!r}, Key="got", Body=message.encode())
"""
    function = make_function(server.client("lambda"), name, source, MemorySize=512)
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    sns.publish(TopicArn=topic, Message="hello")
    eventually(lambda: s3.list_objects_v2(Bucket=bucket).get("KeyCount"), 20, "what the function writes")
    assert s3.get_object(Bucket=bucket, Key="got")["Body"].read() == b"hello"


class Listener(BaseHTTPRequestHandler):
    """Refuses the first request, takes the others."""

    taken: list[tuple[str, dict[str, str], Any]]
    refused = 0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        kind = type(self)
        if not kind.refused:
            kind.refused += 1
            self.send_response(503)
        else:
            kind.taken.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
            self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[tuple[str, type[Listener]]]:
    kind = type("Mine", (Listener,), {"taken": [], "refused": 0})
    server = HTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", kind
    server.shutdown()
    server.server_close()


def test_a_webhook_is_called_until_it_answers(server: Server, listener: tuple[str, type[Listener]], name: str) -> None:
    url, kind = listener
    events = server.client("events")
    connection = events.create_connection(
        Name=name,
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}},
    )["ConnectionArn"]
    destination = events.create_api_destination(
        Name=name, ConnectionArn=connection, InvocationEndpoint=f"{url}/hooks/*", HttpMethod="POST"
    )["ApiDestinationArn"]
    http = {"PathParameterValues": ["sagemaker"], "QueryStringParameters": {"q": "1"}}
    put_rule(
        server,
        name,
        [{"Arn": destination, "RoleArn": ROLE, "HttpParameters": http, "InputPath": "$.detail"}],
        EventPattern={"source": [name]},
    )
    events.put_events(Entries=[{"Source": name, "DetailType": "x", "Detail": '{"a": 1}'}])
    ((path, headers, body),) = eventually(lambda: kind.taken, 20, "the call of the webhook")
    assert (path, headers["x-key"], body) == ("/hooks/sagemaker?q=1", "secret", {"a": 1})
    assert kind.refused == 1


def test_a_topic_calls_its_subscribers_over_http(
    server: Server, listener: tuple[str, type[Listener]], name: str
) -> None:
    url, kind = listener
    kind.refused = 1
    sns = server.client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"{url}/alarm")
    sns.publish(TopicArn=topic, Message="drift")
    eventually(lambda: any(body.get("Message") == "drift" for _, _, body in kind.taken), 20, "the call")


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue(server: Server, queue: Queue, name: str) -> None:
    lost = {"Arn": f"{PREFIX}:pipeline/{name}-nobody", "RoleArn": ROLE, "DeadLetterConfig": {"Arn": queue.arn}}
    put_rule(server, name, [lost], EventPattern={"source": [name]})
    server.client("events").put_events(Entries=[{"Source": name, "DetailType": "x", "Detail": '{"a": 1}'}])
    assert queue.wait()[0]["detail"] == {"a": 1}


def test_scheduled_rules_fire_by_the_servers_clock(server: Server, queue: Queue, name: str) -> None:
    arn = put_rule(server, name, [{"Arn": queue.arn}], ScheduleExpression="rate(2 hours)")
    put_rule(server, f"{name}-cron", [{"Arn": queue.arn, "Input": '"cron"'}], ScheduleExpression="cron(0/30 * * * ? *)")
    assert queue.take() == []
    server.post("/_sageyard/clock", {"advance": 3600})
    assert queue.wait() == ["cron"]
    server.post("/_sageyard/clock", {"advance": 3700})
    found = queue.wait(2)
    (event,) = [one for one in found if one != "cron"]
    assert (event["detail-type"], event["source"], event["resources"]) == ("Scheduled Event", "aws.events", [arn])
    for rule in (name, f"{name}-cron"):
        server.client("events").disable_rule(Name=rule)
    server.post("/_sageyard/clock", {"advance": 7300})
    assert queue.take() == []


def test_a_schedule_starts_a_pipeline(server: Server, sagemaker: Any, name: str) -> None:
    """As the SDKs' PipelineSchedule makes it."""
    pipeline, scheduler = make_pipeline(sagemaker, name), server.client("scheduler")
    now = datetime.fromtimestamp(server.get("/_sageyard/clock")["epoch"], UTC)
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        StartDate=now,
        State="ENABLED",
        Target={
            "Arn": pipeline,
            "RoleArn": ROLE,
            "SageMakerPipelineParameters": {
                "PipelineParameterList": [{"Name": "Why", "Value": "<aws.scheduler.scheduled-time>"}]
            },
        },
    )
    (first,) = eventually(lambda: executions(sagemaker, name), 20, "the first execution")
    found = sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=first["PipelineExecutionArn"])
    assert abs(datetime.fromisoformat(found["PipelineParameters"][0]["Value"]) - now).total_seconds() < 60
    server.post("/_sageyard/clock", {"advance": 86400})
    eventually(lambda: len(executions(sagemaker, name)) == 2, 20, "the second execution")
    scheduler.delete_schedule(Name=name)


def test_a_schedule_may_begin_at_the_real_time_though_the_clock_was_moved(
    server: Server, queue: Queue, name: str
) -> None:
    server.post("/_sageyard/clock", {"advance": 3600})
    server.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="cron(* * * * ? *)",
        FlexibleTimeWindow={"Mode": "OFF"},
        StartDate=datetime.now(UTC),
        Target={"Arn": queue.arn, "RoleArn": ROLE},
    )
    server.post("/_sageyard/clock", {"advance": 60})
    assert queue.wait()[0]["source"] == "aws.scheduler"
    server.client("scheduler").delete_schedule(Name=name)


def test_a_schedule_at_a_time_fires_once_and_deletes_itself(server: Server, queue: Queue, name: str) -> None:
    scheduler = server.client("scheduler")
    epoch = server.get("/_sageyard/clock")["epoch"]
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression=f"at({datetime.fromtimestamp(epoch + 600, UTC):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": queue.arn, "RoleArn": ROLE, "Input": '{"at": "<aws.scheduler.schedule-arn>"}'},
    )
    assert queue.take() == []
    server.post("/_sageyard/clock", {"advance": 601})
    (message,) = queue.wait()
    assert message["at"].endswith(f":schedule/default/{name}")
    eventually(lambda: not scheduler.list_schedules(NamePrefix=name)["Schedules"], 10, "its deletion")


def test_an_event_whose_change_was_committed_survives_kill_9(tmp_path: Path) -> None:
    server = start_server(tmp_path / "state")
    sagemaker, queue = server.client("sagemaker"), Queue(server, "changes")
    put_rule(server, "all", [{"Arn": queue.arn}], EventPattern={"source": ["aws.sagemaker"]})
    names = [f"model-{number}" for number in range(30)]
    for name in names:
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    server.kill()
    server = start_server(tmp_path / "state")
    try:
        queue = Queue(server, "changes")
        told: set[str] = set()

        def all_told() -> bool:
            told.update(json.loads(body)["detail"]["ModelName"] for body in queue.take())
            return told == set(names)

        eventually(all_told, 30, "an event for each model")
    finally:
        server.stop()
