"""Processing jobs: a script between S3 and S3, and what baselines and monitors run as."""

from sageyard.resources.family import Family
from sageyard.resources.spec import Hooks


def family(hooks: Hooks) -> Family:
    """ProcessingJob, on a runner."""
    return Family(overrides={"ProcessingJob": {"hooks": hooks, "grade": "runs"}})
