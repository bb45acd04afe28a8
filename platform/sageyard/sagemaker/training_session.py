"""Training sessions. Records: no foundation model is tuned here, so a session that is created fails and says so."""

from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Document, Resource
from sageyard.sagemaker.ended_first import EndedFirst

OPERATIONS = (
    "ExecuteSamplingOperation", "ExecuteTrainingOperation", "GetSamplingOperationResult", "GetTrainingOperationResult",
    "SampleTrainingSession", "SampleTrainingSessionWithResponseStream",
)  # fmt: skip
NO_SESSION = (
    "a session steps a foundation model on AWS's machines, and none is here. Train with CreateTrainingJob and a script "
    "of your own."
)


class TrainingSessionHooks(EndedFirst):
    """Its reason for failing is called ErrorDetails."""

    def describe(self, resource: Resource, document: Document) -> Document:
        return {"ErrorDetails": document.get("FailureReason"), **document}


def family(engine: Engine) -> Family:
    """TrainingSession: Created is its first status, and Running follows on AWS (the model's enum). A session is
    stopped before it is deleted (DeleteTrainingSession's documentation)."""
    spec = engine.specs["TrainingSession"]
    settled = spec.settled - {"Created", "Scheduled"}
    hooks = TrainingSessionHooks(spec.statuses - settled)
    return Family(
        overrides={"TrainingSession": {"settled": settled, "hooks": hooks}},
        refused=dict.fromkeys(OPERATIONS, NO_SESSION),
    )
