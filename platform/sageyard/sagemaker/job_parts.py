"""What recommendation jobs would make. None is run yet, so a job that exists has no parts."""

from sageyard.errors import ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.operations import Function
from sageyard.resources.query import selection
from sageyard.resources.spec import Context, Document


def family(engine: Engine) -> Family:
    """Lists of parts, and the scaling recommendation."""

    def none_of(kind: str, answered: str) -> Function:
        async def answer(request: Document, context: Context) -> Document:
            spec = engine.specs[kind]
            selection(spec, {"NextToken": request.get("NextToken")}, context.region)  # refuses one that no page gave
            engine.find(spec, request, context.region)
            return {answered: []}

        return answer

    async def recommendation(request: Document, context: Context) -> Document:
        kind = "InferenceRecommendationsJob"
        row = engine.find(engine.specs[kind], {"JobName": request["InferenceRecommendationsJobName"]}, context.region)
        raise ValidationError(
            f"Inference recommendations job {row.arn} is {row.status} and has no recommendation to scale: only a job "
            "that is COMPLETED has one."
        )

    return Family(
        functions={
            "ListInferenceRecommendationsJobSteps": (none_of("InferenceRecommendationsJob", "Steps"), "stored only"),
            "GetScalingConfigurationRecommendation": (recommendation, "stored only"),
        }
    )
