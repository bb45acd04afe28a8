"""Schedules over captured transform jobs end to end with boto3, and what bad input of a monitor is answered."""

import json
import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import ROLE, Server, eventually

REGISTRY = "156813124566.dkr.ecr.us-east-1.amazonaws.com"
ANALYZER = f"{REGISTRY}/sagemaker-model-monitor-analyzer"
ENDED = {"Completed", "CompletedWithViolations", "Failed", "Stopped"}
CSV: dict[str, Any] = {"Csv": {"Header": True}}
CONSTRAINTS = {
    "version": 0.0,
    "features": [
        {"name": "age", "inferred_type": "Integral", "completeness": 1.0},
        {"name": "plan", "inferred_type": "String", "completeness": 1.0},
    ],
}
QUALITY = {
    "version": 0.0,
    "regression_constraints": {"mae": {"threshold": 0.5, "comparison_operator": "GreaterThanThreshold"}},
}


class Batches:
    """Captures of transform jobs, and schedules that watch them, in a bucket of the module."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.sagemaker, self.s3 = server.client("sagemaker"), server.client("s3")
        self.bucket = f"batches-{os.urandom(6).hex()}"
        self.s3.create_bucket(Bucket=self.bucket)

    def put(self, key: str, body: Any) -> str:
        content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body)
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return f"s3://{self.bucket}/{key}"

    def time(self) -> datetime:
        return datetime.fromtimestamp(self.server.get("/_sageyard/clock")["epoch"], UTC)

    def capture(self, name: str, side: str, body: Any, file: str = "data.csv") -> None:
        """A captured object of the current hour, as a transform job lists it."""
        self.put(f"{name}/{side}/{file}", body)
        manifest = [{"prefix": f"s3://{self.bucket}/{name}/{side}/"}, file]
        self.put(f"{name}/captured/{side}/{self.time():%Y/%m/%d/%H}/job.manifest", manifest)

    def labels(self, name: str, labels: dict[str, str]) -> None:
        lines = [
            json.dumps({
                "groundTruthData": {"data": data, "encoding": "CSV"}, "eventMetadata": {"eventId": event},
                "eventVersion": "0",
            })
            for event, data in labels.items()
        ]  # fmt: skip
        self.put(f"{name}/labels/{self.time():%Y/%m/%d/%H}/labels.jsonl", "\n".join(lines))

    def watch(self, name: str, kind: str, constraints: str, form: dict[str, Any] = CSV) -> dict[str, Any]:
        """Run a schedule of one execution now; the execution, ended."""
        data = {
            "DataCapturedDestinationS3Uri": f"s3://{self.bucket}/{name}/captured",
            "DatasetFormat": form,
            "LocalPath": "/opt/ml/processing/input",
            "InferenceAttribute": "0",
        }
        given: dict[str, Any] = {"BatchTransformInput": data}
        application = {"ImageUri": ANALYZER, "Environment": {"publish_cloudwatch_metrics": "Enabled"}}
        if kind == "ModelQuality":
            given["GroundTruthS3Input"] = {"S3Uri": f"s3://{self.bucket}/{name}/labels"}
            application["ProblemType"] = "Regression"
        output = {"S3Uri": f"s3://{self.bucket}/{name}/reports", "LocalPath": "/opt/ml/processing/output"}
        request = {
            "JobDefinitionName": name,
            f"{kind}AppSpecification": application,
            f"{kind}BaselineConfig": {"ConstraintsResource": {"S3Uri": constraints}},
            f"{kind}JobInput": given,
            f"{kind}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": output}]},
            "JobResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
            },
            "RoleArn": ROLE,
        }
        operation = "data_quality" if kind == "DataQuality" else "model_quality"
        getattr(self.sagemaker, f"create_{operation}_job_definition")(**request)
        timing = {"DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT0H", "ScheduleExpression": "NOW"}
        self.sagemaker.create_monitoring_schedule(
            MonitoringScheduleName=name,
            MonitoringScheduleConfig={
                "MonitoringJobDefinitionName": name, "MonitoringType": kind, "ScheduleConfig": timing,
            },
        )  # fmt: skip

        def ended() -> Any:
            found = self.sagemaker.list_monitoring_executions(MonitoringScheduleName=name)
            return [one for one in found["MonitoringExecutionSummaries"] if one["MonitoringExecutionStatus"] in ENDED]

        execution: dict[str, Any] = eventually(ended, 60, "the execution's end")[0]
        self.sagemaker.delete_monitoring_schedule(MonitoringScheduleName=name)
        return execution

    def report(self, name: str, file: str) -> Any:
        """A document of the only report under the schedule's prefix."""
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"{name}/reports/{name}/")["Contents"]
        [key] = [entry["Key"] for entry in listed if entry["Key"].endswith(f"/{file}.json")]
        return json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())


@pytest.fixture(scope="module")
def batches(server: Server) -> Batches:
    return Batches(server)


