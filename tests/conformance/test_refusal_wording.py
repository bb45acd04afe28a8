"""What is not there and what is there already is refused with AWS's code and, where they are public, AWS's own words.

Sources: [ack] generator.yaml of aws-controllers-k8s/sagemaker-controller, [op] aws/amazon-sagemaker-operator-for-k8s,
[cfn] aws-cloudformation-resource-providers-sagemaker, [tf] hashicorp/terraform-provider-aws, [moto] getmoto/moto,
[sdk] aws/sagemaker-python-sdk; issue threads by repository and number; [model] the errors of botocore's model.
"""

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.conftest import OneOf
from tests.conformance.resource_maker import KINDS, MINIMAL, MODEL, SPECS, ResourceMaker, code_of, verbs

VALIDATION, NOT_FOUND, IN_USE, CONFLICT = (
    "ValidationException", "ResourceNotFound", "ResourceInUse", "ConflictException"
)  # fmt: skip

MISSING = [
    ("AppImageConfig", "Describe Delete Update", NOT_FOUND, "does not exist", "[tf] app_image_config.go"),
    ("AutoMLJob", "Describe Stop", NOT_FOUND, r"Amazon SageMaker can't find an AutoML job called NAME\.",
     "aws/amazon-sagemaker-examples #2244"),
    ("Cluster", "Describe", NOT_FOUND, "Could not find cluster 'ARN'", "aws sagemaker describe-cluster"),
    ("CodeRepository", "Describe Delete", VALIDATION, "Cannot find CodeRepository", "[tf] code_repository.go"),
    ("DataQualityJobDefinition", "Describe Delete", NOT_FOUND, "", "[ack]"),
    ("DeviceFleet", "Describe Delete", VALIDATION, "No devicefleet with name", "[tf] find.go"),
    ("Domain", "Describe Delete Update", NOT_FOUND, "", "[ack] [tf] find.go"),
    ("Endpoint", "Describe Delete Update", VALIDATION, 'Could not find endpoint "ARN"', "[ack] [op] [tf]"),
    ("EndpointConfig", "Describe Delete", VALIDATION, 'Could not find endpoint configuration "ARN"', "[ack] [op] [tf]"),
    ("FeatureGroup", "Describe Delete Update", NOT_FOUND, "can't find a FeatureGroup with name NAME", "[sdk] #2606"),
    ("FlowDefinition", "Describe Delete", NOT_FOUND, "", "[tf] find.go"),
    ("HumanTaskUi", "Describe Delete", NOT_FOUND, "", "[tf] find.go"),
    ("HyperParameterTuningJob", "Describe Stop", NOT_FOUND, "Amazon SageMaker can't find a tuning job", "[op]"),
    ("Image", "Describe Delete Update", NOT_FOUND, "does not exist", "[tf] image.go"),
    ("ImageVersion", "Describe Delete", NOT_FOUND, "ImageVersion with ImageName NAME.* does not exist",
     "aws-samples/sagemaker-studio-custom-image-samples #17"),
    ("InferenceComponent", "Describe Delete Update", VALIDATION, "Could not find inference component", "[ack] [sdk]"),
    ("LabelingJob", "Describe Stop", VALIDATION, "", "[ack]"),
    ("Model", "Describe Delete", VALIDATION, 'Could not find model "ARN"', "[ack] [op] boto/boto3 #2886"),
    ("ModelBiasJobDefinition", "Describe Delete", NOT_FOUND, "", "[ack]"),
    ("ModelCard", "Describe Delete Update", NOT_FOUND, "does not exist|Requested resource not found", "[moto] [sdk]"),
    ("ModelExplainabilityJobDefinition", "Describe Delete", NOT_FOUND, "", "[ack]"),
    ("ModelPackage", "Describe Delete", VALIDATION, r"does not exist\.$", "[ack]"),
    ("ModelPackageGroup", "Describe Delete", VALIDATION, r"^ModelPackageGroup ARN does not exist\.$", "[ack] [cfn]"),
    ("ModelQualityJobDefinition", "Describe Delete", NOT_FOUND, "", "[ack]"),
    ("MonitoringSchedule", "Describe Delete Update Start Stop", NOT_FOUND, "", "[ack] [sdk]"),
    ("NotebookInstance", "Describe", VALIDATION, "RecordNotFound", "[ack] [tf] #7139"),
    ("NotebookInstanceLifecycleConfig", "Describe", VALIDATION,
     "^Unable to describe Notebook Instance Lifecycle Config", "[ack] [moto]"),
    ("Pipeline", "Describe Delete Update", NOT_FOUND, r"does not exist\.$", "[ack]"),
    ("ProcessingJob", "Describe Stop", VALIDATION, "^Could not find requested job with name: NAME", "[ack] [op]"),
    ("Project", "Describe Delete", VALIDATION, r"^Project ARN does not exist\.", "[cfn] [tf] find.go"),
    ("Space", "Describe Delete Update", NOT_FOUND, "", "[ack]"),
    ("StudioLifecycleConfig", "Describe Delete", NOT_FOUND, "", "[tf] find.go"),
    ("TrainingJob", "Describe Stop", VALIDATION, r"^Requested resource not found\.$", "[ack] [op] aws/aws-sdk #165"),
    ("TransformJob", "Describe Stop", VALIDATION, "^Could not find requested job with name: NAME", "[ack]"),
    ("UserProfile", "Describe Delete Update", NOT_FOUND, "", "[ack] [tf] find.go"),
    ("Workforce", "Describe Delete", VALIDATION, "No workforce", "[tf] find.go"),
    ("Workteam", "Describe Delete", VALIDATION, "The work team", "[tf] find.go"),
]  # fmt: skip
"""Kind, verbs, code, what the message has, and who says so."""

