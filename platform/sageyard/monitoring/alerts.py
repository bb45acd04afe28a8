"""Alerts of monitoring schedules: N of the last M executions with violations (API reference: UpdateMonitoringAlert;
developer guide: View and edit alerts).

Every schedule has one alert, of its own name, that one violating execution raises until it is told otherwise. It is
looked at after every execution; fewer executions than the evaluation period are enough where N of them violate.
"""

import uuid

from sageyard.errors import ResourceNotFoundError
from sageyard.monitoring.execution import KIND as EXECUTION
from sageyard.monitoring.ticker import SCHEDULE
from sageyard.resources.engine import Engine
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, ResourceSpec
from sageyard.store.resources import Row, Selection

ALERT = "MonitoringAlert"
TRANSITION = "MonitoringAlertTransition"
VIOLATED = "CompletedWithViolations"
STATUSES = frozenset({"OK", "InAlert"})


class MonitoringAlerts:
    """Alerts and their history, as rows that go with their schedule."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        engine.watchers.append(self._executed)

    def specs(self) -> tuple[ResourceSpec, ...]:
        """The resource types: no Create operation makes one."""
        return tuple(
            ResourceSpec(
                kind=kind,
                identity=(f"{kind}Name",),
                arn_member=f"{kind}Arn",
                arn_noun=noun,
                noun=noun.replace("-", " "),
                status_member="AlertStatus",
                statuses=STATUSES,
                settled=STATUSES,
                parent_member="MonitoringScheduleName",
                parent_kind=SCHEDULE,
                orphans="delete",
                grade="runs",
            )
            for kind, noun in ((ALERT, "monitoring-alert"), (TRANSITION, "monitoring-alert-transition"))
        )

    async def list_alerts(self, request: Document, context: Context) -> Document:
        """ListMonitoringAlerts."""
        schedule = self.engine.find(self.engine.specs[SCHEDULE], request, context.region)
        return {"MonitoringAlertSummaries": [self._alert(schedule).document]}

    async def update_alert(self, request: Document, context: Context) -> Document:
        """UpdateMonitoringAlert: the new criteria hold at once for the executions there are."""
        schedule = self.engine.find(self.engine.specs[SCHEDULE], request, context.region)
        alert = self._alert(schedule)
        if request["MonitoringAlertName"] != alert.name:
            raise ResourceNotFoundError(
                f"Monitoring schedule {schedule.name} has no alert {request['MonitoringAlertName']!r}: its alert is "
                f"named {alert.name!r}."
            )
        alert.save(DatapointsToAlert=request["DatapointsToAlert"], EvaluationPeriod=request["EvaluationPeriod"])
        self._evaluate(schedule)
        return {"MonitoringScheduleArn": schedule.arn, "MonitoringAlertName": alert.name}

    async def list_history(self, request: Document, context: Context) -> Document:
        """ListMonitoringAlertHistory: transitions from OK to InAlert and back, of one schedule or of all."""
        request = dict(request)
        name = request.pop("MonitoringScheduleName", None)
        if name is not None:
            self.engine.find(self.engine.specs[SCHEDULE], {"MonitoringScheduleName": name}, context.region)
        page = self.engine.select(self.engine.specs[TRANSITION], request, context, parent=name)
        return {"MonitoringAlertHistory": page.documents, "NextToken": page.next_token}

    def _executed(self, spec: ResourceSpec, before: Row | None, after: Row | None) -> None:
        """An execution has ended."""
        ended = spec.settled
        if spec.kind == EXECUTION and before and after and after.status in ended and before.status not in ended:
            schedule = self.engine.store.get(SCHEDULE, after.region, after.parent)
            if schedule is not None:
                self._evaluate(schedule)

    def _evaluate(self, schedule: Row) -> None:
        alert = self._alert(schedule)
        criteria = alert.document
        ended = self.engine.specs[EXECUTION].settled
        executions = self.engine.store.select(Selection(EXECUTION, schedule.region, parent=schedule.name, limit=-1))
        last = [row.status for row in executions if row.status in ended][: criteria["EvaluationPeriod"]]
        status = "InAlert" if last.count(VIOLATED) >= criteria["DatapointsToAlert"] else "OK"
        if status != alert.status:
            alert.save(status=status)
            self.engine.add(
                TRANSITION,
                schedule.region,
                uuid.uuid4().hex,
                parent=schedule.name,
                status=status,
                document={"MonitoringScheduleName": schedule.name, "MonitoringAlertName": alert.name},
            )

    def _alert(self, schedule: Row) -> StoredResource:
        """The schedule's alert, made when it is first asked for."""
        document = {"DatapointsToAlert": 1, "EvaluationPeriod": 1}
        actions = {"ModelDashboardIndicator": {"Enabled": True}}
        return self.engine.resource(ALERT, schedule.region, schedule.name) or self.engine.add(
            ALERT,
            schedule.region,
            schedule.name,
            parent=schedule.name,
            status="OK",
            document={"MonitoringAlertName": schedule.name, "Actions": actions, **document},
        )
