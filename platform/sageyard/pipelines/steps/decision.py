"""Steps that only decide: Condition and Fail."""

from sageyard.pipelines.conditions import holds
from sageyard.pipelines.expressions import ExpressionError
from sageyard.pipelines.steps.base import StepFailedError, StepRun, StepType
from sageyard.resources.spec import Document


class Condition(StepType):
    """All conditions hold: the steps of IfSteps run; else those of ElseSteps."""

    type = "Condition"

    async def start(self, run: StepRun) -> None:
        try:
            outcome = all(holds(condition) for condition in run.arguments["Conditions"])
        except ExpressionError as error:
            raise StepFailedError(str(error)) from None
        run.save_metadata({"Condition": {"Outcome": str(outcome)}})
        run.remember({"outcome": str(outcome)})

    async def finish(self, run: StepRun) -> Document:
        return {"Outcome": run.notes["outcome"]}


class Fail(StepType):
    """The execution fails with a message of the definition's."""

    type = "Fail"

    async def start(self, run: StepRun) -> None:
        message = str(run.arguments["ErrorMessage"])
        run.save_metadata({"Fail": {"ErrorMessage": message}})
        raise StepFailedError(message)
