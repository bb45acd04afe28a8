"""Tags, on every resource that has an ARN."""

from sageyard.errors import ResourceNotFoundError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document
from sageyard.resources.tag_rules import check_tags
from sageyard.resources.tokens import invalid


def family(engine: Engine) -> Family:
    """AddTags, ListTags, DeleteTags."""
    store = engine.store

    def existing(request: Document, context: Context) -> str:
        """The ARN that a request names; another region's is not found, as it is there that one asks for it."""
        arn: str = request["ResourceArn"]
        row = store.by_arn(arn)
        if row is None or row.region != context.region:
            raise ResourceNotFoundError(f"Could not find resource with ARN {arn!r}: only existing resources have tags.")
        return arn

    async def add_tags(request: Document, context: Context) -> Document:
        arn = existing(request, context)
        store.add_tags(arn, check_tags(arn, store.tags(arn), request["Tags"]).items())
        return {"Tags": _shown(store.tags(arn))}

    async def list_tags(request: Document, context: Context) -> Document:
        """All tags fit on one page: a page has at least 50, and a resource at most."""
        if token := request.get("NextToken"):
            raise invalid(token)
        return {"Tags": _shown(store.tags(existing(request, context)))}

    async def delete_tags(request: Document, context: Context) -> Document:
        store.delete_tags(existing(request, context), request["TagKeys"])
        return {}

    return Family(
        functions={
            "AddTags": (add_tags, "runs"),
            "ListTags": (list_tags, "runs"),
            "DeleteTags": (delete_tags, "runs"),
        }
    )


def _shown(tags: list[tuple[str, str]]) -> list[Document]:
    return [{"Key": key, "Value": value} for key, value in tags]
