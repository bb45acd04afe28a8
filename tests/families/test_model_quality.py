"""Model quality schedules end to end with boto3: a real endpoint, captured calls, labels, merge and analysis."""

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import ROLE, Server, eventually

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
ECHO = """
def model_fn(folder):
    return None


def predict_fn(rows, model):
    return rows[:, 0]
"""
ENDED = {"Completed", "CompletedWithViolations", "Failed", "Stopped"}
Watch = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def home(server: Server) -> str:
    """A bucket for the module."""
    name = f"quality-{os.urandom(6).hex()}"
    server.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def endpoint(server: Server, home: str) -> Iterator[str]:
    """An endpoint whose prediction is the first number that it is sent, and that captures every call."""
    sagemaker = server.client("sagemaker")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo("code/work.py")
        info.size = len(ECHO)
        tar.addfile(info, io.BytesIO(ECHO.encode()))
    server.client("s3").put_object(Bucket=home, Key="model.tar.gz", Body=buffer.getvalue())
    container = {
        "Image": f"{REGISTRY}/sagemaker-scikit-learn:1.2-1-cpu-py3",
        "ModelDataUrl": f"s3://{home}/model.tar.gz",
        "Environment": {"SAGEMAKER_PROGRAM": "work.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
    }
    sagemaker.create_model(ModelName=home, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "echo", "ModelName": home, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{home}/capture",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
    }
    sagemaker.create_endpoint_config(EndpointConfigName=home, ProductionVariants=[variant], DataCaptureConfig=capture)
    sagemaker.create_endpoint(EndpointName=home, EndpointConfigName=home)
    eventually(lambda: sagemaker.describe_endpoint(EndpointName=home)["EndpointStatus"] != "Creating", 60)
    described = sagemaker.describe_endpoint(EndpointName=home)
    assert described["EndpointStatus"] == "InService", described
    runtime = server.client("sagemaker-runtime")
    for number in range(6):
        runtime.invoke_endpoint(
            EndpointName=home,
            ContentType="text/csv",
            Accept="text/csv",
            InferenceId=f"call-{number}",
            Body=f"{number},7",
        )
    yield home
    sagemaker.delete_endpoint(EndpointName=home)


def hour(server: Server) -> str:
    return f"{datetime.fromtimestamp(server.get('/_sageyard/clock')['epoch'], UTC):%Y/%m/%d/%H}"


@pytest.fixture
def watch(server: Server, endpoint: str, home: str, unique: str) -> Iterator[Watch]:
    """Uploads labels and runs a model quality schedule of one analysis over the last hour; its execution, ended."""
    sagemaker, s3 = server.client("sagemaker"), server.client("s3")

    def run(labels: dict[str, str], constraints: dict[str, Any], again: dict[str, str] | None = None) -> dict[str, Any]:
        for number, entries in enumerate([labels, again or {}]):
            lines = [
                json.dumps({
                    "groundTruthData": {"data": data, "encoding": "CSV"},
                    "eventMetadata": {"eventId": event},
                    "eventVersion": "0",
                })
                for event, data in entries.items()
            ]  # fmt: skip
            if lines:
                key = f"{unique}/labels/{hour(server)}/{number}.jsonl"
                s3.put_object(Bucket=home, Key=key, Body="\n".join(lines).encode())
        s3.put_object(Bucket=home, Key=f"{unique}/constraints.json", Body=json.dumps(constraints).encode())
        sagemaker.create_model_quality_job_definition(
            JobDefinitionName=unique,
            ModelQualityAppSpecification={
                "ImageUri": ANALYZER,
                "ProblemType": "Regression",
                "Environment": {"publish_cloudwatch_metrics": "Enabled"},
            },
            ModelQualityBaselineConfig={"ConstraintsResource": {"S3Uri": f"s3://{home}/{unique}/constraints.json"}},
            ModelQualityJobInput={
                "EndpointInput": {
                    "EndpointName": endpoint,
                    "LocalPath": "/opt/ml/processing/input/endpoint",
                    "InferenceAttribute": "0",
                },
                "GroundTruthS3Input": {"S3Uri": f"s3://{home}/{unique}/labels"},
            },
            ModelQualityJobOutputConfig={
                "MonitoringOutputs": [
                    {"S3Output": {"S3Uri": f"s3://{home}/{unique}/out", "LocalPath": "/opt/ml/processing/output"}}
                ]
            },
            JobResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}},
            StoppingCondition={"MaxRuntimeInSeconds": 1800},
            RoleArn=ROLE,
        )
        timing = {"DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT0H", "ScheduleExpression": "NOW"}
        sagemaker.create_monitoring_schedule(
            MonitoringScheduleName=unique,
            MonitoringScheduleConfig={
                "MonitoringJobDefinitionName": unique,
                "MonitoringType": "ModelQuality",
                "ScheduleConfig": timing,
            },
        )

        def ended() -> Any:
            found = sagemaker.list_monitoring_executions(MonitoringScheduleName=unique)["MonitoringExecutionSummaries"]
            return [one for one in found if one["MonitoringExecutionStatus"] in ENDED]

        execution: dict[str, Any] = eventually(ended, 60, "the execution's end")[0]
        return execution

    yield run
    sagemaker.delete_monitoring_schedule(MonitoringScheduleName=unique)


