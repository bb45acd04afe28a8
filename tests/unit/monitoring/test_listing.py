"""ListMonitoringExecutions: filters, orders and tokens."""

from collections.abc import Callable
from typing import Any

import pytest
from sageyard.errors import AwsError

from .server import Server, at

Drive = Callable[..., None]
HOURS = ("09", "10", "11", "12")


async def four(server: Server) -> None:
    """Hourly executions from 9 to 12, of which 9 and 11 complete and 10 and 12 find no data; and one of `other`."""
    server.capture("2026/11/21/08")
    server.capture("2026/11/21/10")
    await server.schedule()
    await server.schedule("other", "cron(0 12 ? * * *)")
    await server.call("StopMonitoringSchedule", MonitoringScheduleName="other")
    server.move_to("2026-11-21 12:10")
    await server.ended(4)
    await server.schedules.run_now("other", "us-east-1", at("2026-11-21 10:00"), at("2026-11-21 11:00"))
    await server.ended(5)


def hours(entries: list[dict[str, Any]]) -> list[int]:
    return [int((entry["ScheduledTime"] - at("2026-11-21 00:00")) // 3600) for entry in entries]


def test_the_sdks_order_has_the_latest_scheduled_first(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        await four(server)
        request = {"MonitoringScheduleName": "hourly", "SortBy": "ScheduledTime", "MaxResults": 100}
        assert hours(await server.executions(**request, SortOrder="Descending")) == [12, 11, 10, 9]
        assert hours(await server.executions(**request, SortOrder="Ascending")) == [9, 10, 11, 12]
        by_status = await server.executions(MonitoringScheduleName="hourly", SortBy="Status", SortOrder="Ascending")
        assert hours(by_status) == [9, 11, 10, 12]
        newest_first = await server.executions()
        assert newest_first[0]["MonitoringScheduleName"] == "other"
        assert hours(newest_first[1:]) == [12, 11, 10, 9]

    drive(scenario)


def test_every_filter_selects(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        await four(server)
        ten, now = at("2026-11-21 10:00"), server.clock.now()
        for request, count in (
            ({"MonitoringScheduleName": "other"}, 1),
            ({"MonitoringScheduleName": "nobody"}, 0),
            ({"EndpointName": "churn"}, 5),
            ({"EndpointName": "nobody"}, 0),
            ({"StatusEquals": "Failed"}, 2),
            ({"ScheduledTimeAfter": ten}, 3),
            ({"ScheduledTimeBefore": ten}, 1),
            ({"ScheduledTimeAfter": ten - 1, "ScheduledTimeBefore": ten + 1}, 1),
            ({"CreationTimeAfter": now + 60}, 0),
            ({"CreationTimeBefore": now + 60}, 5),
            ({"LastModifiedTimeAfter": now - 60}, 5),
            ({"LastModifiedTimeBefore": now - 60}, 0),
            ({"MonitoringJobDefinitionName": "quality"}, 5),
            ({"MonitoringTypeEquals": "DataQuality"}, 5),
            ({"MonitoringTypeEquals": "ModelBias"}, 0),
        ):
            assert len(await server.executions(**request)) == count, request

    drive(scenario)


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("sort_by", ["ScheduledTime", "CreationTime", "Status"])
def test_pages_follow_one_another_without_gap_or_repetition(drive: Drive, sort_by: str, order: str) -> None:
    async def scenario(server: Server) -> None:
        await four(server)
        whole = await server.executions(SortBy=sort_by, SortOrder=order)
        pages: list[dict[str, Any]] = []
        answer = await server.call("ListMonitoringExecutions", SortBy=sort_by, SortOrder=order, MaxResults=2)
        while True:
            pages += answer["MonitoringExecutionSummaries"]
            if "NextToken" not in answer:
                break
            answer = await server.call("ListMonitoringExecutions", MaxResults=2, NextToken=answer["NextToken"])
        assert pages == whole

    drive(scenario)


@pytest.mark.parametrize("token", ["x", "bm9uZQ==", "WzEsMiwzLDRd", "WyJTY2hlZHVsZWRUaW1lIix0cnVlLCJhIiwxXQ=="])
def test_a_token_that_is_not_ours_is_refused(drive: Drive, token: str) -> None:
    async def scenario(server: Server) -> None:
        with pytest.raises(AwsError, match="is not valid: pass the token of the page before") as caught:
            await server.executions(NextToken=token)
        assert caught.value.code == "ValidationException"

    drive(scenario)
