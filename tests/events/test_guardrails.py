"""An alarm on the endpoint's own metrics rolls an update back, on a live server whose clock is moved."""

import io
import json
import os
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ROLE, Server, eventually
from tests.events.test_events import Queue, put_rule

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SERVES = """
def model_fn(model_dir):
    return 1

def transform_fn(model, body, content_type, accept):
    {does}
"""


@pytest.fixture
def name() -> str:
    return f"guarded-{os.urandom(4).hex()}"


@pytest.fixture
def guarded(server: Server, sagemaker: Any, s3: Any, bucket: str, name: str) -> str:
    """An endpoint whose model answers, with a configuration `<name>-next` of one that fails and an alarm on the
    errors of that one alone."""
    for which, does in (("first", 'return "fine", "text/plain"'), ("next", 'raise ValueError("a bad model")')):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            code = SERVES.format(does=does).encode()
            info = tarfile.TarInfo("code/serve.py")
            info.size = len(code)
            tar.addfile(info, io.BytesIO(code))
        s3.put_object(Bucket=bucket, Key=f"{which}.tar.gz", Body=buffer.getvalue())
        environment = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/{which}.tar.gz", "Environment": environment}
        sagemaker.create_model(ModelName=f"{name}-{which}", ExecutionRoleArn=ROLE, PrimaryContainer=container)
        variant = {"VariantName": "v", "ModelName": f"{name}-{which}", "InstanceType": "ml.m5.large"}
        sagemaker.create_endpoint_config(
            EndpointConfigName=f"{name}-{which}", ProductionVariants=[variant | {"InitialInstanceCount": 1}]
        )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-first")
    dimensions = {"EndpointName": name, "VariantName": "v", "EndpointConfigName": f"{name}-next"}
    server.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.5,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return name


def baking(sagemaker: Any, name: str) -> Any:
    pending = sagemaker.describe_endpoint(EndpointName=name).get("PendingDeploymentSummary")
    return pending and pending["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Baking"


def in_service(sagemaker: Any, name: str) -> Callable[[], Any]:
    def look() -> Any:
        described = sagemaker.describe_endpoint(EndpointName=name)
        return described if described["EndpointStatus"] == "InService" else None

    return look


@pytest.mark.timeout(120)
def test_errors_of_the_canary_set_the_alarm_off_and_all_traffic_goes_back(
    server: Server, sagemaker: Any, guarded: str
) -> None:
    queue = Queue(server, guarded)
    put_rule(server, guarded, [{"Arn": queue.arn}], EventPattern={
        "detail-type": ["SageMaker Endpoint Deployment State Change"], "detail": {"EndpointName": [guarded]},
    })  # fmt: skip
    routing = {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "WaitIntervalInSeconds": 600,
    }
    sagemaker.update_endpoint(
        EndpointName=guarded,
        EndpointConfigName=f"{guarded}-next",
        DeploymentConfig={
            "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing},
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": guarded}]},
        },
    )
    eventually(lambda: baking(sagemaker, guarded), what="the canary")
    runtime = server.client("sagemaker-runtime")
    outcomes = []
    for _ in range(30):
        try:
            outcomes.append(runtime.invoke_endpoint(EndpointName=guarded, Body=b"x")["Body"].read())
        except ClientError as error:
            assert "a bad model" in str(error)
            outcomes.append(b"failed")
    assert set(outcomes) == {b"fine", b"failed"}

    server.post("/_sageyard/clock", {"advance": 600})  # past the minute of the errors, and past the baking period
    described = eventually(in_service(sagemaker, guarded), what="the way back")
    assert f"these CloudWatch alarms went off: {guarded}" in described["FailureReason"]
    assert described["EndpointConfigName"] == f"{guarded}-first"
    (alarm,) = server.client("cloudwatch").describe_alarms(AlarmNames=[guarded])["MetricAlarms"]
    assert alarm["StateValue"] == "ALARM"
    assert alarm["StateReason"].startswith("Threshold Crossed: 1 of 1 datapoints")
    answers = [runtime.invoke_endpoint(EndpointName=guarded, Body=b"x")["Body"].read() for _ in range(10)]
    assert answers == [b"fine"] * 10

    details = [event["detail"] for event in queue.wait(4)]
    stages = [
        detail["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]["Status"]
        for detail in details
        if "PendingDeploymentSummary" in detail
    ]
    assert set(stages) == {"Creating", "ActivatingTraffic", "Baking"}, json.dumps(details)
    sagemaker.delete_endpoint(EndpointName=guarded)


@pytest.mark.timeout(120)
def test_a_state_that_was_set_by_hand_rolls_back_as_well(server: Server, sagemaker: Any, guarded: str) -> None:
    sagemaker.update_endpoint(
        EndpointName=guarded,
        EndpointConfigName=f"{guarded}-next",
        DeploymentConfig={
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
                "TerminationWaitInSeconds": 3000,
            },
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": guarded}]},
        },
    )
    eventually(lambda: baking(sagemaker, guarded), what="the baking period")
    cloudwatch = server.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=guarded, StateValue="ALARM", StateReason="a drill")
    described = eventually(in_service(sagemaker, guarded), what="the way back")
    assert "alarms went off" in described["FailureReason"]
    sagemaker.delete_endpoint(EndpointName=guarded)
