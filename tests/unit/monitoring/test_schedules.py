"""Schedules and job definitions as resources: create, describe, list, update, start, stop, delete, refusals."""

from collections.abc import Callable
from typing import Any

import pytest
from sageyard.errors import AwsError

from .server import Server, at, definition, schedule, until

Drive = Callable[..., None]


async def refusal(server: Server, operation: str, **request: Any) -> AwsError:
    with pytest.raises(AwsError) as caught:
        await server.call(operation, **request)
    return caught.value


def test_a_schedule_is_described_and_listed_with_endpoint_definition_and_type(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        await server.call("CreateMonitoringSchedule", **schedule())
        described = await server.call("DescribeMonitoringSchedule", MonitoringScheduleName="hourly")
        assert described["MonitoringScheduleStatus"] == "Pending"
        await until(lambda: server.status("hourly"))
        described = await server.call("DescribeMonitoringSchedule", MonitoringScheduleName="hourly")
        assert described["EndpointName"] == "churn"
        assert described["MonitoringType"] == "DataQuality"
        assert described["MonitoringScheduleConfig"] == schedule()["MonitoringScheduleConfig"]
        assert "LastMonitoringExecutionSummary" not in described
        for request, count in (
            ({"EndpointName": "churn"}, 1),
            ({"EndpointName": "other"}, 0),
            ({"MonitoringTypeEquals": "DataQuality", "MonitoringJobDefinitionName": "quality"}, 1),
            ({"MonitoringTypeEquals": "ModelBias"}, 0),
            ({"StatusEquals": "Stopped"}, 0),
            ({"NameContains": "hour", "SortBy": "Name", "SortOrder": "Ascending"}, 1),
        ):
            listed = await server.call("ListMonitoringSchedules", **request)
            assert len(listed["MonitoringScheduleSummaries"]) == count, request
        [summary] = (await server.call("ListMonitoringSchedules"))["MonitoringScheduleSummaries"]
        assert summary["MonitoringJobDefinitionName"] == "quality"
        assert summary["EndpointName"] == "churn"
        assert summary["MonitoringScheduleStatus"] == "Scheduled"

    drive(scenario)


def test_a_stopped_schedule_does_not_fire_and_a_started_one_does_from_then_on(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        await server.schedule()
        await server.call("StopMonitoringSchedule", MonitoringScheduleName="hourly")
        described = await server.call("DescribeMonitoringSchedule", MonitoringScheduleName="hourly")
        assert described["MonitoringScheduleStatus"] == "Stopped"
        server.move_to("2026-11-21 10:30")
        await server.call("StartMonitoringSchedule", MonitoringScheduleName="hourly")
        assert await server.status("hourly")
        server.move_to("2026-11-21 11:00")
        [execution] = await server.ended()
        assert execution["ScheduledTime"] == at("2026-11-21 11:00")
        gone = await refusal(server, "StartMonitoringSchedule", MonitoringScheduleName="nobody")
        assert gone.code == "ResourceNotFound"

    drive(scenario)


def test_an_update_changes_timetable_and_definition(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        await server.schedule()
        await server.definition("quality-2")
        wanted = schedule("hourly", "cron(0 12 ? * * *)")
        wanted["MonitoringScheduleConfig"]["MonitoringJobDefinitionName"] = "quality-2"
        answer = await server.call("UpdateMonitoringSchedule", **wanted)
        assert answer["MonitoringScheduleArn"].endswith(":monitoring-schedule/hourly")
        assert await server.status("hourly")
        await server.call("DeleteDataQualityJobDefinition", JobDefinitionName="quality")
        server.move_to("2026-11-21 11:00")
        server.move_to("2026-11-21 12:00")
        [execution] = await server.ended()
        assert execution["ScheduledTime"] == at("2026-11-21 12:00")
        assert execution["MonitoringJobDefinitionName"] == "quality-2"
        wanted["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"] = "rate(1 hour)"
        refused = await refusal(server, "UpdateMonitoringSchedule", **wanted)
        assert "'rate(1 hour)' is not supported" in refused.message

    drive(scenario)


def test_a_schedule_without_expression_runs_daily(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/20/23")
        await server.schedule("daily", None)
        server.move_to("2026-11-22 08:30")
        [execution] = await server.ended()
        assert execution["ScheduledTime"] == at("2026-11-21 09:00")
        assert server.jobs.requests[0]["Environment"]["start_time"] == "2026-11-20T09:00:00Z"

    drive(scenario)


def test_deleting_a_schedule_deletes_its_executions_and_stops_their_jobs(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.released.clear()
        server.capture("2026/11/21/08")
        server.capture("2026/11/21/09")
        await server.schedule()
        server.move_to("2026-11-21 10:00")
        await until(lambda: server.jobs.requests)
        locked = await refusal(server, "DeleteDataQualityJobDefinition", JobDefinitionName="quality")
        assert "delete hourly first" in locked.message
        await server.call("DeleteMonitoringSchedule", MonitoringScheduleName="hourly")
        assert await server.executions() == []
        gone = await refusal(server, "DescribeMonitoringSchedule", MonitoringScheduleName="hourly")
        assert gone.code == "ResourceNotFound"
        name = server.jobs.requests[0]["ProcessingJobName"]
        assert server.jobs.stopped == [name]
        await server.call("DeleteDataQualityJobDefinition", JobDefinitionName="quality")
        gone = await refusal(server, "DescribeDataQualityJobDefinition", JobDefinitionName="quality")
        assert gone.code == "ResourceNotFound"

    drive(scenario)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ScheduleConfig": {"ScheduleExpression": "cron(0 24 ? * * *)"}}, "'cron(0 24 ? * * *)' is not supported"),
        ({"ScheduleConfig": {"ScheduleExpression": "NOW"}}, "set DataAnalysisStartTime and DataAnalysisEndTime"),
        (
            {
                "ScheduleConfig": {
                    "ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT25H", "DataAnalysisEndTime": "-PT0H",
                }
            },
            "more than 24 hours apart: choose a shorter window",
        ),
        ({"MonitoringJobDefinitionName": "nobody"}, "'nobody' does not exist in us-east-1: create it with"),
        ({"MonitoringJobDefinitionName": None}, "either MonitoringJobDefinitionName"),
        ({"MonitoringType": None}, "MonitoringType is missing: set it"),
        ({"MonitoringType": "ModelBias"}, "ModelBias job definition 'quality' does not exist"),
        ({"MonitoringJobDefinitionName": "late"}, "'PT1H' looks ahead of the scheduled time"),
    ],
)  # fmt: skip
def test_a_wrong_schedule_is_refused_naming_value_rule_and_way_out(
    drive: Drive, change: dict[str, Any], says: str
) -> None:
    async def scenario(server: Server) -> None:
        await server.call("CreateDataQualityJobDefinition", **definition("late", StartTimeOffset="PT1H"))
        request = schedule()
        request["MonitoringScheduleConfig"] |= change
        refused = await refusal(server, "CreateMonitoringSchedule", **request)
        assert refused.code == "ValidationException"
        assert says in refused.message
        assert (await server.call("ListMonitoringSchedules"))["MonitoringScheduleSummaries"] == []

    drive(scenario)


def test_a_schedule_of_an_endpoint_that_is_gone_is_refused(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        await server.call("DeleteEndpoint", EndpointName="churn")
        refused = await refusal(server, "CreateMonitoringSchedule", **schedule())
        assert refused.code == "ValidationException"
        assert refused.message.startswith("Endpoint 'churn' does not exist in us-east-1: create the endpoint")

    drive(scenario)


def test_a_second_schedule_of_the_same_name_is_refused_as_in_use(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        await server.schedule()
        refused = await refusal(server, "CreateMonitoringSchedule", **schedule())
        assert refused.code == "ResourceInUse"

    drive(scenario)


def test_run_now_refuses_what_does_not_exist_and_an_empty_window(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        with pytest.raises(AwsError) as caught:
            await server.schedules.run_now("nobody", "us-east-1")
        assert caught.value.code == "ResourceNotFound"
        await server.schedule()
        with pytest.raises(AwsError, match="the start must lie before the end"):
            await server.schedules.run_now("hourly", "us-east-1", at("2026-11-21 09:00"))
        assert await server.executions() == []

    drive(scenario)


def test_job_definitions_are_described_listed_and_filtered(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        described = await server.call("DescribeDataQualityJobDefinition", JobDefinitionName="quality")
        arn = described.pop("JobDefinitionArn")
        assert described.pop("CreationTime") == pytest.approx(server.clock.now(), abs=5)
        assert described == definition()
        listed = await server.call("ListDataQualityJobDefinitions", EndpointName="churn", SortBy="Name")
        [summary] = listed["JobDefinitionSummaries"]
        assert summary["MonitoringJobDefinitionName"] == "quality"
        assert summary["MonitoringJobDefinitionArn"] == arn
        assert summary["EndpointName"] == "churn"
        other = await server.call("ListDataQualityJobDefinitions", EndpointName="other")
        assert other["JobDefinitionSummaries"] == []
        refused = await refusal(server, "CreateDataQualityJobDefinition", **definition("lost", EndpointName="nobody"))
        assert refused.code == "ValidationException"
        assert "'nobody' does not exist" in refused.message

    drive(scenario)


def test_a_definition_of_a_batch_transform_is_listed_too(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        batch: dict[str, Any] = {"DataCapturedDestinationS3Uri": "s3://b/in", "LocalPath": "/opt/ml/in"}
        batch["DatasetFormat"] = {"Parquet": {}}
        await server.definition("batch", DataQualityJobInput={"BatchTransformInput": batch})
        described = await server.call("DescribeDataQualityJobDefinition", JobDefinitionName="batch")
        assert described["DataQualityJobInput"] == {"BatchTransformInput": batch}
        listed = await server.call("ListDataQualityJobDefinitions", NameContains="batch")
        assert [entry["EndpointName"] for entry in listed["JobDefinitionSummaries"]] == [""]
        both = {"BatchTransformInput": batch, "EndpointInput": definition()["DataQualityJobInput"]["EndpointInput"]}
        refused = await refusal(
            server, "CreateDataQualityJobDefinition", **(definition("both") | {"DataQualityJobInput": both})
        )
        assert "either EndpointInput or BatchTransformInput" in refused.message
        for change, says in (
            ({"DatasetFormat": {}}, "DatasetFormat has no member: it must have one of Csv, Json and Parquet"),
            ({"DatasetFormat": {"Csv": {}, "Parquet": {}}}, "DatasetFormat has Csv and Parquet"),
            ({"DataCapturedDestinationS3Uri": "https://b/in"}, "'https://b/in' is not an S3 URI"),
        ):
            wrong = definition("wrong") | {"DataQualityJobInput": {"BatchTransformInput": batch | change}}
            refused = await refusal(server, "CreateDataQualityJobDefinition", **wrong)
            assert refused.code == "ValidationException"
            assert says in refused.message

    drive(scenario)
