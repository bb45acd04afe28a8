"""Transform jobs."""

from sageyard.resources.family import Family
from sageyard.resources.spec import Hooks


def family(hooks: Hooks) -> Family:
    """A job of a model that exists."""
    return Family(overrides={"TransformJob": {"hooks": hooks, "grade": "runs"}})
