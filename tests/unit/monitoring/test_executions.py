"""Executions: when they come, what their processing jobs get, and how they end."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .server import CAPTURES, VIOLATIONS, Server, at, definition, schedule, until

Drive = Callable[..., None]


def test_the_processing_job_gets_inputs_outputs_and_environment_as_on_aws(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/07")
        server.capture("2026/11/21/08")
        await server.schedule()
        server.move_to("2026-11-21 09:00:02")
        [execution] = await server.ended()
        assert execution["MonitoringExecutionStatus"] == "Completed"
        assert execution["ScheduledTime"] == at("2026-11-21 09:00")
        assert execution["EndpointName"] == "churn"
        assert execution["MonitoringJobDefinitionName"] == "quality"
        assert execution["MonitoringType"] == "DataQuality"
        assert "FailureReason" not in execution
        name = execution["ProcessingJobArn"].rpartition("/")[2]
        assert name.startswith("model-monitoring-202611210900-")
        assert len(name.rpartition("-")[2]) == 24
        job = await server.call("DescribeProcessingJob", ProcessingJobName=name)
        assert job["Environment"] == {
            "publish_cloudwatch_metrics": "Enabled",
            "own": "value",
            "dataset_format": '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}',
            "dataset_source": "/opt/ml/processing/input/endpoint",
            "output_path": "/opt/ml/processing/output",
            "start_time": "2026-11-21T08:00:00Z",
            "end_time": "2026-11-21T09:00:00Z",
            "metric_time": "2026-11-21T08:00:00Z",
            "sagemaker_endpoint_name": "churn",
            "sagemaker_monitoring_schedule_name": "hourly",
            "sagemaker_endpoint_datacapture_prefix": CAPTURES,
            "baseline_constraints": "/opt/ml/processing/baseline/constraints/constraints.json",
            "baseline_statistics": "/opt/ml/processing/baseline/stats/statistics.json",
        }
        inputs = {entry["InputName"]: entry["S3Input"] for entry in job["ProcessingInputs"]}
        assert {name: (entry["S3Uri"], entry["LocalPath"]) for name, entry in inputs.items()} == {
            "endpoint_input_1": (
                "s3://bucket/captures/churn/AllTraffic/2026/11/21/08",
                "/opt/ml/processing/input/endpoint/churn/AllTraffic/2026/11/21/08",
            ),
            "constraints": ("s3://bucket/baseline/constraints.json", "/opt/ml/processing/baseline/constraints"),
            "baseline": ("s3://bucket/baseline/statistics.json", "/opt/ml/processing/baseline/stats"),
        }
        assert job["ProcessingOutputConfig"]["Outputs"] == [
            {
                "OutputName": "result",
                "S3Output": {
                    "S3Uri": "s3://bucket/reports/churn/hourly/2026/11/21/09",
                    "LocalPath": "/opt/ml/processing/output",
                    "S3UploadMode": "Continuous",
                },
            }
        ]
        assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600}
        assert job["MonitoringScheduleArn"].endswith(":monitoring-schedule/hourly")
        assert server.flushed == [("us-east-1", "churn")]

    drive(scenario)


def test_scripts_and_the_baselining_jobs_results_become_inputs(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        request = definition("scripted")
        request["DataQualityAppSpecification"] |= {
            "RecordPreprocessorSourceUri": "s3://bucket/code/before.py",
            "PostAnalyticsProcessorSourceUri": "s3://bucket/code/after.py",
            "ContainerEntrypoint": ["python3", "own.py"],
        }
        request["DataQualityBaselineConfig"] = {"BaseliningJobName": "baseline-1"}
        await server.call("CreateDataQualityJobDefinition", **request)
        output = {"S3Uri": "s3://bucket/results", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
        await server.call(
            "CreateProcessingJob",
            ProcessingJobName="baseline-1",
            ProcessingResources={"ClusterConfig": request["JobResources"]["ClusterConfig"]},
            AppSpecification={"ImageUri": "analyzer"},
            ProcessingOutputConfig={"Outputs": [{"OutputName": "monitoring_output", "S3Output": output}]},
            RoleArn=request["RoleArn"],
        )
        wanted = schedule()
        wanted["MonitoringScheduleConfig"]["MonitoringJobDefinitionName"] = "scripted"
        await server.call("CreateMonitoringSchedule", **wanted)
        server.capture("2026/11/21/08")
        await server.schedules.run_now("hourly", "us-east-1")
        await server.ended()
        job = server.jobs.requests[-1]
        environment = job["Environment"]
        assert environment["record_preprocessor_script"] == "/opt/ml/processing/code/preprocessing/before.py"
        assert environment["post_analytics_processor_script"] == "/opt/ml/processing/code/postprocessing/after.py"
        uris = {entry["InputName"]: entry["S3Input"]["S3Uri"] for entry in job["ProcessingInputs"]}
        assert uris["pre_processor_script"] == "s3://bucket/code/before.py"
        assert uris["constraints"] == "s3://bucket/results/constraints.json"
        assert uris["baseline"] == "s3://bucket/results/statistics.json"
        assert job["AppSpecification"]["ContainerEntrypoint"] == ["python3", "own.py"]

    drive(scenario)


def test_the_exit_message_decides_the_status(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.ends = {"status": "Completed", "ExitMessage": VIOLATIONS}
        server.capture("2026/11/21/08")
        await server.schedule()
        server.move_to("2026-11-21 09:00")
        [execution] = await server.ended()
        assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations"
        described = await server.call("DescribeMonitoringSchedule", MonitoringScheduleName="hourly")
        assert described["LastMonitoringExecutionSummary"] == execution

    drive(scenario)


@pytest.mark.parametrize("ends", [{"status": "Failed", "FailureReason": "AlgorithmError: no"}, {"status": "Stopped"}])
def test_a_job_that_does_not_complete_ends_the_execution_as_it_ended(drive: Drive, ends: dict[str, str]) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.ends = ends
        server.capture("2026/11/21/08")
        await server.schedule()
        server.move_to("2026-11-21 09:00")
        [execution] = await server.ended()
        assert execution["MonitoringExecutionStatus"] == ends["status"]
        assert execution.get("FailureReason") == ends.get("FailureReason")

    drive(scenario)


def test_without_captures_the_reason_names_prefix_and_hours(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/07")
        server.bucket.keys["captures/churn/AllTraffic/2026/11/21/08/"] = b""  # a folder marker is no data
        await server.schedule()
        server.move_to("2026-11-21 09:00")
        [execution] = await server.ended()
        assert execution["MonitoringExecutionStatus"] == "Failed"
        assert execution["FailureReason"] == (
            "Job inputs had no data: no captures under s3://bucket/captures/churn/AllTraffic/ in the hours "
            "2026/11/21/08 (UTC), the window 2026-11-21T08:00:00Z to 2026-11-21T09:00:00Z. Send traffic to endpoint "
            "churn in the hours that the schedule looks at, or move the window with StartTimeOffset and EndTimeOffset."
        )
        assert "ProcessingJobArn" not in execution
        assert server.jobs.requests == []

    drive(scenario)


def test_an_endpoint_that_captures_nothing_or_is_gone_fails_the_execution_with_the_reason(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        await server.schedule()
        server.endpoints.capture = None
        server.move_to("2026-11-21 09:00")
        [first] = await server.ended()
        await server.call("DeleteEndpoint", EndpointName="churn")
        server.move_to("2026-11-21 10:00")
        second = (await server.ended(2))[1]
        assert "endpoint churn captures none" in first["FailureReason"]
        assert "Update it to an endpoint configuration with a DataCaptureConfig" in first["FailureReason"]
        assert "Could not find endpoint" in second["FailureReason"]

    drive(scenario)


def test_an_endpoint_that_has_stopped_capturing_is_told_from_one_without_traffic(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        assert server.endpoints.capture is not None
        server.endpoints.capture |= {"CaptureStatus": "Stopped"}
        await server.schedule()
        server.move_to("2026-11-21 09:00")
        [execution] = await server.ended()
        assert "Endpoint churn has stopped capturing" in execution["FailureReason"]
        assert "DataCaptureConfig has EnableCapture true" in execution["FailureReason"]

    drive(scenario)


def test_an_inline_definition_runs_a_container_of_ones_own(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        given = definition()
        wanted = schedule()
        wanted["MonitoringScheduleConfig"] = {
            "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
            "MonitoringJobDefinition": {
                "MonitoringInputs": [given["DataQualityJobInput"]],
                "MonitoringOutputConfig": given["DataQualityJobOutputConfig"],
                "MonitoringResources": given["JobResources"],
                "MonitoringAppSpecification": {
                    "ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1",
                    "ContainerEntrypoint": ["python3", "watch.py"],
                    "ContainerArguments": ["--deep"],
                    "RecordPreprocessorSourceUri": "s3://bucket/code/before.py",
                },
                "Environment": {"color": "blue", "publish_cloudwatch_metrics": "Enabled"},
                "RoleArn": given["RoleArn"],
            },
        }
        await server.call("CreateMonitoringSchedule", **wanted)
        server.capture("2026/11/21/08")
        await until(lambda: server.status("hourly"))
        server.move_to("2026-11-21 09:00")
        [execution] = await server.ended()
        assert (execution["MonitoringExecutionStatus"], execution["MonitoringType"]) == ("Completed", "DataQuality")
        assert "MonitoringJobDefinitionName" not in execution
        [job] = server.jobs.requests
        assert job["AppSpecification"] == {
            "ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1",
            "ContainerEntrypoint": ["python3", "watch.py"],
            "ContainerArguments": ["--deep"],
        }
        environment = job["Environment"]
        assert (environment["color"], environment["sagemaker_endpoint_name"]) == ("blue", "churn")
        assert environment["record_preprocessor_script"] == "/opt/ml/processing/code/preprocessing/before.py"
        assert "baseline_constraints" not in environment

    drive(scenario)


def test_a_clock_moved_over_several_hours_runs_each_in_order(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        for hour in ("08", "09", "11"):
            server.capture(f"2026/11/21/{hour}")
        await server.schedule()
        server.move_to("2026-11-21 12:10")
        found = await server.ended(4)
        assert [entry["ScheduledTime"] for entry in found] == [
            at(f"2026-11-21 {hour}:00") for hour in ("09", "10", "11", "12")
        ]
        assert [entry["MonitoringExecutionStatus"] for entry in found] == [
            "Completed",
            "Completed",
            "Failed",
            "Completed",
        ]
        assert [job["Environment"]["start_time"] for job in server.jobs.requests] == [
            "2026-11-21T08:00:00Z", "2026-11-21T09:00:00Z", "2026-11-21T11:00:00Z",
        ]  # fmt: skip
        server.move_to("2026-11-21 12:20")
        assert len(await server.executions()) == 4

    drive(scenario)


def test_executions_of_one_schedule_do_not_overlap_and_those_of_two_do(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.released.clear()
        server.capture("2026/11/21/08")
        server.capture("2026/11/21/09")
        await server.schedule("one")
        await server.schedule("two")
        server.move_to("2026-11-21 10:00")
        await until(lambda: len(server.jobs.requests) == 2)
        for name in ("one", "two"):
            found = await server.executions(MonitoringScheduleName=name, SortBy="ScheduledTime", SortOrder="Ascending")
            assert [entry["MonitoringExecutionStatus"] for entry in found] == ["InProgress", "Pending"]
        server.jobs.released.set()
        found = await server.ended(4)
        assert {entry["MonitoringExecutionStatus"] for entry in found} == {"Completed"}

    drive(scenario)


def test_a_schedule_fires_by_itself_when_its_hour_comes(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/08")
        await server.schedule()
        server.clock.advance(at("2026-11-21 08:59:59.9") - server.clock.now())
        server.schedules.wake()
        assert await server.executions() == []
        [execution] = await server.ended()
        assert execution["ScheduledTime"] == at("2026-11-21 09:00")

    drive(scenario)


def test_now_runs_once_at_once_over_the_window_given(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/06")
        server.capture("2026/11/21/08")
        await server.schedule("once", "NOW", DataAnalysisStartTime="-PT3H", DataAnalysisEndTime="-PT0H")
        [execution] = await server.ended()
        assert execution["ScheduledTime"] == pytest.approx(at("2026-11-21 08:20"), abs=5)
        [job] = server.jobs.requests
        assert job["Environment"]["start_time"].startswith("2026-11-21T05:20:")
        assert job["Environment"]["end_time"].startswith("2026-11-21T08:20:")
        uris = [entry["S3Input"]["S3Uri"][-13:] for entry in job["ProcessingInputs"][:2]]
        assert uris == ["2026/11/21/06", "2026/11/21/08"]
        assert job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].endswith("/churn/once/2026/11/21/08")
        server.move_to("2026-11-23 09:00")
        server.schedules.wake()
        assert len(await server.executions()) == 1
        assert await server.status("once")

    drive(scenario)


def test_more_hours_than_a_job_takes_inputs_are_read_by_the_day(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        for hour in range(24):
            server.capture(f"2026/11/20/{hour:02}")
        server.capture("2026/11/21/07")
        await server.schedule("once", "NOW", DataAnalysisStartTime="-PT24H", DataAnalysisEndTime="-PT0H")
        await server.ended()
        [job] = server.jobs.requests
        inputs = [entry["S3Input"] for entry in job["ProcessingInputs"] if entry["InputName"].startswith("endpoint")]
        assert [(entry["S3Uri"], entry["LocalPath"]) for entry in inputs] == [
            (
                f"{CAPTURES}/churn/AllTraffic/2026/11/{day}",
                f"/opt/ml/processing/input/endpoint/churn/AllTraffic/2026/11/{day}",
            )
            for day in (20, 21)
        ]

    drive(scenario)


def test_every_variant_is_read(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.endpoints.variants = ["blue", "green"]
        server.capture("2026/11/21/08", variant="blue")
        server.capture("2026/11/21/08", variant="green")
        await server.schedule()
        server.move_to("2026-11-21 09:00")
        await server.ended()
        paths = [entry["S3Input"]["LocalPath"] for entry in server.jobs.requests[0]["ProcessingInputs"][:2]]
        assert paths == [
            f"/opt/ml/processing/input/endpoint/churn/{variant}/2026/11/21/08" for variant in ("blue", "green")
        ]

    drive(scenario)


def test_run_now_reads_the_current_hour_and_keeps_its_report_apart(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/08")
        await server.schedule()
        await server.call("StopMonitoringSchedule", MonitoringScheduleName="hourly")
        first = await server.schedules.run_now("hourly", "us-east-1")
        second = await server.schedules.run_now("hourly", "us-east-1", at("2026-11-21 08:00"), at("2026-11-21 09:00"))
        found = await server.ended(2)
        assert [entry["ProcessingJobArn"].rpartition("/")[2] for entry in found] == [first, second]
        reports = [job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] for job in server.jobs.requests]
        assert all(uri.startswith("s3://bucket/reports/churn/hourly/2026/11/21/08/20-") for uri in reports)
        assert len(set(reports)) == 2
        assert server.jobs.requests[0]["Environment"]["start_time"].startswith("2026-11-21T07:20:")
        assert server.jobs.requests[1]["Environment"]["end_time"] == "2026-11-21T09:00:00Z"

    drive(scenario)


def clarify(kind: str, **data: Any) -> dict[str, Any]:
    """A job definition of Clarify's, of a type that is named like itself in lower case."""
    request: dict[str, Any] = {
        member.replace("DataQuality", kind): value for member, value in definition(kind.lower(), **data).items()
    }
    del request[f"{kind}BaselineConfig"]["StatisticsResource"]
    request[f"{kind}AppSpecification"] = {"ImageUri": "clarify", "ConfigUri": "s3://bucket/config/mine.json"}
    return request


