"""One valid resource of any type, made through boto3 with everything it refers to."""

import itertools
import os
import uuid
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from sageyard.resources.derive import derive
from sageyard.resources.spec import ResourceSpec
from sageyard.wire import model

from tests.conformance.minimal_requests import Minimal
from tests.conftest import ROLE, eventually
from tests.property.beyond_the_model import ACCEPTED, BATCH_INPUT, IMAGE

MODEL = model.load("sagemaker")
SPECS = derive(MODEL)
KINDS = sorted(SPECS)
MINIMAL = Minimal(MODEL)
NAMED_BY = {
    "ClusterSchedulerConfig": "Name", "ComputeQuota": "Name", "Domain": "DomainName", "MlflowApp": "Name",
    "ModelCardExportJob": "ModelCardExportJobName", "ModelPackage": "ModelPackageName", "PartnerApp": "Name",
    "App": "AppName", "ClusterExtension": "ExtensionName", "Job": "JobName",
}  # fmt: skip
"""What the creator calls a resource, where that is not the last member of its identity."""
ONE_AT_A_TIME = ("Workforce",)
"""An account has no second one in a region (CreateWorkforce's documentation)."""
BATCH = {"BatchTransformInput": BATCH_INPUT}


Request = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """A resource that exists: what created it, and what names it in every other request."""

    kind: str
    name: str
    request: dict[str, Any]
    identity: dict[str, Any]
    arn: str = ""
    needed: list["Made"] = field(default_factory=list)

    @property
    def shared(self) -> dict[str, Any]:
        """Members of the request that name what it needed: another one made with them needs nothing more."""
        names = [name for one in self.needed for name in (one.name, one.arn, *one.identity.values())]
        return {member: value for member, value in self.request.items() if isinstance(value, str) and value in names}


def code_of(error: Any) -> str:
    """The code of a ClientError."""
    return str(error.response["Error"]["Code"])


def verbs(kind: str) -> list[str]:
    """Those of Describe, Update, Delete, Start and Stop that a type has."""
    return [verb for verb in ("Describe", "Update", "Delete", "Start", "Stop") if f"{verb}{kind}" in MODEL.operations]


