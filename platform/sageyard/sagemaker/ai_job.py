"""AI benchmark and recommendation jobs and the workloads they put on a model. Records: nothing is measured here."""

from sageyard.errors import ResourceInUseError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document, Hooks, Resource
from sageyard.resources.timed import TimedHooks

CONFIG = "AIWorkloadConfig"
IDENTIFIER = "AIWorkloadConfigIdentifier"
JOBS = ("AIBenchmarkJob", "AIRecommendationJob")


class JobHooks(TimedHooks):
    """A job names its workload configuration by name or ARN; it must exist."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def prepare(self, request: Document, context: Context) -> Document:
        self.engine.find(self.engine.specs[CONFIG], {"AIWorkloadConfigName": request[IDENTIFIER]}, context.region)
        return request


class ConfigHooks(Hooks):
    """A configuration that an active job refers to stays (DeleteAIWorkloadConfig's documentation)."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        for kind in JOBS:
            spec = self.engine.specs[kind]
            for row in self.engine.store.in_statuses(kind, spec.statuses - spec.settled):
                if row.region == resource.region and row.document[IDENTIFIER] in {resource.name, resource.arn}:
                    raise ResourceInUseError(
                        f"AI workload config {resource.arn} is in use: wait for the end of {row.arn}, or stop it."
                    )


def family(engine: Engine) -> Family:
    """AIBenchmarkJob, AIRecommendationJob and AIWorkloadConfig."""
    return Family(
        overrides={CONFIG: {"hooks": ConfigHooks(engine)}} | {kind: {"hooks": JobHooks(engine)} for kind in JOBS}
    )
