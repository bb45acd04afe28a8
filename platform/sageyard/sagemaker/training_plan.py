"""Training plans: records of capacity that AWS would reserve. There is none to buy here, so no offerings are found."""

from sageyard.errors import ResourceNotFoundError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.query import selection
from sageyard.resources.spec import Context, Document

KIND = "TrainingPlan"


def family(engine: Engine) -> Family:
    """Offerings, extensions and reserved capacity of TrainingPlan."""

    async def search(request: Document, context: Context) -> Document:
        """SearchTrainingPlanOfferings."""
        if "TrainingPlanArn" in request:
            engine.find(engine.specs[KIND], {"TrainingPlanName": request["TrainingPlanArn"]}, context.region)
        return {"TrainingPlanOfferings": []}

    async def extend(request: Document, context: Context) -> Document:
        """ExtendTrainingPlan: no offering exists that could be bought."""
        raise ResourceNotFoundError(
            f"Could not find training plan extension offering {request['TrainingPlanExtensionOfferingId']!r}: jobs run "
            "on this machine and need no reserved capacity."
        )

    async def history(request: Document, context: Context) -> Document:
        """DescribeTrainingPlanExtensionHistory."""
        selection(engine.specs[KIND], {"NextToken": request.get("NextToken")}, context.region)
        engine.find(engine.specs[KIND], {"TrainingPlanName": request["TrainingPlanArn"]}, context.region)
        return {"TrainingPlanExtensions": []}

    async def no_capacity(request: Document, context: Context) -> Document:
        """DescribeReservedCapacity, ListUltraServersByReservedCapacity: plans reserve nothing here."""
        raise ResourceNotFoundError(
            f"Could not find reserved capacity {request['ReservedCapacityArn']!r}: jobs run on this machine and need "
            "none."
        )

    return Family(
        functions={
            "SearchTrainingPlanOfferings": (search, "simulated"),
            "ExtendTrainingPlan": (extend, "simulated"),
            "DescribeTrainingPlanExtensionHistory": (history, "simulated"),
            "DescribeReservedCapacity": (no_capacity, "simulated"),
            "ListUltraServersByReservedCapacity": (no_capacity, "simulated"),
        }
    )
