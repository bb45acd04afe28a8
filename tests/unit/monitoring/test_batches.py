"""Schedules over what transform jobs have captured: which manifests are read, and what the jobs get."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from .server import Server, definition, schedule, until

Drive = Callable[..., None]


def batch(**more: Any) -> dict[str, Any]:
    """A BatchTransformInput as SDK v2 makes it."""
    return {
        "DataCapturedDestinationS3Uri": "s3://bucket/batch/",
        "LocalPath": "/opt/ml/processing/input",
        "DatasetFormat": {"Csv": {"Header": False}},
        "S3InputMode": "File",
        **more,
    }


def transformed(server: Server, hour: str, side: str, name: str, *keys: str) -> None:
    manifest = [{"prefix": f"s3://bucket/{side}/"}, *keys]
    server.bucket.keys[f"batch/{side}/{hour}/{name}.manifest"] = json.dumps(manifest).encode()


async def watched(server: Server, kind: str = "DataQuality", **more: Any) -> None:
    """A schedule `batches` of that type."""
    request: dict[str, Any] = {
        member.replace("DataQuality", kind): value for member, value in definition("batches").items()
    }
    request[f"{kind}JobInput"] = {"BatchTransformInput": batch(**more)}
    if kind == "ModelQuality":
        request["ModelQualityBaselineConfig"] = {"ConstraintsResource": {"S3Uri": "s3://bucket/baseline/c.json"}}
        request["ModelQualityAppSpecification"] |= {"ProblemType": "BinaryClassification"}
        request["ModelQualityJobInput"] |= {"GroundTruthS3Input": {"S3Uri": "s3://bucket/labels"}}
    await server.call(f"Create{kind}JobDefinition", **request)
    wanted = schedule("batches")
    wanted["MonitoringScheduleConfig"] |= {"MonitoringJobDefinitionName": "batches", "MonitoringType": kind}
    await server.call("CreateMonitoringSchedule", **wanted)
    await until(lambda: server.status("batches"))


def test_the_manifests_of_the_window_are_joined_and_the_job_reads_their_inputs(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        await watched(server, ExcludeFeaturesAttribute="0,age")
        transformed(server, "2026/11/21/07", "input", "early", "early.csv")
        transformed(server, "2026/11/21/08", "input", "one", "a.csv", "deep/b.csv")
        transformed(server, "2026/11/21/08", "input", "two", "c.csv", "a.csv")
        transformed(server, "2026/11/21/08", "output", "one", "a.csv.out")
        server.move_to("2026-11-21 09:00:02")
        [execution] = await server.ended()
        assert execution["MonitoringExecutionStatus"] == "Completed"
        assert "EndpointName" not in execution
        [job] = server.jobs.requests
        name = job["ProcessingJobName"]
        manifest = f"manifests/{name}-input-bucket.manifest"
        assert job["ProcessingInputs"][0] == {
            "InputName": "batch_transform_input_1",
            "S3Input": {
                "S3Uri": f"s3://bucket/reports/{manifest}",
                "LocalPath": "/opt/ml/processing/input/bucket",
                "S3DataType": "ManifestFile",
                "S3InputMode": "File",
                "S3DataDistributionType": "FullyReplicated",
                "S3CompressionType": "None",
            },
        }
        listed = json.loads(server.bucket.keys[f"reports/{manifest}"])
        assert listed == [{"prefix": "s3://bucket/"}, "input/a.csv", "input/deep/b.csv", "input/c.csv"]
        environment = job["Environment"]
        assert environment["dataset_format"] == '{"csv":{"header":false}}'
        assert environment["dataset_source"] == "/opt/ml/processing/input"
        assert environment["exclude_features_attribute"] == "0,age"
        assert environment["sagemaker_monitoring_schedule_name"] == "batches"
        assert not [variable for variable in environment if variable.startswith("sagemaker_endpoint")]
        output = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]
        assert output["S3Uri"] == "s3://bucket/reports/batches/2026/11/21/09"
        assert server.flushed == []

    drive(scenario)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"Json": {"Line": True}}, '{"json":{"line":true}}'),
        ({"Parquet": {}}, '{"parquet":{}}'),
        ({"Csv": {}}, '{"csv":{}}'),
    ],
)
def test_the_dataset_format_is_told_as_a_container_of_ones_own_reads_it(
    drive: Drive, given: dict[str, Any], told: str
) -> None:
    async def scenario(server: Server) -> None:
        await watched(server, DatasetFormat=given, LocalPath="opt/ml/processing/input", S3InputMode="Pipe")
        transformed(server, "2026/11/21/08", "input", "one", "a")
        await server.schedules.run_now("batches", "us-east-1")
        await server.ended()
        environment = server.jobs.requests[0]["Environment"]
        assert (environment["dataset_format"], environment["dataset_source"]) == (told, "/opt/ml/processing/input")

    drive(scenario)


def test_offsets_move_the_window_over_the_hours_in_which_jobs_started(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        await watched(server, StartTimeOffset="-PT3H", EndTimeOffset="-PT1H")
        for hour in ("05", "06", "07", "08"):
            transformed(server, f"2026/11/21/{hour}", "input", "one", f"{hour}.csv")
        server.move_to("2026-11-21 09:00:02")
        await server.ended()
        [job] = server.jobs.requests
        listed = json.loads(server.bucket.keys[f"reports/manifests/{job['ProcessingJobName']}-input-bucket.manifest"])
        assert listed[1:] == ["input/06.csv", "input/07.csv"]
        window = (job["Environment"]["start_time"], job["Environment"]["end_time"])
        assert window == ("2026-11-21T06:00:00Z", "2026-11-21T08:00:00Z")

    drive(scenario)


def test_ground_truth_is_joined_with_the_outputs(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        await watched(server, "ModelQuality", ProbabilityAttribute="0", ProbabilityThresholdAttribute=0.4)
        transformed(server, "2026/11/21/08", "output", "one", "a.csv.out")
        server.bucket.keys["labels/2026/11/21/09/labels.jsonl"] = b"{}"
        server.bucket.keys["reports/merge/batches/2026/11/21/08/part-00000-x.c000.jsonl"] = b"{}"
        server.move_to("2026-11-21 09:00:02")
        [execution] = await server.ended()
        assert execution["MonitoringExecutionStatus"] == "Completed", execution
        merge, analysis = server.jobs.requests
        assert merge["ProcessingJobName"].startswith("groundtruth-merge-202611210900-")
        manifest = f"manifests/{merge['ProcessingJobName']}-output-bucket.manifest"
        assert {entry["InputName"]: entry["S3Input"]["S3Uri"] for entry in merge["ProcessingInputs"]} == {
            "groundtruth_input_1": "s3://bucket/labels/2026/11/21/09",
            "batch_transform_input_1": f"s3://bucket/reports/{manifest}",
        }
        assert merge["Environment"]["dataset_format"] == '{"csv":{"header":false}}'
        merged = "s3://bucket/reports/merge/batches"
        assert merge["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] == merged
        inputs = {entry["InputName"]: entry["S3Input"] for entry in analysis["ProcessingInputs"]}
        assert inputs["batch_transform_input_1"]["S3Uri"] == f"{merged}/2026/11/21/08"
        assert inputs["batch_transform_input_1"]["LocalPath"] == "/opt/ml/processing/input/2026/11/21/08"
        environment = analysis["Environment"]
        wanted = '{"sagemakerMergeJson":{"captureIndexNames":["batchTransformOutput"]}}'
        assert environment["dataset_format"] == wanted
        assert environment["probability_threshold_attribute"] == "0.4"

    drive(scenario)


def test_without_captures_and_with_a_broken_manifest_the_reason_says_what_was_read_and_the_way_out(
    drive: Drive,
) -> None:
    async def scenario(server: Server) -> None:
        await watched(server)
        server.move_to("2026-11-21 09:00:02")
        [execution] = await server.ended()
        assert execution["MonitoringExecutionStatus"] == "Failed"
        reason = execution["FailureReason"]
        assert reason.startswith(
            "Job inputs had no data: no captures of a transform job under s3://bucket/batch/input/"
        )
        assert "2026/11/21/08 (UTC)" in reason
        assert "DataCaptureConfig whose DestinationS3Uri is s3://bucket/batch" in reason
        server.bucket.keys["batch/input/2026/11/21/09/data.csv"] = b"1,2,3"
        server.move_to("2026-11-21 10:00:02")
        [_, execution] = await server.ended(2)
        assert "s3://bucket/batch/input/2026/11/21/09/data.csv is no manifest" in execution["FailureReason"]
        assert "Keep other objects out" in execution["FailureReason"]
        assert server.jobs.requests == []

    drive(scenario)
