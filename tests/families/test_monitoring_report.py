"""A data quality schedule end to end with boto3: drift tests asked for, and a report in S3 and at the server's URL."""

import io
import json
import os
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.conftest import ROLE, Server, eventually

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
HOSTILE = "<img src=x onerror=alert(1)>"
ECHO = """
def model_fn(folder):
    return None


def predict_fn(rows, model):
    return rows[:, 0]
"""
CLUSTER = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}}
ENDED = {"Completed", "CompletedWithViolations", "Failed", "Stopped"}


@dataclass
class Watched:
    """An endpoint that is monitored by a schedule of the same name, whose executions are run on demand."""

    server: Server
    name: str

    def execute(self) -> dict[str, Any]:
        """Run the schedule now; its execution, ended."""
        sagemaker = self.server.client("sagemaker")
        answer = self.server.post(f"/_sageyard/monitoring-schedules/{self.name}/run")
        run = answer["MonitoringExecution"]
        page = f"{self.server.url}/_sageyard/monitoring/{self.name}/{run}?region=us-east-1"
        assert answer["Report"] == page

        def ended() -> Any:
            found = sagemaker.list_monitoring_executions(MonitoringScheduleName=self.name)
            return [
                one
                for one in found["MonitoringExecutionSummaries"]
                if one["MonitoringExecutionStatus"] in ENDED and one.get("ProcessingJobArn", "").endswith(run)
            ]

        execution: dict[str, Any] = eventually(ended, 60, "the execution's end")[0]
        return execution

    def page(self, path: str) -> tuple[str, Any]:
        with urllib.request.urlopen(f"{self.server.url}/_sageyard/monitoring{path}", timeout=10) as answer:
            return answer.read().decode(), answer.headers


@pytest.fixture(scope="module")
def watched(server: Server) -> Iterator[Watched]:
    """A baseline of two columns, ages around 30 to 49, and an endpoint that was sent ages around 60."""
    sagemaker, s3 = server.client("sagemaker"), server.client("s3")
    home = f"report-{os.urandom(6).hex()}"
    s3.create_bucket(Bucket=home)
    lines = [f"age,{HOSTILE}", *(f"{30 + i % 20},{i % 7}" for i in range(400))]
    s3.put_object(Bucket=home, Key="baseline/data.csv", Body="\n".join(lines).encode())
    _baseline(sagemaker, home)
    job = eventually(lambda: _ended(sagemaker, home), 60, "the baseline")
    assert job["ProcessingJobStatus"] == "Completed", job
    constraints = json.load(s3.get_object(Bucket=home, Key="results/constraints.json")["Body"])
    constraints["monitoring_config"]["distribution_constraints"]["sageyard_drift_tests"] = [{"test": "wasserstein"}]
    s3.put_object(Bucket=home, Key="results/constraints.json", Body=json.dumps(constraints).encode())
    _endpoint(server, home)
    body = "\n".join(f"{60 + i % 20},{i % 7}" for i in range(300))
    server.client("sagemaker-runtime").invoke_endpoint(EndpointName=home, ContentType="text/csv", Body=body)
    _schedule(sagemaker, home)
    yield Watched(server, home)
    sagemaker.delete_monitoring_schedule(MonitoringScheduleName=home)
    sagemaker.delete_endpoint(EndpointName=home)


