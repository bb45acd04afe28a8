"""Schedules of model bias and of feature attributions end to end with boto3: what they find, their alerts and reports,
and what an execution says that cannot judge."""

import io
import json
import os
import tarfile
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import ROLE, Server, eventually

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
CLARIFY = "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
ABOVE = """
def model_fn(folder):
    return None


def predict_fn(rows, model):
    return (rows[:, 1] > 50) * 0.9
"""
CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
ENDED = {"Completed", "CompletedWithViolations", "Failed", "Stopped"}
ROWS = [(sex, 40 + 2 * place + 8 * sex) for sex in (0, 1) for place in range(10)]
"""Sex and income: women (0) have less, and are approved above 50."""
BIAS = {
    "headers": ["approved", "sex", "income"],
    "label": "approved",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex", "value_or_threshold": [0]}],
}
SHAP = {"methods": {"shap": {"baseline": [[1, 45]], "num_samples": 10}}, "headers": ["sex", "income"]}
Watch = Callable[..., dict[str, Any]]


def constraints(**values: float) -> dict[str, Any]:
    """The baseline of a bias monitor, of some metrics."""
    metrics = [{"name": name, "description": name, "value": value} for name, value in values.items()]
    facets = {"sex": [{"value_or_threshold": "0", "metrics": metrics}]}
    return {"version": "1.0", "post_training_bias_metrics": {"label": "approved", "facets": facets}}


