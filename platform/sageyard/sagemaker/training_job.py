"""Training jobs: a process or container that reads channels and leaves a model."""

from sageyard.resources.family import Family
from sageyard.resources.spec import Hooks


def family(hooks: Hooks) -> Family:
    """Not-found and conflict texts as AWS answers them (aws/aws-sdk #165, amazon-sagemaker-examples #3108)."""
    return Family(
        overrides={
            "TrainingJob": {
                "not_found_code": "ValidationException",
                "not_found": "Requested resource not found.",
                "exists": "Training job names must be unique within an AWS account and region, but a training job "
                "with this name already exists ({arn})",
                "hooks": hooks,
                "grade": "runs",
            }
        }
    )
