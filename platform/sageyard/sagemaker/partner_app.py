"""Partner AI apps. Records; a partner's application runs only in AWS."""

import uuid

from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document
from sageyard.resources.timed import TimedHooks
from sageyard.sagemaker.presigned import Pages

KIND = "PartnerApp"


class PartnerAppHooks(TimedHooks):
    """Told apart by `app-` and 12 capitals and digits, as the pattern of their ARN says."""

    def identify(self, request: Document) -> str:
        return f"app-{uuid.uuid4().hex[:12].upper()}"


def family(engine: Engine, pages: Pages) -> Family:
    """PartnerApp."""

    async def presigned_url(request: Document, context: Context) -> Document:
        row = engine.find(engine.specs[KIND], request, context.region)
        return {"Url": pages.url("partner-app", row.document["Name"])}

    return Family(
        overrides={KIND: {"hooks": PartnerAppHooks(), "arn_path": "/".join}},
        functions={"CreatePartnerAppPresignedUrl": (presigned_url, "simulated")},
    )