def clarify_schedule(kind: str) -> dict[str, Any]:
    wanted = schedule("clarified")
    wanted["MonitoringScheduleConfig"] |= {"MonitoringJobDefinitionName": kind.lower(), "MonitoringType": kind}
    return wanted


def test_feature_attributions_are_analysed_by_clarify_over_the_captures(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        request = clarify("ModelExplainability", FeaturesAttribute="row", InferenceAttribute="0")
        request["ModelExplainabilityBaselineConfig"] = {"BaseliningJobName": "baseline-1"}
        await server.call("CreateModelExplainabilityJobDefinition", **request)
        output = {"S3Uri": "s3://bucket/results", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
        await server.call(
            "CreateProcessingJob",
            ProcessingJobName="baseline-1",
            ProcessingResources=request["JobResources"],
            AppSpecification={"ImageUri": "clarify"},
            ProcessingOutputConfig={"Outputs": [{"OutputName": "analysis_result", "S3Output": output}]},
            RoleArn=request["RoleArn"],
        )
        await server.call("CreateMonitoringSchedule", **clarify_schedule("ModelExplainability"))
        await until(lambda: server.status("clarified"))
        server.capture("2026/11/21/08")
        server.move_to("2026-11-21 09:00")
        [execution] = await server.ended()
        name = execution["ProcessingJobArn"].rpartition("/")[2]
        assert name.startswith("explainability-monitoring-202611210900-")
        assert len(name) == 63
        job = server.jobs.requests[-1]
        uris = {entry["InputName"]: entry["S3Input"]["S3Uri"] for entry in job["ProcessingInputs"]}
        assert uris == {
            "endpoint_input_1": "s3://bucket/captures/churn/AllTraffic/2026/11/21/08",
            "constraints": "s3://bucket/results/analysis.json",
            "analysis_config": "s3://bucket/config/mine.json",
        }
        environment = job["Environment"]
        assert environment["analysis_type"] == "MODEL_EXPLAINABILITY"
        assert environment["analysis_config"] == "/opt/ml/processing/analysis_config/mine.json"
        assert environment["baseline_constraints"] == "/opt/ml/processing/baseline/constraints/analysis.json"
        assert (environment["features_attribute"], environment["inference_attribute"]) == ("row", "0")

    drive(scenario)


def test_bias_is_analysed_once_the_captures_are_joined_with_labels_within_one_limit(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        request = clarify("ModelBias", ProbabilityThresholdAttribute=0.7)
        request["ModelBiasJobInput"] |= {"GroundTruthS3Input": {"S3Uri": "s3://bucket/labels"}}
        await server.call("CreateModelBiasJobDefinition", **request)
        await server.call("CreateMonitoringSchedule", **clarify_schedule("ModelBias"))
        await until(lambda: server.status("clarified"))
        server.capture("2026/11/21/08")
        server.bucket.keys["labels/2026/11/21/08/0.jsonl"] = b"{}"
        server.bucket.keys["reports/merge/churn/AllTraffic/2026/11/21/08/part.jsonl"] = b"{}"
        server.jobs.ends |= {"ProcessingEndTime": 100.0}
        server.move_to("2026-11-21 09:00")
        [execution] = await server.ended()
        assert execution["MonitoringExecutionStatus"] == "Completed"
        assert execution["MonitoringType"] == "ModelBias"
        merge, analysis = server.jobs.requests
        suffix = analysis["ProcessingJobName"].removeprefix("model-bias-monitoring")
        assert merge["ProcessingJobName"] == f"groundtruth-merge{suffix}"
        assert merge["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600}
        assert analysis["StoppingCondition"] == {"MaxRuntimeInSeconds": 3500}
        assert analysis["Environment"]["analysis_type"] == "MODEL_BIAS"
        assert analysis["Environment"]["probability_threshold_attribute"] == "0.7"
        uris = {entry["InputName"]: entry["S3Input"]["S3Uri"] for entry in analysis["ProcessingInputs"]}
        assert uris["endpoint_input_1"] == "s3://bucket/reports/merge/churn/AllTraffic/2026/11/21/08"

    drive(scenario)


def test_an_inline_definition_has_no_analysis_configuration_and_its_execution_says_so(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        quality = definition()
        inline = {
            "MonitoringInputs": [quality["DataQualityJobInput"]],
            "MonitoringOutputConfig": quality["DataQualityJobOutputConfig"],
            "MonitoringResources": quality["JobResources"],
            "MonitoringAppSpecification": {"ImageUri": "clarify"},
            "RoleArn": quality["RoleArn"],
        }
        config = {"MonitoringJobDefinition": inline, "MonitoringType": "ModelExplainability"}
        config["ScheduleConfig"] = {"ScheduleExpression": "cron(0 * ? * * *)"}
        await server.call("CreateMonitoringSchedule", MonitoringScheduleName="inline", MonitoringScheduleConfig=config)
        await until(lambda: server.status("inline"))
        server.move_to("2026-11-21 09:00")
        [execution] = await server.ended()
        assert execution["MonitoringExecutionStatus"] == "Failed"
        assert "make one with CreateModelExplainabilityJobDefinition" in execution["FailureReason"]

    drive(scenario)


def test_a_job_definition_deleted_by_force_fails_the_execution(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        await server.schedule()
        row = server.store.get("DataQualityJobDefinition", "us-east-1", "quality")
        assert row is not None
        server.store.delete(row)
        server.move_to("2026-11-21 09:00")
        [execution] = await server.ended()
        assert execution["MonitoringExecutionStatus"] == "Failed"
        assert "Could not find DataQuality job definition" in execution["FailureReason"]

    drive(scenario)


def test_an_execution_under_way_is_followed_again_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with Server(tmp_path, at("2026-11-21 08:20")) as server:
            await server.endpoint()
            await server.definition()
            await server.schedule()
            server.jobs.released.clear()
            server.capture("2026/11/21/08")
            server.move_to("2026-11-21 10:00")
            await until(lambda: server.jobs.requests)
        async with Server(tmp_path, at("2026-11-21 10:05")) as server:
            server.capture("2026/11/21/09")
            first, second = await server.ended(2)
            assert [first["MonitoringExecutionStatus"], second["MonitoringExecutionStatus"]] == ["Completed"] * 2
            assert [job["Environment"]["start_time"] for job in server.jobs.requests] == ["2026-11-21T09:00:00Z"]

    asyncio.run(main())


def test_hours_missed_while_the_server_was_down_are_made_up_for_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with Server(tmp_path, at("2026-11-21 08:20")) as server:
            await server.endpoint()
            await server.definition()
            await server.schedule()
        for _ in range(2):
            async with Server(tmp_path, at("2026-11-21 11:05")) as server:
                found = await server.ended(3)
                assert [entry["ScheduledTime"] for entry in found] == [
                    at(f"2026-11-21 {hour}:00") for hour in ("09", "10", "11")
                ]

    asyncio.run(main())


def test_a_crash_between_adding_and_noting_it_adds_nothing_twice(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        await server.schedule()
        resource = server.engine.resource("MonitoringSchedule", "us-east-1", "hourly")
        assert resource is not None
        note = resource.private
        server.move_to("2026-11-21 09:00")
        await server.ended()
        resource.save(private=note)
        server.schedules.wake()
        await until(lambda: resource.private != note)
        assert len(await server.executions()) == 1

    drive(scenario)


def test_the_dataset_format_is_the_one_that_the_analyser_reads(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/08")
        inline = definition()
        config = {
            "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
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
        assert execution["MonitoringType"] == "DataQuality"
        assert "MonitoringJobDefinitionName" not in execution
        environment = server.jobs.requests[0]["Environment"]
        assert list(json.loads(environment["dataset_format"])) == ["sagemakerCaptureJson"]
        assert environment["publish_cloudwatch_metrics"] == "Disabled"
        assert "baseline_constraints" not in environment

    drive(scenario)
