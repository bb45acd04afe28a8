"""AutoML jobs. Records: nothing searches for a model here, so a job fails and says so.

The two versions of the API make one kind of job: names are unique among both, ListAutoMLJobs and StopAutoMLJob know
both, DescribeAutoMLJobV2 shows both and DescribeAutoMLJob only those of the first (their documentation).
"""

from sageyard.errors import ResourceNotFoundError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document

KIND = "AutoMLJob"
SECOND = "AutoMLProblemTypeConfig"
"""What every request of CreateAutoMLJobV2 has and none of CreateAutoMLJob."""


class AutoMLJobs:
    """The operations in which the two versions differ."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def create(self, request: Document, context: Context) -> Document:
        """CreateAutoMLJobV2."""
        return await self.engine.create(self.engine.specs[KIND], request, context)

    async def describe_first(self, request: Document, context: Context) -> Document:
        """DescribeAutoMLJob."""
        document = self.engine.describe(self.engine.specs[KIND], request, context)
        if SECOND in document:
            raise ResourceNotFoundError(
                f"Amazon SageMaker can't find an AutoML job called {request['AutoMLJobName']} of the first version: "
                "describe it with DescribeAutoMLJobV2."
            )
        return document

    async def describe(self, request: Document, context: Context) -> Document:
        """DescribeAutoMLJobV2: channels of a job of the first version are shown in the words of the second."""
        document = self.engine.describe(self.engine.specs[KIND], request, context)
        if SECOND in document:
            return document | {"AutoMLProblemTypeConfigName": _problem(document[SECOND])}
        configuration = document.get("AutoMLJobConfig", {})
        tabular = {"TargetAttributeName": document["InputDataConfig"][0]["TargetAttributeName"]}
        return document | {
            "AutoMLJobInputDataConfig": document["InputDataConfig"],
            SECOND: {"TabularJobConfig": tabular | {"ProblemType": document.get("ProblemType")}},
            "AutoMLProblemTypeConfigName": "Tabular",
            "SecurityConfig": configuration.get("SecurityConfig"),
            "DataSplitConfig": configuration.get("DataSplitConfig"),
        }


def _problem(configuration: Document) -> str:
    """`TextClassification` of a `TextClassificationJobConfig`."""
    return next(iter(configuration)).removesuffix("JobConfig")


def family(engine: Engine) -> Family:
    """AutoMLJob and AutoMLJobV2."""
    jobs = AutoMLJobs(engine)
    return Family(
        functions={
            "CreateAutoMLJobV2": (jobs.create, "stored only"),
            "DescribeAutoMLJob": (jobs.describe_first, "stored only"),
            "DescribeAutoMLJobV2": (jobs.describe, "stored only"),
        },
    )
