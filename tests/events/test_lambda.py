"""Lambda: functions in Python really run, by boto3 on a live server."""

import base64
import json
import os
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ACCOUNT, REGION, ROLE, Server, eventually, start_server
from tests.families.lambda_functions import archive, invoke, make_function

ECHO = "def handler(event, context):\n    return {'event': event, 'name': context.function_name}\n"


@pytest.fixture(scope="package")
def functions(server: Server) -> Any:
    return server.client("lambda")


@pytest.fixture
def name() -> str:
    return f"function-{os.urandom(4).hex()}"


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def log_of(server: Server, name: str) -> list[str]:
    events = server.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return [event["message"] for event in events]


def test_a_function_answers_and_knows_its_context(functions: Any, name: str) -> None:
    source = """
def handler(event, context):
    return {"event": event, "arn": context.invoked_function_arn, "version": context.function_version,
            "memory": context.memory_limit_in_mb, "left": context.get_remaining_time_in_millis(),
            "request": context.aws_request_id, "group": context.log_group_name,
            "client": context.client_context.custom}
"""
    arn = make_function(functions, name, source, MemorySize=256, Timeout=7)
    context = base64.b64encode(json.dumps({"custom": {"a": "b"}}).encode()).decode()
    answer, response = invoke(functions, name, {"x": [1, 2]}, ClientContext=context)
    assert arn == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    assert (response["StatusCode"], response["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in response
    assert 5000 < answer.pop("left") <= 7000
    assert len(answer.pop("request")) == 36
    assert answer == {
        "event": {"x": [1, 2]}, "arn": arn, "version": "$LATEST", "memory": "256", "group": f"/aws/lambda/{name}",
        "client": {"a": "b"},
    }  # fmt: skip
    assert invoke(functions, arn, ClientContext=context)[0]["event"] == {}


def test_clients_inside_reach_this_server(functions: Any, s3: Any, bucket: str, name: str) -> None:
    source = """
import os, boto3
def handler(event, context):
    boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key="from-lambda", Body=event["text"].encode())
    return boto3.client("sts").get_caller_identity()["Account"]
"""
    make_function(functions, name, source, Environment={"Variables": {"BUCKET": bucket}}, MemorySize=512)
    assert invoke(functions, name, {"text": "hello"})[0] == ACCOUNT
    assert s3.get_object(Bucket=bucket, Key="from-lambda")["Body"].read() == b"hello"


def test_an_exception_is_answered_as_awss_error_document(functions: Any, name: str) -> None:
    make_function(functions, name, "def handler(event, context):\n    raise KeyError('price')\n")
    answer, response = invoke(functions, name, LogType="Tail")
    assert (response["StatusCode"], response["FunctionError"]) == (200, "Unhandled")
    assert (answer["errorType"], answer["errorMessage"]) == ("KeyError", "'price'")
    assert answer["stackTrace"] == ["  File \"/var/task/app.py\", line 2, in handler\n    raise KeyError('price')\n"]
    log = base64.b64decode(response["LogResult"]).decode()
    assert "[ERROR] KeyError: 'price'" in log
    assert f"REPORT RequestId: {answer['requestId']}\tDuration: " in log


@pytest.mark.parametrize(
    ("source", "handler", "kind"),
    [
        ("import no_such_module\n", "app.handler", "Runtime.ImportModuleError"),
        ("def handler(event, context)\n", "app.handler", "Runtime.UserCodeSyntaxError"),
        ("x = 1\n", "app.handler", "Runtime.HandlerNotFound"),
        ("x = 1\n", "handler", "Runtime.MalformedHandlerName"),
        ("def handler(event, context):\n    return object()\n", "app.handler", "Runtime.MarshalError"),
        ("import sys\ndef handler(event, context):\n    sys.exit(3)\n", "app.handler", "Runtime.ExitError"),
    ],
)
def test_what_cannot_run_says_why(functions: Any, name: str, source: str, handler: str, kind: str) -> None:
    make_function(functions, name, source, Handler=handler)
    for _ in range(2):  # the next invocation fails in the same way
        answer, response = invoke(functions, name)
        assert (answer["errorType"], response["FunctionError"]) == (kind, "Unhandled"), answer


def test_a_function_that_takes_too_long_is_ended(functions: Any, server: Server, name: str) -> None:
    source = "import time\ndef handler(event, context):\n    print('begun', flush=True)\n    time.sleep(event['s'])\n"
    make_function(functions, name, source, Timeout=1)
    started = time.monotonic()
    answer, response = invoke(functions, name, {"s": 60}, LogType="Tail")
    assert time.monotonic() - started < 8
    assert answer["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in answer["errorMessage"]
    assert "begun" in base64.b64decode(response["LogResult"]).decode()
    assert invoke(functions, name, {"s": 0})[0] is None
    assert any("Task timed out after 1.00 seconds" in line for line in log_of(server, name))


def test_a_function_that_uses_too_much_memory_is_ended(functions: Any, name: str) -> None:
    source = """
import time
def handler(event, context):
    hoard = [bytearray(b"x" * (1 << 20)) for _ in range(300)]
    time.sleep(20)
"""
    make_function(functions, name, source, MemorySize=128)
    answer, _ = invoke(functions, name)
    assert answer["errorType"] == "Runtime.OutOfMemory"
    assert "128 MB" in answer["errorMessage"]


def test_a_process_is_reused_until_the_function_changes(functions: Any, name: str) -> None:
    source = (
        "import os\ncount = 0\ndef handler(event, context):\n    global count\n    count += 1\n    return [count, {}]\n"
    )
    make_function(functions, name, source.format("os.environ.get('V')"))
    assert [invoke(functions, name)[0] for _ in range(3)] == [[1, None], [2, None], [3, None]]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"V": "7"}})
    assert invoke(functions, name)[0] == [1, "7"]
    functions.update_function_code(FunctionName=name, ZipFile=archive(source.format("'new'")))
    assert invoke(functions, name)[0] == [1, "new"]


