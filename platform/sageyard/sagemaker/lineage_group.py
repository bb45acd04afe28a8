"""Lineage groups: every account has one in each region, which it may share with others (xaccount-lineage-tracking)."""

from sageyard.errors import ResourceNotFoundError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document, ResourceSpec

GROUP = "LineageGroup"
DEFAULT = "sagemaker-default-lineage-group"
SPEC = ResourceSpec(
    kind=GROUP,
    identity=("LineageGroupName",),
    arn_member="LineageGroupArn",
    arn_noun="lineage-group",
    noun="lineage group",
    not_found="LineageGroup '{arn}' does not exist.",
    grade="runs",
)


def default_group_arn(region: str, account_id: str) -> str:
    """The ARN that every lineage entity shows as its group's."""
    return f"arn:aws:sagemaker:{region}:{account_id}:{SPEC.arn_noun}/{DEFAULT}"


class LineageGroups:
    """The default group is there when it is first asked for; no operation makes another one."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def describe(self, request: Document, context: Context) -> Document:
        """DescribeLineageGroup."""
        self._default(context)
        return self.engine.describe(SPEC, request, context)

    async def list(self, request: Document, context: Context) -> Document:
        """ListLineageGroups."""
        self._default(context)
        page = self.engine.select(SPEC, request, context)
        return {"LineageGroupSummaries": page.documents, "NextToken": page.next_token}

    async def policy(self, request: Document, context: Context) -> Document:
        """GetLineageGroupPolicy: policies come from AWS RAM, with which nothing is shared here."""
        self._default(context)
        group = self.engine.find(SPEC, request, context.region)
        raise ResourceNotFoundError(f"Cannot find resource policy for: {group.arn}. It is shared with no account.")

    def _default(self, context: Context) -> None:
        if not self.engine.store.exists(GROUP, context.region, DEFAULT):
            document = {"LineageGroupName": DEFAULT, "DisplayName": DEFAULT}
            self.engine.add(GROUP, context.region, DEFAULT, parent="", status="", document=document)


def family(engine: Engine) -> Family:
    """LineageGroup."""
    groups = LineageGroups(engine)
    return Family(
        added=(SPEC,),
        functions={
            "DescribeLineageGroup": (groups.describe, "runs"),
            "ListLineageGroups": (groups.list, "runs"),
            "GetLineageGroupPolicy": (groups.policy, "runs"),
        },
    )
