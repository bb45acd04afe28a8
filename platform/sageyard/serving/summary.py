"""DescribeEndpoint's view of variants: ProductionVariantSummary and PendingDeploymentSummary."""

from sageyard.resources.spec import Document
from sageyard.serving.deployment import Deployment
from sageyard.serving.fleet import Variant


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


def pending_summary(deployment: Deployment, now: float) -> Document:
    """The deployment that an update is bringing up."""
    return {
        "EndpointConfigName": deployment.config_name,
        "StartTime": now,
        "ProductionVariants": [
            {
                "VariantName": plan.name,
                "DesiredWeight": plan.weight,
                "DesiredInstanceCount": plan.count,
                "VariantStatus": [{"Status": "Creating", "StartTime": now}],
            }
            for plan in deployment.variants
        ],
    }