def test_the_log_is_in_cloudwatch(functions: Any, server: Server, name: str) -> None:
    source = """
import logging
def handler(event, context):
    print("printed")
    logging.getLogger().warning("logged")
"""
    make_function(functions, name, source)
    invoke(functions, name)
    lines = log_of(server, name)
    assert [line.split(" ")[0] for line in lines] == ["START", "printed", lines[2].split(" ")[0], "END", "REPORT"]
    assert lines[2].startswith("[WARNING]\t")
    assert lines[2].endswith("\tlogged")
    streams = server.client("logs").describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
    assert "/[$LATEST]" in streams[0]["logStreamName"]


def test_versions_and_aliases_keep_their_code(functions: Any, name: str) -> None:
    make_function(functions, name, "def handler(event, context):\n    return 'old'\n")
    version = functions.publish_version(FunctionName=name)["Version"]
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    functions.update_function_code(
        FunctionName=name, ZipFile=archive("def handler(event, context):\n    return context.invoked_function_arn\n")
    )
    answer, response = invoke(functions, name, Qualifier="live")
    assert (answer, response["ExecutedVersion"]) == ("old", version)
    assert invoke(functions, name)[0].endswith(f":function:{name}")


def test_layers_are_importable(functions: Any, name: str) -> None:
    layer = functions.publish_layer_version(
        LayerName=name, Content={"ZipFile": archive("VALUE = 42\n", "python/from_layer.py")}
    )
    source = "import from_layer\ndef handler(event, context):\n    return from_layer.VALUE\n"
    make_function(functions, name, source, Layers=[layer["LayerVersionArn"]])
    assert invoke(functions, name)[0] == 42


def test_reserved_concurrency_is_kept(functions: Any, server: Server, name: str) -> None:
    source = "import time\ndef handler(event, context):\n    print('begun', flush=True)\n    time.sleep(3)\n"
    make_function(functions, name, source)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    first = threading.Thread(target=invoke, args=(functions, name))
    first.start()
    eventually(lambda: any("begun" in line for line in log_of(server, name)), 20, "the first invocation")
    code, message = refusal(functions.invoke, FunctionName=name)
    assert (code, name in message) == ("TooManyRequestsException", True)
    first.join()


def test_different_invocations_run_side_by_side(functions: Any, name: str) -> None:
    make_function(functions, name, "import time\ndef handler(event, context):\n    time.sleep(2)\n    return 1\n")
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(invoke(functions, name)[0])) for _ in range(4)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [1, 1, 1, 1]
    assert time.monotonic() - started < 7


def test_an_event_invocation_is_repeated_when_it_fails(
    functions: Any, server: Server, s3: Any, bucket: str, name: str
) -> None:
    source = """
import boto3
def handler(event, context):
    s3 = boto3.client("s3")
    tries = s3.list_objects_v2(Bucket=event["bucket"]).get("KeyCount", 0)
    s3.put_object(Bucket=event["bucket"], Key=str(tries), Body=b"")
    if tries == 0:
        raise RuntimeError("not yet")
"""
    make_function(functions, name, source, MemorySize=512)
    response = functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps({"bucket": bucket}))
    assert response["StatusCode"] == 202

    def tries() -> int:
        return int(s3.list_objects_v2(Bucket=bucket)["KeyCount"])

    eventually(lambda: tries() == 1, 20, "the first try")
    eventually(lambda: any("not yet" in line for line in log_of(server, name)), 10, "its error")

    def tried_again_a_minute_later() -> bool:
        server.post("/_sageyard/clock", {"advance": 61})  # the minute may begin a moment after the line in the log
        return tries() == 2

    eventually(tried_again_a_minute_later, 20, "the second try")