TAKEN = [
    ("AppImageConfig", IN_USE, "The ID or Name specified is already in use", "custom-image-samples #17"),
    ("Cluster", IN_USE, "Cluster with name NAME already exists. Choose a different name.", "[moto]"),
    ("Endpoint", VALIDATION, 'Cannot create already existing endpoint "ARN"',
     "ministryofjustice/modernisation-platform-environments #9383"),
    ("EndpointConfig", VALIDATION, 'Cannot create already existing endpoint configuration "ARN"',
     "awslabs/spot-tagging-bot-for-digital-assets #2"),
    ("Experiment", VALIDATION, "names must be unique within an AWS account.*already exists", "[sdk] #6256"),
    ("FeatureGroup", IN_USE, "FeatureGroup with name NAME already exists. Choose a different name.", "[moto]"),
    ("HyperParameterTuningJob", IN_USE, "A hyperparameter tuning job with the name, NAME, already exists. Choose a",
     "aws/amazon-sagemaker-examples #2440"),
    ("Image", IN_USE, "The Image with ImageName NAME already exists. Please use a different ImageName",
     "custom-image-samples #17"),
    ("Model", VALIDATION, 'Cannot create already existing model "ARN"', "astronomer/astronomer-providers #1055"),
    ("ModelCard", CONFLICT, "already exists", "[moto]"),
    ("ModelPackageGroup", VALIDATION, "Model Package Group already exists: ARN", "[cfn]"),
    ("NotebookInstanceLifecycleConfig", VALIDATION, "Notebook Instance Lifecycle Config already exists", "[moto]"),
    ("Pipeline", VALIDATION, "names must be unique within an AWS account.*already exists", "[moto] [sdk] #6256"),
    ("Project", VALIDATION, "Project already exists: ARN", "[cfn]"),
    ("TrainingJob", IN_USE, "Training job names must be unique within an AWS account and region, and a training job "
     r"with this name already exists \(ARN\)", "SuperCowPowers/workbench #384"),
]  # fmt: skip


def absent(kind: str, verb: str) -> dict[str, Any]:
    """A valid request for something that there is not."""
    spec = SPECS[kind]
    described = MINIMAL.request(f"Describe{kind}")
    request = MINIMAL.request(f"{verb}{kind}")
    known = MODEL.input_shape(f"{verb}{kind}")["members"]
    request |= {name: value for name, value in described.items() if name in known}
    if spec.identity[-1] in request and not spec.generated and kind != "Job":
        request[spec.identity[-1]] = "never-made"
    return request


def matches(kind: str, pattern: str, name: str, message: str) -> bool:
    arn = rf"arn:aws:sagemaker:us-east-1:123456789012:{SPECS[kind].arn_noun}/{re.escape(name)}"
    return re.search(pattern.replace("ARN", arn).replace("NAME", re.escape(name)), message) is not None


@pytest.mark.parametrize(
    ("kind", "verb", "code", "pattern"),
    [(kind, verb, code, pattern) for kind, names, code, pattern, _ in MISSING for verb in names.split()],
)
def test_what_is_not_there_is_refused_in_awss_words(
    maker: ResourceMaker, kind: str, verb: str, code: str, pattern: str
) -> None:
    with pytest.raises(ClientError) as caught:
        maker.call(f"{verb}{kind}", absent(kind, verb))
    assert code_of(caught.value) == code
    assert matches(kind, pattern, "never-made", caught.value.response["Error"]["Message"])


@pytest.mark.parametrize(("kind", "code", "pattern"), [row[:3] for row in TAKEN])
def test_a_taken_name_is_refused_in_awss_words(one_of: OneOf, kind: str, code: str, pattern: str) -> None:
    made = one_of(kind)
    token = SPECS[kind].token_member
    fresh = {token: one_of.maker.token()} if token in made.request else {}
    with pytest.raises(ClientError) as caught:
        one_of.maker.call(f"Create{kind}", made.request | fresh)
    assert code_of(caught.value) == code
    assert matches(kind, pattern, made.name, caught.value.response["Error"]["Message"])


@pytest.mark.parametrize(("kind", "verb"), [(kind, verb) for kind in KINDS for verb in verbs(kind)])
def test_every_verb_of_every_type_refuses_what_is_not_there(maker: ResourceMaker, kind: str, verb: str) -> None:
    """With one code for all verbs; ResourceNotFound only where the model declares it: clients catch it as a class."""
    with pytest.raises(ClientError) as caught:
        maker.call(f"{verb}{kind}", absent(kind, verb))
    code, message = code_of(caught.value), caught.value.response["Error"]["Message"]
    assert code in {NOT_FOUND, VALIDATION}
    assert "validation error" not in message
    assert code == SPECS[kind].not_found_code
    assert code == VALIDATION or NOT_FOUND in MODEL.errors(f"Describe{kind}"), message
