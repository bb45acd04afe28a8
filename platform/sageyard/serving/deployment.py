"""What an endpoint deploys: its endpoint config and models, read once and kept with the endpoint.

Variants without a model, of endpoints that host inference components, have no containers.

SageMaker lets users delete a model or an endpoint config that an endpoint still uses, so the endpoint keeps its own
copy: it must come back after a restart whatever became of them.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any
from uuid import uuid4

from sageyard.errors import ValidationError
from sageyard.resources.spec import Api, Document
from sageyard.runners.limits import capped_memory, memory_limit
from sageyard.serving.explainer_config import read_explainer
from sageyard.serving.model_package import definitions

STARTUP_TIMEOUT = 480.0
"""Seconds until `/ping` must answer 200 (developer guide, `your-algorithms-inference-code`); serverless 180."""
SERVERLESS_STARTUP_TIMEOUT = 180.0
PAYLOAD_LIMIT = 25 * 1024 * 1024
"""Bytes of a real-time request body; serverless 4 MB."""
SERVERLESS_PAYLOAD_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where model data lies: a tar archive, one object, or every object under a prefix."""

    uri: str
    archive: bool
    prefix: bool


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """One container definition of a model."""

    image: str
    environment: dict[str, str]
    hostname: str | None
    source: ModelSource | None


@dataclass(frozen=True, slots=True)
class VariantPlan:
    """One production variant with its model's containers."""

    name: str
    model_name: str
    containers: tuple[ContainerPlan, ...]
    direct: bool
    """Containers are invoked one by one by TargetContainerHostname, not in series."""
    count: int
    weight: float
    startup_timeout: float
    serverless: Document | None
    explainer: Document | None = None
    """ClarifyExplainerConfig of the endpoint config."""
    instance_type: str | None = None
    isolated: bool = False
    """The model has EnableNetworkIsolation."""
    tags: dict[str, str] = field(default_factory=dict)
    """Of the endpoint config."""
    compute: Document | None = None
    """ComputeResourceRequirements of an inference component, whose copies are then the instances."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables of all containers; the first one's count where they differ."""
        return {name: value for each in reversed(self.containers) for name, value in each.environment.items()}

    @property
    def memory(self) -> int | None:
        """Bytes that each container may use; None without a limit."""
        if self.compute and (most := self.compute.get("MaxMemoryRequiredInMb")):
            return capped_memory(int(most) << 20)
        if self.serverless:
            return capped_memory(int(self.serverless["MemorySizeInMB"]) << 20)
        return memory_limit(self.instance_type) if self.instance_type else None

    @property
    def payload_limit(self) -> int:
        """Largest request body in bytes."""
        return SERVERLESS_PAYLOAD_LIMIT if self.serverless else PAYLOAD_LIMIT