@pytest.fixture(scope="module")
def home(server: Server) -> str:
    """A bucket for the module."""
    name = f"clarify-{os.urandom(6).hex()}"
    server.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def endpoint(server: Server, home: str) -> Iterator[str]:
    """An endpoint that approves incomes above 50, and captures every call; it has had one with all ROWS."""
    sagemaker = server.client("sagemaker")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo("code/work.py")
        info.size = len(ABOVE)
        tar.addfile(info, io.BytesIO(ABOVE.encode()))
    server.client("s3").put_object(Bucket=home, Key="model.tar.gz", Body=buffer.getvalue())
    container = {
        "Image": f"{REGISTRY}/sagemaker-scikit-learn:1.2-1-cpu-py3",
        "ModelDataUrl": f"s3://{home}/model.tar.gz",
        "Environment": {"SAGEMAKER_PROGRAM": "work.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
    }
    sagemaker.create_model(ModelName=home, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "one", "ModelName": home, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
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
    assert sagemaker.describe_endpoint(EndpointName=home)["EndpointStatus"] == "InService"
    server.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=home,
        ContentType="text/csv",
        Accept="text/csv",
        InferenceId="call",
        Body="\n".join(f"{sex},{income}" for sex, income in ROWS),
    )
    yield home
    sagemaker.delete_endpoint(EndpointName=home)


@pytest.fixture
def watch(server: Server, endpoint: str, home: str, unique: str) -> Iterator[Watch]:
    """Runs a schedule of one analysis over the last hour; its execution, ended."""
    sagemaker, s3 = server.client("sagemaker"), server.client("s3")
    kinds = {"ModelBias": "model_bias", "ModelExplainability": "model_explainability"}

    def run(
        kind: str, config: dict[str, Any], baseline: dict[str, Any] | None = None, event: str = "call"
    ) -> dict[str, Any]:
        s3.put_object(Bucket=home, Key=f"{unique}/analysis_config.json", Body=json.dumps(config).encode())
        given = {"EndpointInput": {"EndpointName": endpoint, "LocalPath": "/opt/ml/processing/input/endpoint"}}
        if kind == "ModelBias":
            truth = {"data": "\n".join(str(int(income > 46)) for _, income in ROWS), "encoding": "CSV"}
            line = {"groundTruthData": truth, "eventMetadata": {"eventId": event}, "eventVersion": "0"}
            now = f"{datetime.fromtimestamp(server.get('/_sageyard/clock')['epoch'], UTC):%Y/%m/%d/%H}"
            s3.put_object(Bucket=home, Key=f"{unique}/labels/{now}/0.jsonl", Body=json.dumps(line).encode())
            given["GroundTruthS3Input"] = {"S3Uri": f"s3://{home}/{unique}/labels"}
        request: dict[str, Any] = {
            "JobDefinitionName": unique,
            f"{kind}AppSpecification": {
                "ImageUri": CLARIFY,
                "ConfigUri": f"s3://{home}/{unique}/analysis_config.json",
                "Environment": {"publish_cloudwatch_metrics": "Disabled"},
            },
            f"{kind}JobInput": given,
            f"{kind}JobOutputConfig": {
                "MonitoringOutputs": [
                    {"S3Output": {"S3Uri": f"s3://{home}/{unique}/out", "LocalPath": "/opt/ml/processing/output"}}
                ]
            },
            "JobResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 1800},
            "RoleArn": ROLE,
        }
        if baseline is not None:
            s3.put_object(Bucket=home, Key=f"{unique}/analysis.json", Body=json.dumps(baseline).encode())
            uri = f"s3://{home}/{unique}/analysis.json"
            request[f"{kind}BaselineConfig"] = {"ConstraintsResource": {"S3Uri": uri}}
        getattr(sagemaker, f"create_{kinds[kind]}_job_definition")(**request)
        timing = {"DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT0H", "ScheduleExpression": "NOW"}
        sagemaker.create_monitoring_schedule(
            MonitoringScheduleName=unique,
            MonitoringScheduleConfig={
                "MonitoringJobDefinitionName": unique,
                "MonitoringType": kind,
                "ScheduleConfig": timing,
            },
        )

        def ended() -> dict[str, Any] | None:
            found = sagemaker.list_monitoring_executions(MonitoringScheduleName=unique)["MonitoringExecutionSummaries"]
            return found[0] if found and found[0]["MonitoringExecutionStatus"] in ENDED else None

        execution: dict[str, Any] = eventually(ended, 90)
        return execution

    yield run
    sagemaker.delete_monitoring_schedule(MonitoringScheduleName=unique)


def page(server: Server, path: str) -> str:
    with urllib.request.urlopen(server.url + path, timeout=10) as answer:
        return str(answer.read().decode())


def document(server: Server, execution: dict[str, Any], name: str) -> dict[str, Any]:
    job = server.client("sagemaker").describe_processing_job(
        ProcessingJobName=execution["ProcessingJobArn"].rpartition("/")[2]
    )
    bucket, _, key = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"][5:].partition("/")
    answer = server.client("s3").get_object(Bucket=bucket, Key=f"{key}/{name}")
    found: dict[str, Any] = json.loads(answer["Body"].read())
    return found


@pytest.mark.timeout(120)
def test_bias_beyond_the_baseline_is_listed_alerted_and_drawn(server: Server, watch: Watch, unique: str) -> None:
    sagemaker = server.client("sagemaker")
    made = sagemaker.list_model_bias_job_definitions(NameContains=unique)["JobDefinitionSummaries"]
    assert made == []
    execution = watch("ModelBias", BIAS, constraints(DPPL=0.01, AD=1.0))
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    (violation,) = document(server, execution, "constraint_violations.json")["violations"]
    assert (violation["facet"], violation["facet_value"], violation["metric_name"]) == ("sex", "0", "DPPL")
    assert violation["description"] == "Metric value 0.4 doesn't meet the baseline constraint requirement 0.01"
    (alert,) = sagemaker.list_monitoring_alerts(MonitoringScheduleName=unique)["MonitoringAlertSummaries"]
    assert alert["AlertStatus"] == "InAlert"
    html = page(server, f"/_sageyard/monitoring/{unique}/latest?region=us-east-1")
    assert "DPPL sex 0" in html and "Bias of the predictions" in html and "✗ violated" in html
    (made,) = sagemaker.list_model_bias_job_definitions(NameContains=unique)["JobDefinitionSummaries"]
    assert made["MonitoringJobDefinitionName"] == unique
    merge = execution["ProcessingJobArn"].rpartition("/")[2].replace("model-bias-monitoring", "groundtruth-merge")
    job = sagemaker.describe_processing_job(ProcessingJobName=merge)
    assert job["ExitMessage"].startswith("Completed: 1 of 1 captured calls have a label")


@pytest.mark.timeout(120)
def test_attributions_are_computed_and_drawn_and_need_no_labels(
    server: Server, watch: Watch, home: str, unique: str
) -> None:
    shap = {"label0": {"global_shap_values": {"sex": 0.5, "income": 0.01}, "expected_value": 0.0}}
    predictor = {"model_name": home, "instance_type": "ml.m5.large", "initial_instance_count": 1}
    execution = watch(
        "ModelExplainability",
        SHAP | {"predictor": predictor | {"accept_type": "text/csv"}},
        {"version": "1.0", "explanations": {"kernel_shap": shap}},
    )
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    (violation,) = document(server, execution, "constraint_violations.json")["violations"]
    assert violation["constraint_check_type"] == "feature_attribution_drift_check"
    found = document(server, execution, "analysis.json")["explanations"]["kernel_shap"]["label0"]
    assert found["global_shap_values"]["sex"] == pytest.approx(0)
    assert found["global_shap_values"]["income"] == pytest.approx(0.9 * sum(income > 50 for _, income in ROWS) / 20)
    html = page(server, f"/_sageyard/monitoring/{unique}/latest?region=us-east-1")
    assert "Feature attributions" in html and "nDCG" in html
    left = server.client("sagemaker").list_endpoints(NameContains="sm-clarify")["Endpoints"]
    assert left == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("change", "baseline", "event", "words"),
    [
        ({}, None, "another", "No ground truth matches: 1 captured calls, with ids such as 'call'"),
        ({"headers": ["approved", "sex"]}, None, "call", "have 2 features, but headers of analysis_config"),
        ({"facet": [{"name_or_index": "race"}]}, None, "call", "is 'race', but the dataset has no such"),
        ({}, {"features": []}, "call", "are no analysis.json"),
    ],
)
def test_what_cannot_be_judged_is_named(
    watch: Watch, change: dict[str, Any], baseline: dict[str, Any] | None, event: str, words: str
) -> None:
    execution = watch("ModelBias", BIAS | change, baseline, event)
    assert execution["MonitoringExecutionStatus"] == "Failed"
    assert words in execution["FailureReason"]