def _parquet(folder: Path) -> bytes:
    path = folder / "data.parquet"
    duckdb.sql("SELECT range AS age, 'pro' AS plan FROM range(20)").write_parquet(str(path))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (CSV, lambda folder: "age,plan\n" + "30,pro\n" * 20),
        ({"Json": {"Line": True}}, lambda folder: '{"age": 30, "plan": "pro"}\n' * 20),
        ({"Parquet": {}}, _parquet),
    ],
    ids=["csv", "json", "parquet"],
)
def test_inputs_in_every_format_are_judged_by_the_baseline(
    batches: Batches, unique: str, tmp_path: Path, form: dict[str, Any], body: Callable[[Path], Any]
) -> None:
    batches.capture(unique, "input", body(tmp_path), "data.parquet" if "Parquet" in form else "data.txt")
    execution = batches.watch(unique, "DataQuality", batches.put(f"{unique}/constraints.json", CONSTRAINTS), form)
    assert execution["MonitoringExecutionStatus"] == "Completed", execution
    assert "EndpointName" not in execution
    assert batches.report(unique, "statistics")["dataset"]["item_count"] == 20
    assert [feature["name"] for feature in batches.report(unique, "statistics")["features"]] == ["age", "plan"]
    metrics = batches.server.client("cloudwatch").list_metrics(
        Namespace="aws/sagemaker/ModelMonitoring/data-metrics",
        Dimensions=[{"Name": "MonitoringSchedule", "Value": unique}],
    )["Metrics"]
    assert "feature_non_null_plan" in {metric["MetricName"] for metric in metrics}
    assert {len(metric["Dimensions"]) for metric in metrics} == {1}


def test_outputs_in_json_are_scored_by_their_labels(batches: Batches, unique: str) -> None:
    ids = [str(uuid.uuid4()) for _ in range(4)]
    started = f"{batches.time():%Y-%m-%dT%H:%M:%SZ}"
    outputs = [
        json.dumps({"0": number, "SageMakerInferenceId": ids[number], "SageMakerInferenceTime": started})
        for number in range(4)
    ]
    batches.capture(unique, "output", "\n".join(outputs), "data.json.out")
    batches.labels(unique, {ids[0]: "0", ids[1]: "3", "another": "5"})
    constraints = batches.put(f"{unique}/constraints.json", QUALITY)
    execution = batches.watch(unique, "ModelQuality", constraints, {"Json": {"Line": True}})
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    assert batches.report(unique, "statistics")["regression_metrics"]["mae"]["value"] == 1
    assert batches.report(unique, "constraint_violations")["violations"][0]["metric_name"] == "mae"


def test_a_schedule_without_captures_says_where_it_looked_and_what_to_do(batches: Batches, unique: str) -> None:
    execution = batches.watch(unique, "DataQuality", batches.put(f"{unique}/constraints.json", CONSTRAINTS))
    assert execution["MonitoringExecutionStatus"] == "Failed"
    assert (
        f"no captures of a transform job under s3://{batches.bucket}/{unique}/captured/input/ in the hours"
        in (execution["FailureReason"])
    )
    assert "Run transform jobs in those hours with a DataCaptureConfig" in execution["FailureReason"]


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("0.5,one,{time}\n", ["ids such as 'one'", "ids such as 'two'", "SageMakerInferenceId of a transform job's"]),
        ("0.5\n", ["has no inference id", "GenerateInferenceId true"]),
    ],
    ids=["other ids", "no ids"],
)
def test_ground_truth_without_matches_names_ids_of_both_sides_and_the_way_out(
    batches: Batches, unique: str, output: str, says: list[str]
) -> None:
    batches.capture(unique, "output", output.format(time=f"{batches.time():%Y-%m-%dT%H:%M:%SZ}"), "data.csv.out")
    batches.labels(unique, {"two": "1"})
    constraints = batches.put(f"{unique}/constraints.json", QUALITY)
    execution = batches.watch(unique, "ModelQuality", constraints, {"Csv": {"Header": False}})
    assert execution["MonitoringExecutionStatus"] == "Failed"
    assert [part for part in says if part not in execution["FailureReason"]] == []


@pytest.mark.parametrize(
    ("constraints", "status", "says"),
    [
        (
            CONSTRAINTS | {"features": [{"name": "height", "inferred_type": "Fractional", "completeness": 1.0}]},
            "Failed",
            ["none of the baseline's columns. It has age, plan; the baseline has height", "Build the baseline from"],
        ),
        (QUALITY, "Failed", ["has no list of features; give the file that a data quality baseline wrote"]),
        (None, "Failed", ["/missing/constraints.json"]),
        (
            CONSTRAINTS | {"features": [*CONSTRAINTS["features"][:1], {"name": "height"}]},  # type: ignore[index]
            "CompletedWithViolations",
            ["missing columns in current dataset: height.", "extra columns in current dataset: plan."],
        ),
    ],
    ids=["all columns", "another kind", "no such object", "some columns"],
)
def test_a_baseline_of_other_columns_is_named_and_so_is_the_way_out(
    batches: Batches, unique: str, constraints: dict[str, Any] | None, status: str, says: list[str]
) -> None:
    batches.capture(unique, "input", "age,plan\n30,pro\n")
    uri = f"s3://{batches.bucket}/missing/constraints.json"
    if constraints is not None:
        uri = batches.put(f"{unique}/constraints.json", constraints)
    execution = batches.watch(unique, "DataQuality", uri)
    assert execution["MonitoringExecutionStatus"] == status, execution
    if status == "Failed":
        told = execution["FailureReason"]
    else:
        found = batches.report(unique, "constraint_violations")["violations"]
        told = " ".join(violation["description"] for violation in found)
    assert [part for part in says if part not in told] == [], told
