"""Lists that AWS fills: model zoos, resource catalogs, schemas of jobs. Nothing of it is here, and lists are empty."""

from sageyard.errors import ResourceNotFoundError
from sageyard.resources.family import Family
from sageyard.resources.operations import Function
from sageyard.resources.spec import Context, Document
from sageyard.resources.tokens import invalid


def family() -> Family:
    """ListModelMetadata, ListResourceCatalogs, ListJobSchemaVersions, DescribeJobSchemaVersion."""

    def nothing(member: str) -> Function:
        async def answer(request: Document, context: Context) -> Document:
            if "NextToken" in request:
                raise invalid(request["NextToken"])
            return {member: []}

        return answer

    async def no_schema(request: Document, context: Context) -> Document:
        raise ResourceNotFoundError(
            f"Could not find a schema of the job category {request['JobCategory']}: Sageyard has none, and accepts any "
            "JobConfigDocument."
        )

    return Family(
        functions={
            "ListModelMetadata": (nothing("ModelMetadataSummaries"), "simulated"),
            "ListResourceCatalogs": (nothing("ResourceCatalogs"), "simulated"),
            "ListJobSchemaVersions": (nothing("JobConfigSchemas"), "simulated"),
            "DescribeJobSchemaVersion": (no_schema, "simulated"),
        }
    )
