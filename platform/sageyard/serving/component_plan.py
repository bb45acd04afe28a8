"""What an inference component deploys: its specification, read once and kept with it as an endpoint's is.

Its copies run as a fleet of one variant, named like the variant of the endpoint that hosts them.
"""

from dataclasses import replace
from uuid import uuid4

from sageyard.errors import ValidationError
from sageyard.resources.spec import Api, Document
from sageyard.serving.deployment import Deployment, VariantPlan, plan_variant
from sageyard.serving.model_package import definitions

STARTUP = "ContainerStartupHealthCheckTimeoutInSeconds"


def log_group(name: str) -> str:
    """The log group of an inference component (developer guide, `logging-cloudwatch`)."""
    return f"/aws/sagemaker/InferenceComponents/{name}"


def check_specification(request: Document) -> Document:
    """The only Specification of a Create or Update request; ValidationError for what cannot be run here."""
    if request.get("Specifications"):
        raise ValidationError(
            "Specifications are for variants of several instance types, and variants have one here: give the "
            "Specification of that type."
        )
    specification: Document = request.get("Specification") or {}
    if base := specification.get("BaseInferenceComponentName"):
        raise ValidationError(
            f"Adapter inference components are not run by Sageyard, and BaseInferenceComponentName names {base}: "
            "create an inference component with a model of its own."
        )
    if ("ModelName" in specification) == ("Container" in specification):
        raise ValidationError("Specification needs either a ModelName or a Container.")
    if "Container" in specification and not specification["Container"].get("Image"):
        raise ValidationError("Specification.Container needs an Image: give one, or a ModelName in its place.")
    if "ComputeResourceRequirements" not in specification:
        raise ValidationError("Specification needs ComputeResourceRequirements.")
    return specification


def changed_specification(stored: Document, given: Document) -> Document:
    """An Update's Specification over the stored one: what it leaves out stays, as SDK v2's `update_predictor` expects;
    a model takes the place of a container and the other way round."""
    served = {"ModelName", "Container"}
    kept = {member: value for member, value in stored.items() if member not in served or not served & given.keys()}
    if "Container" in stored and "Container" in given:
        given = given | {"Container": stored["Container"] | given["Container"]}
    return kept | given


def choose_variant(host: Deployment, name: str | None, endpoint_arn: str) -> VariantPlan:
    """The variant that hosts a component: the named one, or the only one. ValidationError in AWS's words where the
    endpoint serves models."""
    if not host.hosts_components:
        raise ValidationError(
            "Inference Components are not supported in this Endpoint. Please make sure this endpoint can deploy "
            "inference components."
        )
    known = {variant.name: variant for variant in host.variants}
    if name is None and len(known) == 1:
        return host.variants[0]
    if name is None or name not in known:
        raise ValidationError(
            f'Could not find variant "{name}" of endpoint "{endpoint_arn}": it has {", ".join(known)}.'
        )
    return known[name]


async def plan_component(
    api: Api, component: Document, variant: VariantPlan, capture: Document | None, region: str
) -> Deployment:
    """A component's copies as a deployment of one variant. A model that does not exist is refused by DescribeModel."""
    specification = component["Specification"]
    if model_name := specification.get("ModelName"):
        model = await api.call("DescribeModel", {"ModelName": model_name}, region=region)
        model |= {"Containers": await definitions(api, model, region)}
    else:
        given = specification["Container"]
        container = {"Image": given["Image"], "Environment": given.get("Environment")}
        if artifact := given.get("ArtifactUrl"):
            container["ModelDataUrl"] = artifact
        model = {"ModelName": component["InferenceComponentName"], "PrimaryContainer": container}
    startup = specification.get("StartupParameters") or {}
    plan = plan_variant({"VariantName": variant.name, "InstanceType": variant.instance_type, **startup}, model)
    plan = replace(
        plan,
        count=int(component["RuntimeConfig"]["CopyCount"]),
        compute=specification["ComputeResourceRequirements"],
        isolated=plan.isolated or variant.isolated,
        tags=variant.tags,
        startup_timeout=float(startup.get(STARTUP, variant.startup_timeout)),
    )
    return Deployment(uuid4().hex[:12], "", (plan,), capture)


def rolling_policy(config: Document | None, deployment: Deployment) -> Document | None:
    """An InferenceComponentDeploymentConfig as the DeploymentConfig of an endpoint whose instances are the copies;
    None where there is nothing to roll."""
    if config is None or not any(deployment.counts.values()):
        return None
    policy = dict(config["RollingUpdatePolicy"])
    for member in ("MaximumBatchSize", "RollbackMaximumBatchSize"):
        if (size := policy.get(member)) and size["Type"] == "COPY_COUNT":
            policy[member] = size | {"Type": "INSTANCE_COUNT"}
    return config | {"RollingUpdatePolicy": policy}


def specification_summary(specification: Document, resolved: float) -> Document:
    """DescribeInferenceComponent's Specification; `resolved` is when the images were."""
    if (container := specification.get("Container")) is None:
        return specification
    image = container["Image"]
    shown = {key: value for key, value in container.items() if key != "Image"}
    deployed = {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": resolved}
    return specification | {"Container": shown | {"DeployedImage": deployed}}
