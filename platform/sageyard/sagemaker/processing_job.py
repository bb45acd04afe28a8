"""Processing jobs: a script between S3 and S3, and what baselines and monitors run as."""

from sageyard.resources.family import Family
from sageyard.resources.spec import Hooks


def family(hooks: Hooks) -> Family:
    """Not-found text as the AWS controllers for Kubernetes match it."""
    return Family(
        overrides={
            "ProcessingJob": {
                "not_found_code": "ValidationException",
                "not_found": "Could not find requested job with name: {name}",
                "exists": "Processing job names must be unique within an AWS account and region, but a processing job "
                "with this name already exists ({arn})",
                "hooks": hooks,
                "grade": "runs",
            }
        }
    )