class ResourceMaker:
    """Makes resources with names of their own."""

    def __init__(self, client: Any, s3: Any) -> None:
        self.client = client
        self.s3 = s3
        self._numbers = itertools.count()
        self._prefix = os.urandom(3).hex()
        self._bucket = ""

    def name(self) -> str:
        """A name that no other resource has."""
        return f"made-{self._prefix}-{next(self._numbers)}"

    @staticmethod
    def token() -> str:
        """A client token that no request had."""
        return str(uuid.uuid4())

    @property
    def bucket(self) -> str:
        """A bucket that exists."""
        if not self._bucket:
            self._bucket = self.name()
            self.s3.create_bucket(Bucket=self._bucket)
        return self._bucket

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Any operation by its name in the model."""
        answer: dict[str, Any] = getattr(self.client, xform_name(operation))(**request)
        return answer

    @staticmethod
    def takes(kind: str, member: str) -> bool:
        """Whether a type's Create request has a member."""
        return member in MODEL.input_shape(f"Create{kind}")["members"]

    def make(self, kind: str, name: str | None = None, *, wait: bool = True, **members: Any) -> Made:
        """Create one with all that it needs, and wait until it moves no more."""
        spec, name = SPECS[kind], name or self.name()
        needed: list[Made] = []
        request = self.request(kind, name, needed, members)
        answer = self.call(f"Create{kind}", request)
        identity = {member: request[member] if member in request else answer[member] for member in spec.identity}
        identity |= {"UserProfileName": request["UserProfileName"]} if kind == "App" else {}
        made = Made(kind, name, request, identity, str(answer.get(spec.arn_member, "")), needed)
        if wait:
            self.settle(made)
        return made

    def settle(self, made: Made) -> dict[str, Any]:
        """What Describe answers once the status is a settled one."""
        spec = SPECS[made.kind]
        moving = spec.statuses - spec.settled | ({"Created"} if made.kind == "TrainingSession" else set())

        def settled() -> dict[str, Any] | None:
            found = self.call(f"Describe{made.kind}", made.identity)
            found = found[spec.wrapped] if spec.wrapped else found
            return found if found.get(spec.status_member) not in moving else None

        found: dict[str, Any] = eventually(settled, 60, f"a settled status of {made.kind} {made.name}")
        return found

    def rest(self, made: Made) -> None:
        """Stop what must not run while it is changed or deleted."""
        if made.kind == "NotebookInstance":
            self.client.stop_notebook_instance(NotebookInstanceName=made.name)
            self.settle(made)

    def delete(self, made: Made) -> None:
        """Delete it and wait until Describe does not find it."""
        self.rest(made)
        members = MODEL.input_shape(f"Delete{made.kind}")["members"]
        known = {**made.request, **made.identity, SPECS[made.kind].arn_member: made.arn}
        required = MODEL.input_shape(f"Delete{made.kind}").get("required", ())
        request = {member: known[member] for member in members if member in made.identity or member in required}
        self.call(f"Delete{made.kind}", request)

        def gone() -> bool:
            try:
                found = self.call(f"Describe{made.kind}", made.identity)
            except ClientError as error:
                return code_of(error) in {"ResourceNotFound", "ValidationException"}
            return found.get(SPECS[made.kind].status_member) in {"Deleted", "DELETED"}

        eventually(gone, 30, f"the end of {made.kind} {made.name}")

    def request(
        self, kind: str, name: str, needed: list[Made], members: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """A Create request with these members that is accepted; what else it refers to is made first and noted in
        `needed`."""
        spec, members = SPECS[kind], members or {}
        request = MINIMAL.request(f"Create{kind}") | ACCEPTED.get(f"Create{kind}", {})
        for member, target in self._referred(spec, request):
            if member not in members:
                request[member] = next(iter(self._need(target, needed).identity.values()))
        request[NAMED_BY.get(kind, spec.identity[-1])] = name.replace("-", "") if kind == "PartnerApp" else name
        if "RoleArn" in request:
            request["RoleArn"] = ROLE
        token = SPECS[kind].token_member
        if token in request:
            request[token] = self.token()
        request |= members
        special = getattr(self, f"_{xform_name(kind)}", None)
        if special is not None:
            special(request, members, needed)
        return {member: value for member, value in request.items() if self.takes(kind, member)} | members

    @staticmethod
    def _referred(spec: ResourceSpec, request: dict[str, Any]) -> list[tuple[str, str]]:
        named = [(reference.path, reference.kind) for reference in spec.references if reference.path in request]
        return named + ([(spec.parent_member, spec.parent_kind)] if spec.parent_kind else [])

    # -- what the model does not tell ----------------------------------------------------------------------------

    def _need(self, kind: str, needed: list[Made], **members: Any) -> Made:
        made = self.make(kind, **members)
        needed.append(made)
        return made

    def _endpoint_config(self, request: Request, given: Request, needed: list[Made]) -> None:
        if "ProductionVariants" not in given:
            variant = {"VariantName": "v", "ModelName": self._need("Model", needed).name}
            request["ProductionVariants"] = [variant | {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}]

    def _ai_benchmark_job(self, request: Request, given: Request, needed: list[Made]) -> None:
        request["AIWorkloadConfigIdentifier"] = self._need("AIWorkloadConfig", needed).name

    _ai_recommendation_job = _ai_benchmark_job

    def _artifact(self, request: Request, given: Request, needed: list[Made]) -> None:
        request["Source"] = {"SourceUri": f"s3://{self.name()}/object"}

    def _app(self, request: Request, given: Request, needed: list[Made]) -> None:
        if "UserProfileName" not in given:
            request["UserProfileName"] = self._need("UserProfile", needed, DomainId=request["DomainId"]).name

    def _feature_group(self, request: Request, given: Request, needed: list[Made]) -> None:
        request |= {
            "RecordIdentifierFeatureName": "id", "EventTimeFeatureName": "at",
            "OnlineStoreConfig": {"EnableOnlineStore": True},
            "FeatureDefinitions": [
                {"FeatureName": "id", "FeatureType": "String"}, {"FeatureName": "at", "FeatureType": "String"}
            ],
        }  # fmt: skip

    def _hyper_parameter_tuning_job(self, request: Request, given: Request, needed: list[Made]) -> None:
        request["HyperParameterTuningJobConfig"] = {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "2"}]},
        }
        request["TrainingJobDefinition"] = {
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE, "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "score", "Regex": "score=(.*)"}],
            },
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/tuned"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "RoleArn": ROLE, "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }  # fmt: skip

    def _image_version(self, request: Request, given: Request, needed: list[Made]) -> None:
        request["BaseImage"] = IMAGE
        if "ImageName" not in given:
            request["ImageName"] = self._need("Image", needed).name

    def _inference_experiment(self, request: Request, given: Request, needed: list[Made]) -> None:
        model_name = self._need("Model", needed).name
        for variant in request["ModelVariants"]:
            variant["ModelName"] = model_name

    def _cluster_extension(self, request: Request, given: Request, needed: list[Made]) -> None:
        request["ExtensionVersion"] = "1.0.0"
        if "ClusterArn" not in given:
            request["ClusterArn"] = self._need("Cluster", needed).arn

    def _workforce(self, request: Request, given: Request, needed: list[Made]) -> None:
        request["CognitoConfig"] = {"UserPool": "us-east-1_pool", "ClientId": "client"}
        for workforce in self.client.list_workforces()["Workforces"]:
            self.client.delete_workforce(WorkforceName=workforce["WorkforceName"])

    def _edge_deployment_plan(self, request: Request, given: Request, needed: list[Made]) -> None:
        for configuration in request["ModelConfigs"]:
            configuration["EdgePackagingJobName"] = self._need("EdgePackagingJob", needed).name

    def _inference_component(self, request: Request, given: Request, needed: list[Made]) -> None:
        if "EndpointName" not in given:
            variant = {"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
            config = self._need("EndpointConfig", needed, ProductionVariants=[variant], ExecutionRoleArn=ROLE)
            request["EndpointName"] = self._need("Endpoint", needed, EndpointConfigName=config.name).name
        model_name = self._need("Model", needed).name
        request |= {
            "VariantName": "v", "RuntimeConfig": {"CopyCount": 1},
            "Specification": {
                "ModelName": model_name,
                "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 128, "NumberOfCpuCoresRequired": 1},
            },
        }  # fmt: skip

    def _model_bias_job_definition(self, request: Request, given: Request, needed: list[Made]) -> None:
        request["ModelBiasJobInput"] = BATCH | {"GroundTruthS3Input": {"S3Uri": f"s3://{self.bucket}/truth"}}

    def _model_explainability_job_definition(self, request: Request, given: Request, needed: list[Made]) -> None:
        request["ModelExplainabilityJobInput"] = BATCH

    def _model_quality_job_definition(self, request: Request, given: Request, needed: list[Made]) -> None:
        request["ModelQualityJobInput"] = BATCH | {"GroundTruthS3Input": {"S3Uri": f"s3://{self.bucket}/truth"}}

    def _monitoring_schedule(self, request: Request, given: Request, needed: list[Made]) -> None:
        options = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
        capture = {"EnableCapture": True, "InitialSamplingPercentage": 100, "CaptureOptions": options}
        capture["DestinationS3Uri"] = f"s3://{self.bucket}/captured"
        configuration = self._need("EndpointConfig", needed, DataCaptureConfig=capture).name
        endpoint = {"EndpointName": self._need("Endpoint", needed, EndpointConfigName=configuration).name}
        endpoint["LocalPath"] = "/opt/ml/processing/input"
        data = {"EndpointInput": endpoint}
        definition = self._need("DataQualityJobDefinition", needed, DataQualityJobInput=data).name
        request["MonitoringScheduleConfig"] = {
            "MonitoringJobDefinitionName": definition, "MonitoringType": "DataQuality",
            "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
        }  # fmt: skip

    def _pipeline(self, request: Request, given: Request, needed: list[Made]) -> None:
        request["PipelineDefinition"] = '{"Version": "2020-12-01", "Steps": []}'

    def _model_card(self, request: Request, given: Request, needed: list[Made]) -> None:
        request["Content"] = "{}"

    def _model_card_export_job(self, request: Request, given: Request, needed: list[Made]) -> None:
        request["OutputConfig"] = {"S3OutputPath": f"s3://{self.bucket}/cards"}
