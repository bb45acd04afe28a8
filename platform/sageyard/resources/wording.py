"""AWS's own words for what is not there and what is there already, by resource type, where they are public.

Sources: [ack] generator.yaml of aws-controllers-k8s/sagemaker-controller, [op] aws/amazon-sagemaker-operator-for-k8s,
[cfn] aws-cloudformation-resource-providers-sagemaker, [tf] hashicorp/terraform-provider-aws (finders of
internal/service/sagemaker, issues), [moto] getmoto/moto; issue threads by repository and number. What has no entry is
worded by the defaults of `ResourceSpec`, in AWS's style. Texts may use {noun}, {name} and {arn}.
"""

from collections.abc import Mapping
from typing import Any

VALIDATION = "ValidationException"
UNIQUE = "{} names must be unique within an AWS account and region"
JOB = "Could not find requested job with name: {name}"


def _job(noun: str) -> str:
    """How a second training job is refused (SuperCowPowers/workbench #384); the other kinds of job alike."""
    return f"{UNIQUE.format(noun.capitalize())}, and a {noun} with this name already exists ({{arn}})"


def _chosen(noun: str) -> str:
    """[moto], of Cluster, CompilationJob, Domain, FeatureGroup and job definitions."""
    return f"Resource Already Exists: {noun} with name {{name}} already exists. Choose a different name."


WORDING: Mapping[str, Mapping[str, Any]] = {
    "AppImageConfig": {  # aws-samples/sagemaker-studio-custom-image-samples #17; [tf] "does not exist"
        "not_found": "AppImageConfig with AppImageConfigName {name} does not exist.",
        "exists": "The ID or Name specified is already in use.",
    },
    "App": {"not_found": "App [{arn}] does not exist."},
    "AutoMLJob": {  # aws/amazon-sagemaker-examples #2244
        "not_found": "Amazon SageMaker can't find an AutoML job called {name}.",
        "exists": "An AutoML job with the name, {name}, already exists. Choose a different name.",
    },
    "AutoMLJobV2": {
        "not_found": "Amazon SageMaker can't find an AutoML job called {name}.",
        "exists": "An AutoML job with the name, {name}, already exists. Choose a different name.",
    },
    "Cluster": {  # aws sagemaker describe-cluster after its deletion; [moto]
        "not_found": "Could not find cluster '{arn}'",
        "exists": _chosen("Cluster"),
    },
    "CodeRepository": {"not_found": "Cannot find CodeRepository: {arn}"},  # [tf]
    "CompilationJob": {
        "not_found": "Amazon SageMaker can't find a compilation job called {name}.",
        "exists": _chosen("Compilation job"),
    },
    "DataQualityJobDefinition": {"exists": _chosen("Job definition")},
    "DeviceFleet": {"not_found_code": VALIDATION, "not_found": "No devicefleet with name: [{name}] exists"},  # [tf]
    "Domain": {"not_found": "Domain [{name}] does not exist."},
    "EndpointConfig": {"noun": "endpoint configuration"},  # [ack], [op]
    "Experiment": {  # aws/sagemaker-python-sdk #6256
        "exists": f"{UNIQUE.format('Experiment')}. Experiment with name ({{name}}) already exists.",
    },
    "FeatureGroup": {  # aws/sagemaker-python-sdk #2606; [moto]
        "not_found": "Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name {name}",
        "exists": f"{_chosen('FeatureGroup')}\nInfo: Feature Group '{{name}}' already exists.",
    },
    "HyperParameterTuningJob": {  # [op]; aws/amazon-sagemaker-examples #2440
        "not_found": "Amazon SageMaker can't find a tuning job called {name}.",
        "exists": "A hyperparameter tuning job with the name, {name}, already exists. Choose a different name.",
    },
    "Image": {  # boto/botocore #3782; sagemaker-studio-custom-image-samples #17
        "not_found": "Image with ARN {arn} does not exist",
        "exists": "The Image with ImageName {name} already exists. Please use a different ImageName.",
    },
    "ImageVersion": {  # the same thread
        "not_found": "Latest ImageVersion with ImageName {name} does not exist. Please provide a valid ImageName.",
    },
    "LabelingJob": {"not_found_code": VALIDATION, "not_found": JOB, "exists": _job("labeling job")},  # [ack]: the code
    "ModelBiasJobDefinition": {"exists": _chosen("Job definition")},
    "ModelCard": {  # [moto]
        "not_found": "Modelcard {name} does not exist.",
        "exists": "Modelcard {name} already exists",
    },
    "ModelExplainabilityJobDefinition": {"exists": _chosen("Job definition")},
    "ModelPackage": {"not_found": "ModelPackage {arn} does not exist."},  # [ack]
    "ModelPackageGroup": {  # [ack], [cfn]
        "not_found": "ModelPackageGroup {arn} does not exist.",
        "exists": "Model Package Group already exists: {arn}",
    },
    "ModelQualityJobDefinition": {"exists": _chosen("Job definition")},
    "NotebookInstance": {"not_found": "RecordNotFound"},  # [ack]; [tf] #7139
    "NotebookInstanceLifecycleConfig": {  # [ack], [moto]
        "not_found": "Unable to describe Notebook Instance Lifecycle Config '{arn}'. "
        "(Details: Notebook Instance Lifecycle Config does not exist.)",
        "exists": "Unable to create Notebook Instance Lifecycle Config {arn}. "
        "(Details: Notebook Instance Lifecycle Config already exists.)",
    },
    "Pipeline": {  # [ack]; [moto]; a ValidationException, as both SageMaker SDKs match it (SDK #6256)
        "not_found": "Pipeline '{arn}' does not exist.",
        "exists_code": VALIDATION,
        "exists": f"{UNIQUE.format('Pipeline')}. Pipeline with name ({{name}}) already exists.",
    },
    "ProcessingJob": {"not_found_code": VALIDATION, "not_found": JOB, "exists": _job("processing job")},  # [ack]
    "Project": {  # [cfn]
        "not_found": "Project {arn} does not exist.",
        "exists": "Project already exists: {arn}",
    },
    "Space": {"not_found": "Space [{arn}] does not exist."},
    "TrainingJob": {  # [ack]; aws/aws-sdk #165
        "not_found_code": VALIDATION,
        "not_found": "Requested resource not found.",
        "exists": _job("training job"),
    },
    "TransformJob": {"not_found_code": VALIDATION, "not_found": JOB, "exists": _job("transform job")},  # [ack]
    "UserProfile": {"not_found": "UserProfile [{arn}] does not exist."},
    "Workforce": {"not_found": "No workforce found with name {name}."},  # [tf]
    "Workteam": {"not_found": "The work team {arn} does not exist."},  # [tf]
}
