"""Tags, on every resource that has an ARN."""

from sageyard.errors import ResourceNotFoundError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document

MAX_TAGS = 50


def family(engine: Engine) -> Family:
    """AddTags, ListTags, DeleteTags."""
    store = engine.store

    def check(arn: str) -> None:
        if store.by_arn(arn) is None:
            raise ResourceNotFoundError(f"Could not find resource with ARN {arn!r}: only existing resources have tags.")

    async def add_tags(request: Document, context: Context) -> Document:
        arn = request["ResourceArn"]
        check(arn)
        wanted = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        if reserved := [key for key in wanted if key.lower().startswith("aws:")]:
            raise ValidationError(f"Tag key {reserved[0]!r} starts with 'aws:', which is reserved: choose another key.")
        if len(dict(store.tags(arn)) | wanted) > MAX_TAGS:
            raise ValidationError(f"{arn} would have more than {MAX_TAGS} tags: remove some first with DeleteTags.")
        store.add_tags(arn, wanted.items())
        return {"Tags": _shown(store.tags(arn))}

    async def list_tags(request: Document, context: Context) -> Document:
        check(request["ResourceArn"])
        return {"Tags": _shown(store.tags(request["ResourceArn"]))}

    async def delete_tags(request: Document, context: Context) -> Document:
        check(request["ResourceArn"])
        store.delete_tags(request["ResourceArn"], request["TagKeys"])
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
