"""What a schedule analyses: its job definition, named or inline, in one shape.

The shape is the API's `MonitoringJobDefinition`, which an inline definition has already; the four *JobDefinition
types say the same in members of their own names.
"""

from sageyard.cloud import split_s3_uri
from sageyard.errors import AwsError, ValidationError
from sageyard.resources.spec import Api, Document

DATA_QUALITY = "DataQuality"
MODEL_QUALITY = "ModelQuality"
MODEL_BIAS = "ModelBias"
MODEL_EXPLAINABILITY = "ModelExplainability"
TYPES = (DATA_QUALITY, MODEL_QUALITY, MODEL_BIAS, MODEL_EXPLAINABILITY)
LABELLED = (MODEL_QUALITY, MODEL_BIAS)
"""The monitoring types that need ground truth, which a job before the analysis joins with the captures."""
BY_CLARIFY = (MODEL_BIAS, MODEL_EXPLAINABILITY)
"""The monitoring types that Clarify's container analyses. Its baseline is an analysis.json."""
_PREFIXES = {
    MODEL_QUALITY: "model-quality-monitoring",
    MODEL_BIAS: "model-bias-monitoring",
    MODEL_EXPLAINABILITY: "explainability-monitoring",
}


class ExecutionError(Exception):
    """Why an execution ended without a report; the message becomes its FailureReason."""

    def __init__(self, reason: str, status: str = "Failed") -> None:
        super().__init__(reason)
        self.status = status


def monitoring_type(config: Document) -> str:
    """The type of a MonitoringScheduleConfig: an inline definition that names none is data quality."""
    return str(config.get("MonitoringType", DATA_QUALITY))


def job_prefix(kind: str) -> str:
    """How the names of a monitoring type's executions, which are those of their analysis jobs, begin: 38 characters
    follow, and a job's name has at most 63."""
    return _PREFIXES.get(kind, "model-monitoring")


async def resolve(config: Document, api: Api, region: str) -> Document:
    """The MonitoringJobDefinition of a MonitoringScheduleConfig; a named one that is missing raises AwsError."""
    if "MonitoringJobDefinition" in config:
        inline: Document = config["MonitoringJobDefinition"]
        return inline
    kind, name = monitoring_type(config), config["MonitoringJobDefinitionName"]
    found = await api.call(f"Describe{kind}JobDefinition", {"JobDefinitionName": name}, region=region)
    application = found[f"{kind}AppSpecification"]
    members = {
        "BaselineConfig": found.get(f"{kind}BaselineConfig"),
        "MonitoringInputs": [found[f"{kind}JobInput"]],
        "MonitoringOutputConfig": found[f"{kind}JobOutputConfig"],
        "MonitoringResources": found["JobResources"],
        "MonitoringAppSpecification": application,
        "Environment": application.get("Environment"),
        "StoppingCondition": found.get("StoppingCondition"),
        "NetworkConfig": found.get("NetworkConfig"),
        "RoleArn": found["RoleArn"],
    }
    return {name: value for name, value in members.items() if value is not None}


def data_input(definition: Document) -> Document:
    """The definition's EndpointInput or BatchTransformInput; the first has an EndpointName."""
    given = definition["MonitoringInputs"][0]
    found: Document = given.get("EndpointInput") or given["BatchTransformInput"]
    return found


def local_path(data: Document) -> str:
    """LocalPath of an input. AWS's guide has it without the first slash in places."""
    return f"/{data['LocalPath'].strip('/')}"


async def check_input(given: Document, shape: str, api: Api, region: str) -> str | None:
    """Refuse a job input (`shape` is its name) that names no captures; answers its endpoint, None for a batch's."""
    if ("EndpointInput" in given) == ("BatchTransformInput" in given):
        raise ValidationError(f"{shape} must have either EndpointInput or BatchTransformInput, and not both.")
    if "EndpointInput" in given:
        endpoint = str(given["EndpointInput"]["EndpointName"])
        await check_endpoint(endpoint, api, region)
        return endpoint
    data = given["BatchTransformInput"]
    try:
        split_s3_uri(data["DataCapturedDestinationS3Uri"])
    except ValueError as error:
        raise ValidationError(f"BatchTransformInput.DataCapturedDestinationS3Uri: {error}.") from None
    if len(data["DatasetFormat"]) != 1:
        raise ValidationError(
            f"BatchTransformInput.DatasetFormat has {' and '.join(data['DatasetFormat']) or 'no member'}: it must have "
            "one of Csv, Json and Parquet."
        )
    return None


async def check_endpoint(name: str, api: Api, region: str) -> None:
    """Refuse an endpoint that does not exist."""
    try:
        await api.call("DescribeEndpoint", {"EndpointName": name}, region=region)
    except AwsError:
        raise ValidationError(
            f"Endpoint {name!r} does not exist in {region}: create the endpoint that shall be monitored first."
        ) from None
