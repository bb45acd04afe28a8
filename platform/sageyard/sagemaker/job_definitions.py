"""Job definitions of the four monitoring types."""

from sageyard.errors import ValidationError
from sageyard.monitoring.definition import TYPES, check_input
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document, Hooks, Resource


class JobDefinitionHooks(Hooks):
    """A job definition of one monitoring type. It is used by schedules, and locked while one does."""

    def __init__(self, monitoring_type: str) -> None:
        self.monitoring_type = monitoring_type

    async def prepare(self, request: Document, context: Context) -> Document:
        shape = f"{self.monitoring_type}JobInput"
        endpoint = await check_input(request[shape], shape, context.api, context.region)
        return request if endpoint is None else request | {"EndpointName": endpoint}

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        users = await context.api.call(
            "ListMonitoringSchedules",
            {"MonitoringJobDefinitionName": resource.name, "MonitoringTypeEquals": self.monitoring_type},
            region=resource.region,
        )
        names = [schedule["MonitoringScheduleName"] for schedule in users["MonitoringScheduleSummaries"]]
        if names:
            raise ValidationError(
                f"Job definition {resource.name!r} cannot be deleted while monitoring schedules use it: delete "
                f"{', '.join(names)} first."
            )

    def summarize(self, resource: Resource, document: Document) -> Document:
        """EndpointName is required in a summary: that of a batch transform's definition is empty."""
        return {
            "MonitoringJobDefinitionName": document["JobDefinitionName"],
            "MonitoringJobDefinitionArn": document["JobDefinitionArn"],
            "CreationTime": document["CreationTime"],
            "EndpointName": document.get("EndpointName", ""),
        }


def family() -> Family:
    """DataQuality-, ModelQuality-, ModelBias- and ModelExplainabilityJobDefinition."""
    return Family(
        overrides={
            f"{kind}JobDefinition": {
                "noun": f"{kind} job definition",
                "hooks": JobDefinitionHooks(kind),
                "grade": "runs",
            }
            for kind in TYPES
        }
    )
