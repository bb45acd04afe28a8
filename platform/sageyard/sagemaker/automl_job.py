"""AutoML jobs and their candidates. Those of tabular data are run; others fail and say so.

The two versions of the API make one kind of job: names are unique among both, ListAutoMLJobs and StopAutoMLJob know
both, DescribeAutoMLJobV2 shows both and DescribeAutoMLJob only those of the first (their documentation).
"""

from sageyard.automl import candidates, task
from sageyard.automl.job import KIND, AutoMLJobHooks
from sageyard.automl.task import SECOND
from sageyard.errors import ResourceNotFoundError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document, Resource
from sageyard.resources.tokens import seal, unseal

PAGE = 10


class AutoMLJobs:
    """The operations in which the two versions differ, and those about candidates."""

    def __init__(self, engine: Engine, hooks: AutoMLJobHooks) -> None:
        self.engine = engine
        self.hooks = hooks

    async def create(self, request: Document, context: Context) -> Document:
        """CreateAutoMLJobV2."""
        return await self.engine.create(self.engine.specs[KIND], request, context)

    async def describe_first(self, request: Document, context: Context) -> Document:
        """DescribeAutoMLJob."""
        document = await self._described(request, context)
        if SECOND in document:
            raise ResourceNotFoundError(
                f"Amazon SageMaker can't find an AutoML job called {request['AutoMLJobName']} of the first version: "
                "describe it with DescribeAutoMLJobV2."
            )
        return document

    async def describe(self, request: Document, context: Context) -> Document:
        """DescribeAutoMLJobV2: channels of a job of the first version are shown in the words of the second."""
        document = await self._described(request, context)
        if SECOND in document:
            return document | {"AutoMLProblemTypeConfigName": task.problem(document)}
        configuration = document.get("AutoMLJobConfig", {})
        tabular = {"TargetAttributeName": document["InputDataConfig"][0]["TargetAttributeName"]}
        return document | {
            "AutoMLJobInputDataConfig": document["InputDataConfig"],
            SECOND: {"TabularJobConfig": tabular | {"ProblemType": document.get("ProblemType")}},
            "AutoMLProblemTypeConfigName": "Tabular",
            "SecurityConfig": configuration.get("SecurityConfig"),
            "DataSplitConfig": configuration.get("DataSplitConfig"),
        }

    async def list_candidates(self, request: Document, context: Context) -> Document:
        """ListCandidatesForAutoMLJob."""
        found = await self.hooks.candidates(self._resource(request, context))
        for member, shown in (("StatusEquals", "CandidateStatus"), ("CandidateNameEquals", "CandidateName")):
            if member in request:
                found = [one for one in found if one[shown] == request[member]]
        sort_by = request.get("SortBy", "CreationTime")
        found.sort(
            key=lambda one: (_sort_key(one, sort_by), one["CandidateName"]),
            reverse=request.get("SortOrder", "Ascending") == "Descending",
        )
        first = 0
        if token := request.get("NextToken"):
            (last,) = unseal(token, 1)
            names = [one["CandidateName"] for one in found]
            first = names.index(last) + 1 if last in names else len(found)
        page = found[first : first + request.get("MaxResults", PAGE)]
        more = len(found) > first + len(page)
        return {"Candidates": page, "NextToken": seal(page[-1]["CandidateName"]) if more else None}

    def _resource(self, request: Document, context: Context) -> Resource:
        row = self.engine.find(self.engine.specs[KIND], request, context.region)
        resource = self.engine.resource(KIND, row.region, row.name)
        assert resource is not None
        return resource

    async def _described(self, request: Document, context: Context) -> Document:
        """With the best candidate so far."""
        document = self.engine.describe(self.engine.specs[KIND], request, context)
        if "BestCandidate" in document or "ResolvedAttributes" not in document:
            return document
        objective = document["ResolvedAttributes"]["AutoMLJobObjective"]["MetricName"]
        found = await self.hooks.candidates(self._resource(request, context))
        return document | {"BestCandidate": candidates.best(found, objective)}


def family(engine: Engine, hooks: AutoMLJobHooks) -> Family:
    """AutoMLJob and AutoMLJobV2."""
    jobs = AutoMLJobs(engine, hooks)
    return Family(
        overrides={KIND: {"hooks": hooks, "grade": "runs"}},
        functions={
            "CreateAutoMLJobV2": (jobs.create, "runs"),
            "DescribeAutoMLJob": (jobs.describe_first, "runs"),
            "DescribeAutoMLJobV2": (jobs.describe, "runs"),
            "ListCandidatesForAutoMLJob": (jobs.list_candidates, "runs"),
        },
    )


def _sort_key(candidate: Document, sort_by: str) -> float | str:
    if sort_by == "FinalObjectiveMetricValue":
        return float(candidate.get("FinalAutoMLJobObjectiveMetric", {}).get("Value", 0.0))
    return float(candidate["CreationTime"]) if sort_by == "CreationTime" else str(candidate["CandidateStatus"])
