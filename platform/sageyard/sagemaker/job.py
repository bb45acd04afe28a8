"""Jobs of a category. Records: no model is customised or evaluated here, so a job fails and says so."""

from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.sagemaker.ended_first import EndedFirst

NO_MODEL = (
    "a rollout asks the model that a job customises, and no foundation model is customised here. Serve your model on "
    "an endpoint and call InvokeEndpoint."
)


def _path(identity: list[str]) -> str:
    """`AgentRFT/my-job`: the category comes first (pattern of JobArn)."""
    name, category = identity
    return f"{category}/{name.lower()}"


def family(engine: Engine) -> Family:
    """Job: a running one is stopped before it is deleted (DeleteJob's documentation)."""
    spec = engine.specs["Job"]
    hooks = EndedFirst(spec.statuses - spec.settled, "ResourceInUse")
    return Family(
        overrides={"Job": {"arn_path": _path, "hooks": hooks}},
        refused=dict.fromkeys(("CompleteRollout", "Sample", "SampleWithResponseStream", "UpdateReward"), NO_MODEL),
    )
