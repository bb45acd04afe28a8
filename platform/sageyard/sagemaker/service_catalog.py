"""Service Catalog's portfolio of SageMaker, switched on and off, and projects. Records; nothing is provisioned."""

import uuid

from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document
from sageyard.resources.timed import TimedHooks


class ProjectHooks(TimedHooks):
    """A project has an ID beside its name."""

    async def prepare(self, request: Document, context: Context) -> Document:
        return request | {"ProjectId": f"p-{uuid.uuid4().hex[:12]}"}


def family(engine: Engine) -> Family:
    """Project and the portfolio's status, one for each region."""

    def fact(context: Context) -> str:
        return f"service catalog portfolio {context.region}"

    async def enable(request: Document, context: Context) -> Document:
        engine.store.remember(fact(context), "Enabled")
        return {}

    async def disable(request: Document, context: Context) -> Document:
        engine.store.remember(fact(context), "Disabled")
        return {}

    async def status(request: Document, context: Context) -> Document:
        return {"Status": engine.store.fact(fact(context)) or "Disabled"}

    return Family(
        overrides={"Project": {"hooks": ProjectHooks()}},
        functions={
            "EnableSagemakerServicecatalogPortfolio": (enable, "stored only"),
            "DisableSagemakerServicecatalogPortfolio": (disable, "stored only"),
            "GetSagemakerServicecatalogPortfolioStatus": (status, "stored only"),
        },
    )
