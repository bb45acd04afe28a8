"""What is recorded and not run, and must have ended before it is deleted."""

from sageyard.errors import AwsError
from sageyard.resources.spec import Context, Resource
from sageyard.resources.timed import TimedHooks


class EndedFirst(TimedHooks):
    """A job that is on its way, or stopping, is not deleted."""

    def __init__(self, moving: frozenset[str], code: str = "ValidationException") -> None:
        self.moving = moving
        self.code = code

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        if resource.status in self.moving:
            raise AwsError(
                f"{resource.arn} is in status {resource.status}: stop it, and delete it when it has ended.",
                code=self.code,
            )