def test_destinations_are_told_how_an_event_invocation_ended(functions: Any, server: Server, name: str) -> None:
    sqs = server.client("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    told = {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"}
    arn = make_function(functions, name, "def handler(event, context):\n    return 6 // event['by']\n")
    functions.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={"OnSuccess": told, "OnFailure": told}
    )

    def record(by: int) -> dict[str, Any]:
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps({"by": by}))
        (message,) = eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), 20, "a record")
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return dict(json.loads(message["Body"]))

    well = record(2)
    assert (well["requestContext"]["condition"], well["requestPayload"]) == ("Success", {"by": 2})
    assert (well["requestContext"]["functionArn"], well["responsePayload"]) == (f"{arn}:$LATEST", 3)
    badly = record(0)
    assert badly["requestContext"]["condition"] == "RetriesExhausted"
    assert badly["responseContext"]["functionError"] == "Unhandled"
    assert badly["responsePayload"]["errorType"] == "ZeroDivisionError"


def test_code_is_taken_from_s3_once(functions: Any, s3: Any, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key="code.zip", Body=archive(ECHO))
    make_function(functions, name, "", Code={"S3Bucket": bucket, "S3Key": "code.zip"})
    s3.delete_object(Bucket=bucket, Key="code.zip")
    assert invoke(functions, name, {"a": 1})[0] == {"event": {"a": 1}, "name": name}
    with pytest.raises(ClientError, match="upload the function's archive there first"):
        functions.update_function_code(FunctionName=name, S3Bucket=bucket, S3Key="code.zip")


def test_the_archive_is_found_where_get_function_says(functions: Any, server: Server, name: str) -> None:
    code = archive(ECHO)
    make_function(functions, name, "", Code={"ZipFile": code})
    location = functions.get_function(FunctionName=name)["Code"]["Location"]
    assert location.startswith(server.url)
    with urllib.request.urlopen(location, timeout=10) as answer:
        assert answer.read() == code


def test_a_queue_invokes_its_function(functions: Any, server: Server, name: str) -> None:
    sqs = server.client("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    make_function(functions, name, "def handler(event, context):\n    print(event['Records'][0]['body'])\n")
    functions.create_event_source_mapping(
        FunctionName=name, EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", BatchSize=1
    )
    sqs.send_message(QueueUrl=queue, MessageBody="from the queue")

    def logged() -> bool:
        groups = server.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
        return bool(groups) and "from the queue" in log_of(server, name)

    eventually(logged, 20, "the line in the log")


def test_what_does_not_run_here_is_refused_with_a_way_out(functions: Any, name: str) -> None:
    make_function(functions, name, ECHO, Runtime="nodejs22.x")
    code, message = refusal(functions.invoke, FunctionName=name)
    assert (code, "in Python" in message) == ("InvalidRuntimeException", True)
    functions.create_function(
        FunctionName=f"{name}-i", Role=ROLE, PackageType="Image",
        Code={"ImageUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/mine:1"},
    )  # fmt: skip
    code, message = refusal(functions.invoke, FunctionName=f"{name}-i")
    assert (code, "zip archive" in message) == ("InvalidParameterValueException", True)
    assert refusal(functions.invoke, FunctionName="nobody")[0] == "ResourceNotFoundException"
    code, message = refusal(functions.invoke, FunctionName=name, Payload=b"{no json")
    assert code == "InvalidRequestContentException"
    code, message = refusal(
        functions.create_function, FunctionName=f"{name}-z", Role=ROLE, Runtime="python3.12", Handler="a.b",
        Code={"ZipFile": b"no archive"},
    )  # fmt: skip
    assert (code, "unzip" in message) == ("InvalidParameterValueException", True)


def test_a_dry_run_runs_nothing(functions: Any, server: Server, name: str) -> None:
    make_function(functions, name, ECHO)
    assert functions.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    groups = server.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    assert groups == []


def test_functions_and_queued_invocations_survive_kill_9(tmp_path: Path) -> None:
    server = start_server(tmp_path / "state")
    functions, s3 = server.client("lambda"), server.client("s3")
    s3.create_bucket(Bucket="results")
    s3.put_object(Bucket="results", Key="code.zip", Body=archive(
        "import boto3, time\ndef handler(event, context):\n    time.sleep(event['s'])\n"
        "    boto3.client('s3').put_object(Bucket='results', Key='done', Body=b'')\n"
    ))  # fmt: skip
    make_function(functions, "late", "", Code={"S3Bucket": "results", "S3Key": "code.zip"}, MemorySize=512)
    s3.delete_object(Bucket="results", Key="code.zip")
    functions.invoke(FunctionName="late", InvocationType="Event", Payload=b'{"s": 0.5}')
    server.kill()
    server = start_server(tmp_path / "state")
    try:
        s3 = server.client("s3")
        eventually(lambda: s3.list_objects_v2(Bucket="results").get("Contents"), 20, "the queued invocation")
    finally:
        server.stop()
