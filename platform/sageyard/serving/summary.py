"""DescribeEndpoint's view of variants: ProductionVariantSummary and PendingDeploymentSummary."""

from collections.abc import Mapping

from sageyard.resources.spec import Document
from sageyard.serving.deployment import Deployment
from sageyard.serving.fleet import Variant
from sageyard.serving.traffic import Capacity


def variant_summary(variant: Variant) -> Document:
    """One running variant. While a container is being restarted, VariantStatus says so."""
    plan = variant.plan
    summary: Document = {
        "VariantName": plan.name,
        "DeployedImages": [
            {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": variant.started}
            for image in dict.fromkeys(container.image for container in plan.containers)
        ],
        "CurrentWeight": plan.weight,
        "DesiredWeight": plan.weight,
    }
    if plan.serverless:
        summary |= {"CurrentServerlessConfig": plan.serverless, "DesiredServerlessConfig": plan.serverless}
    summary |= {
        "CurrentInstanceCount": sum(instance.healthy for instance in variant.instances),
        "DesiredInstanceCount": plan.count,
    }
    if trouble := next((instance.trouble for instance in variant.instances if instance.trouble), None):
        summary["VariantStatus"] = [{"Status": "Updating", "StatusMessage": trouble[:1024]}]
    return summary


def pending_summary(
    deployment: Deployment,
    started: float,
    status: str = "Creating",
    message: str | None = None,
    since: float | None = None,
    capacity: Mapping[str, Capacity] | None = None,
) -> Document:
    """The deployment that an update is bringing up: the stage in which it is `since`, and which part of it takes
    requests, by the name of the variant. Messages: samples of `automating-sagemaker-with-eventbridge`."""
    summaries = []
    for plan in deployment.variants:
        summary: Document = {
            "VariantName": plan.name,
            "DesiredWeight": plan.weight,
            "DesiredInstanceCount": plan.count,
            "VariantStatus": [
                {
                    "Status": status,
                    "StatusMessage": message or f"Launching {plan.count} instance(s).",
                    "StartTime": started if since is None else since,
                }
            ],
        }
        if capacity is not None:
            summary |= {"CurrentWeight": plan.weight, "CurrentInstanceCount": capacity[plan.name].instances}
        summaries.append(summary)
    return {"EndpointConfigName": deployment.config_name, "StartTime": started, "ProductionVariants": summaries}