@dataclass(frozen=True, slots=True)
class Deployment:
    """A whole endpoint: variants and data capture (`DataCaptureConfig` as the endpoint config has it)."""

    id: str
    config_name: str
    variants: tuple[VariantPlan, ...]
    capture: Document | None

    @property
    def counts(self) -> dict[str, int]:
        """Instances by the name of the variant."""
        return {variant.name: variant.count for variant in self.variants}

    @property
    def hosts_components(self) -> bool:
        """Whether its variants have no model, so that inference components run beside them."""
        return not any(variant.containers for variant in self.variants)

    def check_hosting(self, running: "Deployment") -> None:
        """Refuse what would leave inference components without their variant; ValidationError."""
        if self.hosts_components != running.hosts_components:
            raise ValidationError(
                f"Endpoint configuration {self.config_name} cannot take the place of {running.config_name}: one has "
                "models and the other hosts inference components. Create another endpoint with it."
            )
        if self.hosts_components and (gone := running.counts.keys() - self.counts.keys()):
            raise ValidationError(
                f"Endpoint configuration {self.config_name} has no variant {', '.join(sorted(gone))}: an endpoint that "
                "hosts inference components keeps its variants."
            )

    def to_document(self) -> Document:
        """As JSON, for the endpoint's private notes."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Document) -> "Deployment":
        """What `to_document` wrote."""
        return cls(**{**document, "variants": tuple(_variant(item) for item in document["variants"])})

    def resized(self, properties: dict[str, Document]) -> "Deployment":
        """With other weights and counts: variant name -> {DesiredWeight?, DesiredInstanceCount?}."""
        variants = tuple(
            replace(
                variant,
                weight=float(properties.get(variant.name, {}).get("DesiredWeight", variant.weight)),
                count=int(properties.get(variant.name, {}).get("DesiredInstanceCount", variant.count)),
            )
            for variant in self.variants
        )
        return replace(self, variants=variants)

    def keeping(self, running: "Deployment", excluded: set[str]) -> "Deployment":
        """With the properties of the running one, except excluded VariantPropertyTypes (UpdateEndpoint reference)."""
        properties = {
            variant.name: {
                name: value
                for name, value in (("DesiredWeight", variant.weight), ("DesiredInstanceCount", variant.count))
                if name not in excluded
            }
            for variant in running.variants
        }
        capture = self.capture if "DataCaptureConfig" in excluded else running.capture
        return replace(self.resized(properties), capture=capture)


def _variant(document: Document) -> VariantPlan:
    containers = tuple(
        ContainerPlan(**{**item, "source": ModelSource(**item["source"]) if item["source"] else None})
        for item in document["containers"]
    )
    return VariantPlan(**{**document, "containers": containers})


async def read_deployment(api: Api, config_name: str, region: str) -> Deployment:
    """Read an endpoint config and its models through DescribeEndpointConfig and DescribeModel.

    What does not exist is refused by those operations in AWS's words; what Sageyard cannot serve is refused here.
    """
    config = await api.call("DescribeEndpointConfig", {"EndpointConfigName": config_name}, region=region)
    for member in ("AsyncInferenceConfig", "ShadowProductionVariants"):
        if config.get(member):
            raise ValidationError(
                f"Endpoint configuration {config_name} has {member}, which Sageyard does not serve: "
                "create a configuration without it"
            )
    listed = await api.call("ListTags", {"ResourceArn": config["EndpointConfigArn"]}, region=region)
    tags = {tag["Key"]: tag["Value"] for tag in listed.get("Tags") or []}
    explainer = read_explainer(config_name, config.get("ExplainerConfig"))
    variants = []
    for item in config["ProductionVariants"]:
        model: Document = {
            "ModelName": "",
            "Containers": [],
            "EnableNetworkIsolation": config.get("EnableNetworkIsolation"),
        }
        if model_name := item.get("ModelName"):
            model = await api.call("DescribeModel", {"ModelName": model_name}, region=region)
            model |= {"Containers": await definitions(api, model, region)}
        plan = plan_variant(item, model)
        variants.append(replace(plan, explainer=explainer, tags=tags))
    return Deployment(uuid4().hex[:12], config_name, tuple(variants), config.get("DataCaptureConfig"))


def plan_variant(variant: Document, model: Document) -> VariantPlan:
    """A production variant and its model (DescribeModel) as a plan; ValidationError for what cannot be served."""
    definitions: list[Document] = model.get("Containers", [model.get("PrimaryContainer") or {}])
    serverless = variant.get("ServerlessConfig")
    default_timeout = SERVERLESS_STARTUP_TIMEOUT if serverless else STARTUP_TIMEOUT
    return VariantPlan(
        name=variant["VariantName"],
        model_name=model["ModelName"],
        containers=tuple(_container(definition, model["ModelName"]) for definition in definitions),
        direct=(model.get("InferenceExecutionConfig") or {}).get("Mode") == "Direct",
        count=1 if serverless else int(variant.get("InitialInstanceCount") or 1),
        weight=float(variant.get("InitialVariantWeight", 1.0)),
        startup_timeout=float(variant.get("ContainerStartupHealthCheckTimeoutInSeconds") or default_timeout),
        serverless=serverless,
        instance_type=variant.get("InstanceType"),
        isolated=bool(model.get("EnableNetworkIsolation")),
    )


def _container(definition: Document, model_name: str) -> ContainerPlan:
    if definition.get("Mode") == "MultiModel":
        raise ValidationError(
            f"Model {model_name} is a multi-model container (Mode MultiModel), which Sageyard does not serve: "
            "create one model for each artifact and one variant or endpoint for each model"
        )
    if not definition.get("Image"):
        raise ValidationError(
            f"Model {model_name} names no container image: give its container an Image or a ModelPackageName"
        )
    return ContainerPlan(
        image=definition["Image"],
        environment={name: str(value) for name, value in (definition.get("Environment") or {}).items()},
        hostname=definition.get("ContainerHostname"),
        source=_source(definition),
    )


def _source(definition: dict[str, Any]) -> ModelSource | None:
    if data := (definition.get("ModelDataSource") or {}).get("S3DataSource"):
        archive = data.get("CompressionType") == "Gzip"
        return ModelSource(data["S3Uri"], archive, prefix=not archive and data.get("S3DataType") == "S3Prefix")
    if url := definition.get("ModelDataUrl"):
        return ModelSource(url, archive=True, prefix=False)
    return None
