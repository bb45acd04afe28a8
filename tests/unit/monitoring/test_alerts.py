"""Alerts of schedules: N of the last M executions with violations."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sageyard.errors import AwsError

from tests.unit.monitoring.server import NO_VIOLATIONS, VIOLATIONS, Server, at


def run(path: Path, scenario: Any) -> None:
    async def main() -> None:
        async with Server(path, at("2026-11-21 08:00")) as server:
            await server.endpoint()
            await server.definition()
            await server.schedule()
            await scenario(server)

    asyncio.run(main())


async def execute(server: Server, message: str, count: int) -> None:
    """One more execution, the `count`th, that ends with this message."""
    server.jobs.ends = {"status": "Completed", "ExitMessage": message}
    server.capture("2026/11/21/08")
    await server.schedules.run_now("hourly", "us-east-1")
    await server.ended(count)


async def alert(server: Server) -> Any:
    found = (await server.call("ListMonitoringAlerts", MonitoringScheduleName="hourly"))["MonitoringAlertSummaries"]
    assert len(found) == 1
    return found[0]


def test_one_violating_execution_raises_the_alert_of_a_new_schedule_and_a_clean_one_ends_it(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        first = await alert(server)
        assert (first["AlertStatus"], first["DatapointsToAlert"], first["EvaluationPeriod"]) == ("OK", 1, 1)
        await execute(server, VIOLATIONS, 1)
        assert (await alert(server))["AlertStatus"] == "InAlert"
        await execute(server, NO_VIOLATIONS, 2)
        assert (await alert(server))["AlertStatus"] == "OK"
        history = await server.call("ListMonitoringAlertHistory", MonitoringScheduleName="hourly")
        assert [entry["AlertStatus"] for entry in history["MonitoringAlertHistory"]] == ["OK", "InAlert"]
        raised = await server.call("ListMonitoringAlertHistory", StatusEquals="InAlert")
        assert [entry["MonitoringScheduleName"] for entry in raised["MonitoringAlertHistory"]] == ["hourly"]

    run(tmp_path, scenario)


def test_two_of_three_executions_must_violate_where_the_criteria_say_so(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        criteria = {"MonitoringAlertName": "hourly", "DatapointsToAlert": 2, "EvaluationPeriod": 3}
        await server.call("UpdateMonitoringAlert", MonitoringScheduleName="hourly", **criteria)
        seen = []
        for number, message in enumerate([VIOLATIONS, NO_VIOLATIONS, VIOLATIONS, NO_VIOLATIONS, NO_VIOLATIONS], 1):
            await execute(server, message, number)
            seen.append((await alert(server))["AlertStatus"])
        assert seen == ["OK", "OK", "InAlert", "OK", "OK"]

    run(tmp_path, scenario)


def test_new_criteria_hold_at_once(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await execute(server, VIOLATIONS, 1)
        criteria = {"MonitoringAlertName": "hourly", "DatapointsToAlert": 2, "EvaluationPeriod": 2}
        await server.call("UpdateMonitoringAlert", MonitoringScheduleName="hourly", **criteria)
        assert (await alert(server))["AlertStatus"] == "OK"

    run(tmp_path, scenario)


def test_an_alert_goes_with_its_schedule_and_unknown_ones_are_refused(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await alert(server)
        criteria = {"DatapointsToAlert": 1, "EvaluationPeriod": 1}
        with pytest.raises(AwsError, match="named 'hourly'"):
            await server.call(
                "UpdateMonitoringAlert", MonitoringScheduleName="hourly", MonitoringAlertName="other", **criteria
            )
        await server.call("DeleteMonitoringSchedule", MonitoringScheduleName="hourly")
        assert server.engine.resource("MonitoringAlert", "us-east-1", "hourly") is None
        with pytest.raises(AwsError):
            await server.call("ListMonitoringAlerts", MonitoringScheduleName="hourly")

    run(tmp_path, scenario)
