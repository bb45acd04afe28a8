"""Monitoring schedules and their executions."""

from sageyard.monitoring.alerts import MonitoringAlerts
from sageyard.monitoring.listing import list_executions
from sageyard.monitoring.schedules import MonitoringScheduleHooks
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document, Resource


def family(hooks: MonitoringScheduleHooks, engine: Engine) -> Family:
    """The schedule has no Stopping status and is settled while Scheduled, so Start and Stop are functions here."""

    def named(request: Document, context: Context) -> Resource:
        row = engine.find(engine.specs["MonitoringSchedule"], request, context.region)
        resource = engine.resource(row.kind, row.region, row.name)
        assert resource is not None
        return resource

    async def start(request: Document, context: Context) -> Document:
        hooks.start_firing(named(request, context))
        return {}

    async def stop(request: Document, context: Context) -> Document:
        hooks.stop_firing(named(request, context))
        return {}

    async def executions(request: Document, context: Context) -> Document:
        return list_executions(engine, request, context)

    alerts = MonitoringAlerts(engine)

    return Family(
        overrides={"MonitoringSchedule": {"hooks": hooks, "grade": "runs"}},
        added=(hooks.executions.spec(), *alerts.specs()),
        functions={
            "ListMonitoringAlertHistory": (alerts.list_history, "runs"),
            "ListMonitoringAlerts": (alerts.list_alerts, "runs"),
            "ListMonitoringExecutions": (executions, "runs"),
            "StartMonitoringSchedule": (start, "runs"),
            "StopMonitoringSchedule": (stop, "runs"),
            "UpdateMonitoringAlert": (alerts.update_alert, "runs"),
        },
    )
