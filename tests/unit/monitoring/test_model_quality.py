"""Model quality executions: the merge job, the analysis job after it, and what goes wrong between them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .server import CAPTURES, VIOLATIONS, Server, at, definition, schedule, until

Drive = Callable[..., None]
NO_MATCH = "AlgorithmError: Error: No ground truth matches, exit code: 1"


async def watched(server: Server, *, merged: str | None = "2026/11/21/08", **data: Any) -> None:
    """A schedule `labelled` whose merge leaves the merged calls of an hour behind."""
    request: dict[str, Any] = {
        member.replace("DataQuality", "ModelQuality"): value for member, value in definition("labels").items()
    }
    request["ModelQualityBaselineConfig"] = {"ConstraintsResource": {"S3Uri": "s3://bucket/baseline/constraints.json"}}
    request["ModelQualityAppSpecification"] |= {"ProblemType": "BinaryClassification"}
    request["ModelQualityJobInput"]["EndpointInput"] |= data
    request["ModelQualityJobInput"] |= {"GroundTruthS3Input": {"S3Uri": "s3://bucket/labels/"}}
    await server.call("CreateModelQualityJobDefinition", **request)
    wanted = schedule("labelled")
    wanted["MonitoringScheduleConfig"] |= {"MonitoringJobDefinitionName": "labels", "MonitoringType": "ModelQuality"}
    await server.call("CreateMonitoringSchedule", **wanted)
    await until(lambda: server.status("labelled"))
    if merged is not None:
        server.bucket.keys[f"reports/merge/churn/AllTraffic/{merged}/part-00000-x.c000.jsonl"] = b"{}"


def label(server: Server, hour: str) -> None:
    server.bucket.keys[f"labels/{hour}/labels.jsonl"] = b"{}"


def inputs(job: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {
        entry["InputName"]: (entry["S3Input"]["S3Uri"], entry["S3Input"]["LocalPath"])
        for entry in job["ProcessingInputs"]
    }


def test_a_merge_job_comes_first_and_the_analysis_reads_what_it_wrote(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/08")
        label(server, "2026/11/21/08")
        await watched(server, ProbabilityAttribute="0", ProbabilityThresholdAttribute=0.8)
        server.move_to("2026-11-21 09:00:02")
        [execution] = await server.ended()
        assert execution["MonitoringExecutionStatus"] == "Completed"
        assert execution["MonitoringType"] == "ModelQuality"
        merge, analysis = server.jobs.requests
        digest = merge["ProcessingJobName"].removeprefix("groundtruth-merge-202611210900-")
        assert len(digest) == 24
        assert analysis["ProcessingJobName"] == f"model-quality-monitoring-202611210900-{digest}"
        assert execution["ProcessingJobArn"].endswith(f"/{analysis['ProcessingJobName']}")
        assert merge["AppSpecification"]["ImageUri"].endswith(".com/sagemaker-model-monitor-groundtruth-merger")
        assert merge["Environment"] == {
            "dataset_source": "/opt/ml/processing/input_data",
            "ground_truth_source": "/opt/ml/processing/groundtruth",
            "output_path": "/opt/ml/processing/output",
            "start_time": "2026-11-21T08:00:00Z",
            "end_time": "2026-11-21T09:00:00Z",
        }
        assert inputs(merge) == {
            "groundtruth_input_1": (
                "s3://bucket/labels/2026/11/21/08",
                "/opt/ml/processing/groundtruth/2026/11/21/08",
            ),
            "endpoint_input_1": (
                f"{CAPTURES}/churn/AllTraffic/2026/11/21/08",
                "/opt/ml/processing/input_data/churn/AllTraffic/2026/11/21/08",
            ),
        }
        output = {
            "S3Uri": "s3://bucket/reports/merge",
            "LocalPath": "/opt/ml/processing/output",
            "S3UploadMode": "EndOfJob",
        }
        assert merge["ProcessingOutputConfig"]["Outputs"] == [{"OutputName": "result", "S3Output": output}]
        assert inputs(analysis) == {
            "endpoint_input_1": (
                "s3://bucket/reports/merge/churn/AllTraffic/2026/11/21/08",
                "/opt/ml/processing/input/endpoint/churn/AllTraffic/2026/11/21/08",
            ),
            "constraints": ("s3://bucket/baseline/constraints.json", "/opt/ml/processing/baseline/constraints"),
        }
        report = analysis["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
        assert report == "s3://bucket/reports/churn/labelled/2026/11/21/09"
        environment = analysis["Environment"]
        assert environment["dataset_format"] == '{"sagemakerMergeJson":{"captureIndexNames":["endpointOutput"]}}'
        assert environment["analysis_type"] == "MODEL_QUALITY"
        assert environment["problem_type"] == "BinaryClassification"
        assert environment["probability_attribute"] == "0"
        assert environment["probability_threshold_attribute"] == "0.8"
        assert "inference_attribute" not in environment
        for job in (merge, analysis):
            described = await server.call("DescribeProcessingJob", ProcessingJobName=job["ProcessingJobName"])
            assert described["MonitoringScheduleArn"].endswith(":monitoring-schedule/labelled")

    drive(scenario)


def test_late_labels_are_read_from_the_windows_start_to_now(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/20/09")
        for hour in ("2026/11/20/08", "2026/11/20/12", "2026/11/21/07"):
            label(server, hour)
        await watched(server, merged="2026/11/20/09", StartTimeOffset="-P1D", EndTimeOffset="-PT23H")
        server.move_to("2026-11-21 09:00")
        await server.ended()
        merge, analysis = server.jobs.requests
        read = [uri for name, (uri, _) in inputs(merge).items() if name.startswith("groundtruth")]
        assert read == ["s3://bucket/labels/2026/11/20/12", "s3://bucket/labels/2026/11/21/07"]
        assert analysis["Environment"]["start_time"] == "2026-11-20T09:00:00Z"
        assert analysis["Environment"]["end_time"] == "2026-11-20T10:00:00Z"

    drive(scenario)


@pytest.mark.parametrize(("merging", "left"), [(600, 3000), (7200, 3600)], ids=["as it ran", "the clock was moved"])
def test_merge_and_analysis_share_the_runtime(drive: Drive, merging: int, left: int) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/08")
        label(server, "2026/11/21/08")
        await watched(server)
        start = at("2026-11-21 09:00")
        server.jobs.ends |= {"ProcessingStartTime": start, "ProcessingEndTime": start + merging}
        server.move_to("2026-11-21 09:00")
        await server.ended()
        limits = [job["StoppingCondition"]["MaxRuntimeInSeconds"] for job in server.jobs.requests]
        assert limits == [3600, left]

    drive(scenario)


def test_a_merge_that_fails_ends_the_execution_with_its_reason_and_no_analysis(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/08")
        label(server, "2026/11/21/08")
        await watched(server, merged=None)
        server.jobs.ends = {"status": "Failed", "FailureReason": NO_MATCH}
        server.move_to("2026-11-21 09:00")
        [execution] = await server.ended()
        assert execution["MonitoringExecutionStatus"] == "Failed"
        assert execution["FailureReason"] == NO_MATCH
        assert "/groundtruth-merge-202611210900-" in execution["ProcessingJobArn"]
        assert len(server.jobs.requests) == 1

    drive(scenario)


def test_without_labels_there_is_no_job_and_the_reason_says_where_they_belong(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/08")
        label(server, "2026/11/21/07")
        await watched(server)
        server.move_to("2026-11-21 09:00:02")
        [execution] = await server.ended()
        assert execution["MonitoringExecutionStatus"] == "Failed"
        reason = execution["FailureReason"]
        assert "no ground truth under s3://bucket/labels/ in the hours 2026/11/21/08 to 2026/11/21/09 (UTC)" in reason
        assert "StartTimeOffset and EndTimeOffset" in reason
        assert server.jobs.requests == []

    drive(scenario)


def test_an_inline_definition_has_no_ground_truth_and_is_told_so(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/08")
        inline = definition()
        config = {
            "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
            "MonitoringType": "ModelQuality",
            "MonitoringJobDefinition": {
                "MonitoringInputs": [inline["DataQualityJobInput"]],
                "MonitoringOutputConfig": inline["DataQualityJobOutputConfig"],
                "MonitoringResources": inline["JobResources"],
                "MonitoringAppSpecification": {"ImageUri": "own"},
                "RoleArn": inline["RoleArn"],
            },
        }
        await server.call("CreateMonitoringSchedule", MonitoringScheduleName="inline", MonitoringScheduleConfig=config)
        await until(lambda: server.status("inline"))
        server.move_to("2026-11-21 09:00")
        [execution] = await server.ended()
        assert "CreateModelQualityJobDefinition" in execution["FailureReason"]

    drive(scenario)


def test_a_schedule_deleted_during_the_merge_stops_it_and_starts_no_analysis(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/08")
        label(server, "2026/11/21/08")
        await watched(server)
        server.jobs.released.clear()
        server.move_to("2026-11-21 09:00")
        await until(lambda: server.jobs.requests)
        await server.call("DeleteMonitoringSchedule", MonitoringScheduleName="labelled")
        await until(lambda: server.jobs.stopped)
        await asyncio.sleep(0.02)
        assert server.jobs.stopped == [server.jobs.requests[0]["ProcessingJobName"]]
        assert len(server.jobs.requests) == 1

    drive(scenario)


def test_a_merge_under_way_is_followed_again_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with Server(tmp_path, at("2026-11-21 08:20")) as server:
            await server.endpoint()
            await server.definition()
            server.capture("2026/11/21/08")
            label(server, "2026/11/21/08")
            await watched(server)
            server.jobs.released.clear()
            server.move_to("2026-11-21 09:00")
            await until(lambda: server.jobs.requests)
        async with Server(tmp_path, at("2026-11-21 09:05")) as again:
            again.bucket.keys = server.bucket.keys
            again.jobs.ends = {"status": "Completed", "ExitMessage": VIOLATIONS}
            [execution] = await again.ended()
            assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations"
            [analysis] = again.jobs.requests
            assert analysis["ProcessingJobName"].startswith("model-quality-monitoring-202611210900-")

    asyncio.run(main())


def test_a_run_on_demand_is_named_after_its_type(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/08")
        label(server, "2026/11/21/08")
        await watched(server)
        name = await server.schedules.run_now("labelled", "us-east-1")
        await server.ended()
        assert name.startswith("model-quality-monitoring-20261121")
        assert [job["ProcessingJobName"] for job in server.jobs.requests] == [
            name.replace("model-quality-monitoring", "groundtruth-merge"),
            name,
        ]

    drive(scenario)
