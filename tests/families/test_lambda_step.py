"""The Lambda step of a pipeline, on a live server."""

import json
import os
from typing import Any

import pytest

from tests.conftest import ACCOUNT, REGION, ROLE, Server, eventually
from tests.families.lambda_functions import make_function

ENDED = {"Succeeded", "Failed", "Stopped"}


@pytest.fixture
def name() -> str:
    return f"step-{os.urandom(4).hex()}"


def run(sagemaker: Any, name: str, steps: list[dict[str, Any]], wait: bool = True) -> str:
    """Start a pipeline of these steps; answers the ARN of the execution, which has ended."""
    definition = json.dumps({"Version": "2020-12-01", "Parameters": [], "Steps": steps})
    sagemaker.create_pipeline(PipelineName=name, RoleArn=ROLE, PipelineDefinition=definition)
    execution = str(sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"])
    if wait:
        wait_for_end(sagemaker, execution)
    return execution


def wait_for_end(sagemaker: Any, execution: str) -> str:
    def status() -> str:
        return str(sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)["PipelineExecutionStatus"])

    eventually(lambda: status() in ENDED, 40, "the end of the execution")
    return status()


def steps_of(sagemaker: Any, execution: str) -> dict[str, dict[str, Any]]:
    found = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution)["PipelineExecutionSteps"]
    return {step["StepName"]: step for step in found}


def step(called: str, arn: str, arguments: dict[str, Any], **outputs: str) -> dict[str, Any]:
    listed = [{"OutputName": output, "OutputType": kind} for output, kind in outputs.items()]
    return {"Name": called, "Type": "Lambda", "FunctionArn": arn, "OutputParameters": listed, "Arguments": arguments}


def test_an_answers_members_are_parameters_of_later_steps(server: Server, sagemaker: Any, name: str) -> None:
    source = """
def handler(event, context):
    return {"statusCode": 200, "accuracy": event["value"] / 2, "name": "n" + str(event["value"]), "good": True,
            "count": "7"}
"""
    arn = make_function(server.client("lambda"), name, source)
    later = {"value": {"Get": "Steps.First.OutputParameters['count']"}}
    first = step("First", arn, {"value": 3}, accuracy="Float", name="String", good="Boolean", count="Integer")
    get = {"Get": "Steps.First.OutputParameters['accuracy']"}
    execution = run(sagemaker, name, [
        first,
        {"Name": "Check", "Type": "Condition", "Arguments": {
            "Conditions": [{"Type": "GreaterThan", "LeftValue": get, "RightValue": 1.2}],
            "IfSteps": [step("Second", arn, later, name="String")],
            "ElseSteps": [],
        }},
    ])  # fmt: skip
    found = steps_of(sagemaker, execution)
    assert {one["StepStatus"] for one in found.values()} == {"Succeeded"}, found
    assert found["First"]["Metadata"]["Lambda"] == {
        "Arn": arn,
        "OutputParameters": [
            {"Name": "accuracy", "Value": "1.5"},
            {"Name": "name", "Value": "n3"},
            {"Name": "good", "Value": "true"},
            {"Name": "count", "Value": "7"},
        ],
    }
    assert found["Second"]["Metadata"]["Lambda"]["OutputParameters"] == [{"Name": "name", "Value": "n7"}]


@pytest.mark.parametrize(
    ("source", "outputs", "reason"),
    [
        ("def handler(e, c):\n    raise ValueError('too few rows')\n", {}, "ValueError: too few rows"),
        ("def handler(e, c):\n    return {'a': 1}\n", {"b": "String"}, "lacks the output parameter 'b': it has a"),
        ("def handler(e, c):\n    return 'text'\n", {"b": "String"}, "answered text and no object with the members b"),
        ("def handler(e, c):\n    return {'b': 'x'}\n", {"b": "Integer"}, "is x, which is no Integer"),
        ("import time\ndef handler(e, c):\n    time.sleep(30)\n", {}, "Task timed out after 1.00 seconds"),
    ],
)
def test_a_failure_says_why(
    server: Server, sagemaker: Any, name: str, source: str, outputs: dict[str, str], reason: str
) -> None:
    arn = make_function(server.client("lambda"), name, source, Timeout=1)
    execution = run(sagemaker, name, [step("Only", arn, {}, **outputs)])
    (found,) = steps_of(sagemaker, execution).values()
    assert found["StepStatus"] == "Failed"
    assert reason in found["FailureReason"], found["FailureReason"]
    assert arn in found["FailureReason"]


def test_a_function_that_nobody_created_fails_the_step(sagemaker: Any, name: str) -> None:
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    (found,) = steps_of(sagemaker, run(sagemaker, name, [step("Only", arn, {})])).values()
    assert f"Function not found: {arn}" in found["FailureReason"]


def test_a_stopped_execution_waits_for_its_function(
    server: Server, sagemaker: Any, s3: Any, bucket: str, name: str
) -> None:
    source = f"""
import boto3, time
def handler(event, context):
    s3 = boto3.client("s3")
    s3.put_object(Bucket={bucket!r}, Key="begun", Body=b"")
    time.sleep(2)
    s3.put_object(Bucket={bucket!r}, Key="done", Body=b"")
"""
    arn = make_function(server.client("lambda"), name, source, MemorySize=512)
    execution = run(sagemaker, name, [step("Only", arn, {})], wait=False)
    eventually(lambda: s3.list_objects_v2(Bucket=bucket).get("KeyCount"), 20, "the function's begin")
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
    assert wait_for_end(sagemaker, execution) == "Stopped"
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 2