def _baseline(sagemaker: Any, home: str) -> None:
    sagemaker.create_processing_job(
        ProcessingJobName=home,
        AppSpecification={"ImageUri": ANALYZER},
        ProcessingInputs=[
            {
                "InputName": "baseline_dataset_input",
                "S3Input": {
                    "S3Uri": f"s3://{home}/baseline",
                    "LocalPath": "/opt/ml/processing/input/baseline_dataset_input",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "monitoring_output",
                    "S3Output": {
                        "S3Uri": f"s3://{home}/results",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        Environment={
            "dataset_format": '{"csv":{"header":true}}',
            "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
            "output_path": "/opt/ml/processing/output",
            "publish_cloudwatch_metrics": "Disabled",
        },
        ProcessingResources=CLUSTER,
        RoleArn=ROLE,
    )


def _ended(sagemaker: Any, job: str) -> Any:
    described = sagemaker.describe_processing_job(ProcessingJobName=job)
    return described if described["ProcessingJobStatus"] in ENDED else None


def _endpoint(server: Server, home: str) -> None:
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
        "CaptureOptions": [{"CaptureMode": "Input"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
    }
    sagemaker.create_endpoint_config(EndpointConfigName=home, ProductionVariants=[variant], DataCaptureConfig=capture)
    sagemaker.create_endpoint(EndpointName=home, EndpointConfigName=home)
    eventually(lambda: sagemaker.describe_endpoint(EndpointName=home)["EndpointStatus"] != "Creating", 60)
    assert sagemaker.describe_endpoint(EndpointName=home)["EndpointStatus"] == "InService"


def _schedule(sagemaker: Any, home: str) -> None:
    sagemaker.create_data_quality_job_definition(
        JobDefinitionName=home,
        DataQualityBaselineConfig={"BaseliningJobName": home},
        DataQualityAppSpecification={
            "ImageUri": ANALYZER,
            "Environment": {"publish_cloudwatch_metrics": "Enabled"},
        },
        DataQualityJobInput={
            "EndpointInput": {"EndpointName": home, "LocalPath": "/opt/ml/processing/input/endpoint"}
        },
        DataQualityJobOutputConfig={
            "MonitoringOutputs": [
                {"S3Output": {"S3Uri": f"s3://{home}/out", "LocalPath": "/opt/ml/processing/output"}}
            ]
        },
        JobResources=CLUSTER,
        RoleArn=ROLE,
    )  # fmt: skip
    sagemaker.create_monitoring_schedule(
        MonitoringScheduleName=home,
        MonitoringScheduleConfig={
            "MonitoringJobDefinitionName": home,
            "MonitoringType": "DataQuality",
            "ScheduleConfig": {"ScheduleExpression": "cron(0 0 ? * * *)"},
        },
    )


def test_an_execution_with_violations_has_its_report_in_s3_and_at_the_url(server: Server, watched: Watched) -> None:
    sagemaker, s3 = server.client("sagemaker"), server.client("s3")
    execution = watched.execute()
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    name = execution["ProcessingJobArn"].rpartition("/")[2]
    job = sagemaker.describe_processing_job(ProcessingJobName=name)
    prefix = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].removeprefix(f"s3://{watched.name}/")
    kept = s3.get_object(Bucket=watched.name, Key=f"{prefix}/report.html")
    assert kept["ContentType"] == "text/html; charset=utf-8"
    stored = kept["Body"].read().decode()
    shown, headers = watched.page(f"/{watched.name}/{name}")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert shown == stored == watched.page(f"/{watched.name}/latest")[0]
    tree = ElementTree.fromstring(stored.partition("\n")[2])
    assert "".join(tree.find(".//h1").itertext()) == "age broke its constraints"  # type: ignore[union-attr]
    assert [one.text for one in tree.iter("h3")] == ["age", HOSTILE]
    text = "".join(tree.itertext())
    assert "Baseline drift distance" in text and "Wasserstein of feature age: 5.2" in text
    assert not list(tree.iter("img"))
    assert "Distribution of age now against the baseline" in text

    second = watched.execute()
    assert second["MonitoringExecutionStatus"] == "CompletedWithViolations", second
    again = ElementTree.fromstring(watched.page(f"/{watched.name}/latest")[0].partition("\n")[2])
    totals = again.findall(".//table[@class='times']/tbody/tr")[0]
    assert [cell[0].text for cell in totals[1:]] == ["2", "2"]  # AWS's distance and Wasserstein's, twice
    assert totals[1][0].attrib["href"] == f"{server.url}/_sageyard/monitoring/{watched.name}/{name}?region=us-east-1"

    listed = server.client("cloudwatch").list_metrics(
        Namespace="aws/sagemaker/Endpoints/data-metrics",
        MetricName="feature_wasserstein_age",
        Dimensions=[{"Name": "MonitoringSchedule", "Value": watched.name}],
    )
    assert listed["Metrics"]


def test_the_command_line_writes_the_report_to_a_file(server: Server, watched: Watched) -> None:
    def command(*arguments: str) -> Any:
        line = [sys.executable, "-m", "sageyard", "monitor", "report", *arguments, "--state-dir", str(server.state_dir)]
        return subprocess.run(line, capture_output=True, timeout=30, check=False)

    watched.execute()
    assert command(watched.name).stdout.decode() == watched.page(f"/{watched.name}/latest")[0]
    refused = command(watched.name, "nothing")
    assert refused.returncode == 1
    assert b"has no execution 'nothing'" in refused.stderr


def test_lists_lead_to_the_reports_and_what_is_not_there_is_named(server: Server, watched: Watched) -> None:
    home, _ = watched.page("")
    assert f"/_sageyard/monitoring/{watched.name}?region=us-east-1" in home
    schedule, _ = watched.page(f"/{watched.name}")
    assert f"<h1>{watched.name}</h1>" in schedule
    for path, words in ((f"/{watched.name}/nothing", "no execution 'nothing'"), ("/nobody", "nobody")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            watched.page(path)
        assert refused.value.code == 404
        assert words in refused.value.read().decode()
