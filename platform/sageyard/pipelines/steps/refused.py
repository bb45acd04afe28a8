"""Steps that nothing here stands behind."""

from typing import ClassVar

from sageyard.pipelines.steps.base import StepFailedError, StepRun, StepType


class Refused(StepType):
    """Fails, and says what to use instead."""

    instead: ClassVar[str]

    async def start(self, run: StepRun) -> None:
        raise StepFailedError(f"Sageyard runs no {self.type} steps: {self.instead}.")


class EMR(Refused):
    """A Spark cluster's step."""

    type = "EMR"
    instead = "run the work in a Processing step with a Spark image, or in a function with @step"


class EMRServerless(EMR):
    """A serverless application's job run."""

    type = "EMRServerless"


class Job(Refused):
    """A job of a category: the customisation or evaluation of a foundation model."""

    type = "Job"
    instead = "no foundation model is customised or evaluated here; train a model of your own in a Training step"
