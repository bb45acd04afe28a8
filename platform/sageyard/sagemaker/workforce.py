"""Workforces, work teams, labeling jobs and the pages that workers would see. Records; nobody works here."""

import hashlib
import uuid

from sageyard.errors import ResourceInUseError, ResourceNotFoundError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.query import selection
from sageyard.resources.spec import Context, Document, Hooks, Resource
from sageyard.resources.timed import TimedHooks
from sageyard.store.resources import Selection

COUNTERS = ("TotalLabeled", "HumanLabeled", "MachineLabeled", "FailedNonRetryableError", "Unlabeled")


class WorkforceHooks(Hooks):
    """One in a region (CreateWorkforce's documentation); dates are called CreateDate and LastUpdatedDate."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def prepare(self, request: Document, context: Context) -> Document:
        if ("CognitoConfig" in request) == ("OidcConfig" in request):
            raise ValidationError("A workforce needs either a CognitoConfig or an OidcConfig, and not both.")
        if self.engine.store.select(Selection("Workforce", context.region, limit=1)):
            raise ValidationError(
                f"Cannot create more than one workforce for account {context.account_id}. If you are trying to update "
                "existing workforce, please use UpdateWorkforce API"
            )
        return request

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        """Its teams go first (DeleteWorkforce's documentation)."""
        wanted = Selection("Workteam", resource.region, members=(("WorkforceName", resource.name),), limit=1)
        for team in self.engine.store.select(wanted):
            raise ResourceInUseError(
                f"Workforce {resource.arn} has work teams: delete {team.name} and all others with DeleteWorkteam first."
            )

    def describe(self, resource: Resource, document: Document) -> Document:
        return dated(document)

    def summarize(self, resource: Resource, document: Document) -> Document:
        return dated(document)


class WorkteamHooks(Hooks):
    """Of the workforce of its region."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def prepare(self, request: Document, context: Context) -> Document:
        if (name := request.get("WorkforceName")) is not None:
            request["WorkforceArn"] = self.engine.arn(self.engine.specs["Workforce"], context.region, [name])
        return request

    def describe(self, resource: Resource, document: Document) -> Document:
        return dated(document)

    def summarize(self, resource: Resource, document: Document) -> Document:
        return dated(document)


def dated(document: Document) -> Document:
    """With the times as these two types call them."""
    return document | {"CreateDate": document["CreationTime"], "LastUpdatedDate": document["LastModifiedTime"]}


class LabelingJobHooks(TimedHooks):
    """Fails, with the reason: no worker labels here."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def prepare(self, request: Document, context: Context) -> Document:
        check_workteam(self.engine, request["HumanTaskConfig"]["WorkteamArn"], context)
        counters = dict.fromkeys(COUNTERS, 0)
        return request | {"JobReferenceCode": uuid.uuid4().hex[:10], "LabelCounters": counters}

    def summarize(self, resource: Resource, document: Document) -> Document:
        task: Document = document["HumanTaskConfig"]
        consolidation: Document = task.get("AnnotationConsolidationConfig", {})
        return task | consolidation | document


class FlowDefinitionHooks(Hooks):
    """Its work team exists."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def prepare(self, request: Document, context: Context) -> Document:
        if "HumanLoopConfig" in request:
            check_workteam(self.engine, request["HumanLoopConfig"]["WorkteamArn"], context)
        return request


class HumanTaskUiHooks(Hooks):
    """Describe shows the digest of a template, not the template."""

    def describe(self, resource: Resource, document: Document) -> Document:
        digest = hashlib.sha256(document["UiTemplate"]["Content"].encode()).hexdigest()
        return document | {"UiTemplate": {"ContentSha256": digest}}


def check_workteam(engine: Engine, arn: str, context: Context) -> None:
    """Refuse a team of this account that does not exist; those of vendors and the public belong to others.

    Text as AWS answers it (data-science-on-aws #37)."""
    if f":{context.account_id}:" in arn and engine.store.by_arn(arn, "Workteam") is None:
        raise ValidationError(f"The specified Workteam '{arn}' does not exist or you do not have access to it.")


def family(engine: Engine) -> Family:
    """Workforce, Workteam, LabelingJob, FlowDefinition and HumanTaskUi."""

    async def delete_workteam(request: Document, context: Context) -> Document:
        await engine.delete(engine.specs["Workteam"], request, context)
        return {"Success": True}

    async def labeling_jobs(request: Document, context: Context) -> Document:
        """ListLabelingJobsForWorkteam."""
        arn = request["WorkteamArn"]
        if engine.store.by_arn(arn, "Workteam") is None:
            raise ResourceNotFoundError(f"Could not find work team {arn!r}.")
        page = engine.select(engine.specs["LabelingJob"], request, context)
        jobs = [
            job
            | {
                "WorkRequesterAccountId": context.account_id,
                "LabelCounters": {"HumanLabeled": 0, "PendingHuman": 0, "Total": 0},
            }
            for job in page.documents
        ]
        return {"LabelingJobSummaryList": jobs, "NextToken": page.next_token}

    async def no_subscriptions(request: Document, context: Context) -> Document:
        """ListSubscribedWorkteams: vendors' teams are subscribed to in AWS Marketplace only."""
        selection(engine.specs["Workteam"], request, context.region)  # refuses a token that no page gave
        return {"SubscribedWorkteams": []}

    async def no_subscription(request: Document, context: Context) -> Document:
        raise ValidationError(f"The work team {request['WorkteamArn']} does not exist, or is no subscribed one.")

    return Family(
        overrides={
            "Workforce": {"hooks": WorkforceHooks(engine)},
            "Workteam": {"hooks": WorkteamHooks(engine)},
            "LabelingJob": {
                "hooks": LabelingJobHooks(engine),
                "filters": {"WorkteamArn": "HumanTaskConfig.WorkteamArn"},
            },
            "FlowDefinition": {"hooks": FlowDefinitionHooks(engine)},
            "HumanTaskUi": {"hooks": HumanTaskUiHooks()},
        },
        functions={
            "DeleteWorkteam": (delete_workteam, "stored only"),
            "ListLabelingJobsForWorkteam": (labeling_jobs, "stored only"),
            "ListSubscribedWorkteams": (no_subscriptions, "simulated"),
            "DescribeSubscribedWorkteam": (no_subscription, "simulated"),
        },
        refused={
            "RenderUiTemplate": "templates are Liquid with SageMaker's crowd-html-elements, which only AWS's worker "
            "portal renders. Open the template with a Liquid library to preview it.",
        },
    )
