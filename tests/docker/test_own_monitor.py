"""A monitoring container of a user's own, in Docker: an inline definition over an endpoint's captures."""

import json
import shutil
import subprocess

import pytest

from tests.conftest import REPOSITORY, ROLE, eventually
from tests.docker.conftest import OWN, Work

pytestmark = pytest.mark.docker

PROGRAM = REPOSITORY / "tests" / "sdk" / "scripts" / "range_monitor.py"
IMAGE = "sageyard-test/range-monitor:1"
CONSTRAINTS = {"version": 0, "features": [{"name": "c0", "min": 0, "max": 10}, {"name": "c1", "min": 0, "max": 10}]}


@pytest.fixture(scope="module")
def monitor_image(own_image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("monitor")
    shutil.copy(PROGRAM, folder / "monitor.py")
    (folder / "Dockerfile").write_text(
        f'FROM {OWN}\nCOPY monitor.py /opt/program/\nENTRYPOINT ["python3", "/opt/program/monitor.py"]\n'
    )
    subprocess.run(["docker", "build", "--quiet", "--tag", IMAGE, str(folder)], check=True, capture_output=True)
    return f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{IMAGE}"


def test_a_users_own_monitor_reads_an_endpoints_captures_and_its_message_decides(
    work: Work, own_image: str, monitor_image: str, unique: str
) -> None:
    variant = {"VariantName": "all", "ModelName": unique, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    work.sagemaker.create_model(ModelName=unique, PrimaryContainer={"Image": own_image}, ExecutionRoleArn=ROLE)
    work.sagemaker.create_endpoint_config(
        EndpointConfigName=unique,
        ProductionVariants=[variant],
        DataCaptureConfig={
            "EnableCapture": True, "InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://jobs/captures",
            "CaptureOptions": [{"CaptureMode": "Input"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
        },
    )  # fmt: skip
    work.sagemaker.create_endpoint(EndpointName=unique, EndpointConfigName=unique)
    work.ended(lambda: work.sagemaker.describe_endpoint(EndpointName=unique), "EndpointStatus")
    runtime = work.server.client("sagemaker-runtime")
    for row in ("1,2", "3,40"):
        runtime.invoke_endpoint(EndpointName=unique, ContentType="text/csv", Body=row)
    work.s3.put_object(Bucket="jobs", Key="constraints.json", Body=json.dumps(CONSTRAINTS))
    output = {"S3Uri": "s3://jobs/reports", "LocalPath": "/opt/ml/processing/output"}
    work.sagemaker.create_monitoring_schedule(
        MonitoringScheduleName=unique,
        MonitoringScheduleConfig={
            "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
            "MonitoringJobDefinition": {
                "BaselineConfig": {"ConstraintsResource": {"S3Uri": "s3://jobs/constraints.json"}},
                "MonitoringInputs": [
                    {"EndpointInput": {"EndpointName": unique, "LocalPath": "/opt/ml/processing/endpointdata"}}
                ],
                "MonitoringOutputConfig": {"MonitoringOutputs": [{"S3Output": output}]},
                "MonitoringResources": {
                    "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
                },
                "MonitoringAppSpecification": {"ImageUri": monitor_image, "ContainerArguments": ["--deep"]},
                "Environment": {"publish_cloudwatch_metrics": "Enabled"},
                "RoleArn": ROLE,
            },
        },
    )
    work.server.post(f"/_sageyard/monitoring-schedules/{unique}/run")

    def ended() -> dict[str, str] | None:
        found = work.sagemaker.list_monitoring_executions(MonitoringScheduleName=unique)["MonitoringExecutionSummaries"]
        return found[0] if found and found[0]["MonitoringExecutionStatus"] not in {"Pending", "InProgress"} else None

    execution = eventually(ended, 60, "the end of the execution")
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    job = work.sagemaker.describe_processing_job(ProcessingJobName=execution["ProcessingJobArn"].rpartition("/")[2])
    assert job["ExitMessage"] == "CompletedWithViolations: 1 columns left their range."
    report = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].removeprefix("s3://jobs/")

    def read(name: str) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = json.load(work.s3.get_object(Bucket="jobs", Key=f"{report}/{name}")["Body"])
        return found

    assert [violation["feature_name"] for violation in read("constraint_violations.json")["violations"]] == ["c1"]
    told = read("environment.json")
    assert told["arguments"] == ["--deep"]
    assert told["variables"]["sagemaker_endpoint_name"] == unique
    assert told["variables"]["dataset_source"] == "/opt/ml/processing/endpointdata"
    metric = work.server.client("cloudwatch").list_metrics(
        Namespace="aws/sagemaker/ModelMonitoring/data-metrics", MetricName="columns_out_of_range"
    )["Metrics"]
    assert [{"Name": "MonitoringSchedule", "Value": unique}] in [found["Dimensions"] for found in metric]
    work.sagemaker.delete_monitoring_schedule(MonitoringScheduleName=unique)
    work.sagemaker.delete_endpoint(EndpointName=unique)
