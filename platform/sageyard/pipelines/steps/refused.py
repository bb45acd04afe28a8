"""Steps of services that nothing here stands for."""

from sageyard.pipelines.steps.base import StepFailedError, StepRun, StepType


class EMR(StepType):
    """A Spark cluster's step."""

    type = "EMR"
    instead = "run the work in a Processing step with a Spark image, or in a function with @step"

    async def start(self, run: StepRun) -> None:
        raise StepFailedError(f"Sageyard runs no {self.type} steps: {self.instead}.")


class EMRServerless(EMR):
    """A serverless application's job run."""

    type = "EMRServerless"