def reports(server: Server, bucket: str, prefix: str) -> dict[str, Any]:
    """The JSON documents under a prefix by their file names."""
    s3 = server.client("s3")
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
    return {
        key.rpartition("/")[2]: json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        for key in keys
        if key.endswith(".json")
    }


def constraint(metric: str, threshold: float) -> dict[str, Any]:
    return {
        "version": 0.0,
        "regression_constraints": {
            metric: {"threshold": threshold, "comparison_operator": "GreaterThanThreshold"},
        },
    }


def test_predictions_are_scored_by_the_labels_that_came(server: Server, home: str, unique: str, watch: Watch) -> None:
    labels = {"call-0": "0", "call-1": "1", "call-2": "50", "call-3": "5", "never-asked": "9"}
    execution = watch(labels, constraint("mae", 0.5), again={"call-2": "4"})  # corrects the label of call-2
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    found = reports(server, home, f"{unique}/out/{home}/")
    assert found["statistics.json"]["dataset"] == {"item_count": 4}
    assert found["statistics.json"]["regression_metrics"]["mae"] == {"value": 1.0, "standard_deviation": "NaN"}
    assert found["constraint_violations.json"] == {
        "violations": [
            {
                "constraint_check_type": "GreaterThanThreshold",
                "description": "Metric mae with 1.0 was GreaterThanThreshold 0.5",
                "metric_name": "mae",
            }
        ]
    }
    sagemaker = server.client("sagemaker")
    job = sagemaker.describe_processing_job(ProcessingJobName=execution["ProcessingJobArn"].rpartition("/")[2])
    assert job["StoppingCondition"]["MaxRuntimeInSeconds"] < 1800
    merge = job["ProcessingJobName"].replace("model-quality-monitoring", "groundtruth-merge")
    message = sagemaker.describe_processing_job(ProcessingJobName=merge)["ExitMessage"]
    assert message == "Completed: 4 of 6 captured calls have a label; 1 of 5 labels match no captured call."
    metrics = server.client("cloudwatch").list_metrics(
        Namespace="aws/sagemaker/Endpoints/model-metrics",
        Dimensions=[{"Name": "MonitoringSchedule", "Value": unique}],
    )["Metrics"]
    assert {metric["MetricName"] for metric in metrics} == {"mae", "mse", "rmse", "r2"}


def test_labels_of_other_calls_fail_the_execution_and_say_what_to_do(watch: Watch) -> None:
    execution = watch({"order-1": "1", "order-2": "2"}, constraint("mae", 0.5))
    assert execution["MonitoringExecutionStatus"] == "Failed"
    reason = execution["FailureReason"]
    assert "No ground truth matches: 6 captured calls, with ids such as 'call-0'" in reason
    assert "'order-1'" in reason and "InferenceId" in reason
    assert "groundtruth-merge-" in execution["ProcessingJobArn"]


def test_without_labels_the_reason_names_where_they_belong(home: str, unique: str, watch: Watch) -> None:
    execution = watch({}, constraint("mae", 0.5))
    assert execution["MonitoringExecutionStatus"] == "Failed"
    assert f"no ground truth under s3://{home}/{unique}/labels/ in the hours" in execution["FailureReason"]
    assert "ProcessingJobArn" not in execution


def test_a_baseline_of_data_quality_is_refused_by_the_analysis(watch: Watch) -> None:
    execution = watch({"call-1": "1"}, {"version": 0.0, "features": []})
    assert execution["MonitoringExecutionStatus"] == "Failed"
    assert "has no regression_constraints" in execution["FailureReason"]
