"""Experiments, their trials, and the trial components that trials share."""

from typing import Any

from sageyard.errors import ResourceNotFoundError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document, Hooks, Reference, Resource
from sageyard.sagemaker.lineage_group import default_group_arn
from sageyard.sagemaker.metrics import metric_summary
from sageyard.store.associations import Associations
from sageyard.store.resources import Row, Selection
from sageyard.store.trial_members import TrialMembers
from sageyard.store.trial_metrics import TrialMetrics

JOBS = ("TrainingJob", "ProcessingJob", "TransformJob")
EXPERIMENT_CONFIG = (
    Reference("ExperimentConfig.ExperimentName", "Experiment"),
    Reference("ExperimentConfig.TrialName", "Trial"),
)
"""What a job's ExperimentConfig names must exist (its shape in the service model)."""
MERGED = ("Parameters", "InputArtifacts", "OutputArtifacts")


class NamedHooks(Hooks):
    """Experiments, trials and components show their name where they were given no DisplayName."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    async def prepare(self, request: Document, context: Context) -> Document:
        return {"DisplayName": request[f"{self.kind}Name"]} | request

    def summarize(self, resource: Resource, document: Document) -> Document:
        return document | {f"{self.kind}Source": document.get("Source")}


class TrialHooks(NamedHooks):
    """All its components must be gone first (DeleteTrial's documentation)."""

    def __init__(self, members: TrialMembers) -> None:
        super().__init__("Trial")
        self.members = members

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        if components := self.members.components([resource.arn]):
            raise ValidationError(
                f"Trial '{resource.arn}' is linked to {len(components)} trial component(s) and cannot be deleted: "
                "call DisassociateTrialComponent for each first."
            )


class TrialComponentHooks(NamedHooks):
    """Updates merge into parameters and artifacts (UpdateTrialComponent's documentation)."""

    def __init__(self, members: TrialMembers, associations: Associations, metrics: TrialMetrics) -> None:
        super().__init__("TrialComponent")
        self.members = members
        self.associations = associations
        self.metrics = metrics

    def describe(self, resource: Resource, document: Document) -> Document:
        """Maps are there even if they are empty: the SDK's ExperimentAnalytics asks for their items."""
        _, _, _, region, account_id, _ = resource.arn.split(":", 5)
        shown = {
            "Metrics": [metric_summary(found) for found in self.metrics.summaries(resource.arn)],
            "LineageGroupArn": default_group_arn(region, account_id),
        }
        return {member: {} for member in MERGED} | document | shown

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        present = resource.document
        for member in MERGED:
            removed = request.pop(f"{member}ToRemove", [])
            kept = {key: value for key, value in present.get(member, {}).items() if key not in removed}
            request[member] = (kept | request.get(member, {})) or None
        return request

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        """Text as AWS answers it (aws/sagemaker-python-sdk #1515)."""
        if self.members.trials(resource.arn):
            raise ValidationError(
                f"TrialComponent '{resource.arn}' is linked to 1 or more trials and cannot be deleted."
            )

    async def deleted(self, resource: Resource) -> None:
        """Its associations and metrics go with it: the SDKs' `delete_all` removes none of them."""
        self.associations.delete_of(resource.arn)
        self.metrics.delete_of(resource.arn)


class ExperimentOperations:
    """What involves trials and components at once."""

    def __init__(self, engine: Engine, members: TrialMembers) -> None:
        self.engine = engine
        self.members = members

    def _row(self, kind: str, request: Document, context: Context) -> Row:
        return self.engine.find(self.engine.specs[kind], request, context.region)

    def _arn(self, kind: str, request: Document, context: Context) -> str:
        return self._row(kind, request, context).arn

    async def associate(self, request: Document, context: Context) -> Document:
        component, trial = self._arn("TrialComponent", request, context), self._arn("Trial", request, context)
        self.members.add(trial, component)
        return {"TrialComponentArn": component, "TrialArn": trial}

    async def disassociate(self, request: Document, context: Context) -> Document:
        component, trial = self._arn("TrialComponent", request, context), self._arn("Trial", request, context)
        if not self.members.remove(trial, component):
            raise ResourceNotFoundError(f"TrialComponent '{component}' is not associated with Trial '{trial}'.")
        return {"TrialComponentArn": component, "TrialArn": trial}

    async def list_trials(self, request: Document, context: Context) -> Document:
        """By ExperimentName, TrialComponentName, both or neither."""
        request, among, parent = dict(request), None, None
        if "ExperimentName" in request:
            parent = self._row("Experiment", request, context).name
            del request["ExperimentName"]
        if "TrialComponentName" in request:
            among = self.members.trials(self._arn("TrialComponent", request, context))
            del request["TrialComponentName"]
        page = self.engine.select(self.engine.specs["Trial"], request, context, among=among, parent=parent)
        return {"TrialSummaries": page.documents, "NextToken": page.next_token}

    async def list_trial_components(self, request: Document, context: Context) -> Document:
        """By one of ExperimentName, TrialName and SourceArn: AWS refuses two of them. A component with a source is
        that job's child."""
        given = [name for name in ("ExperimentName", "TrialName", "SourceArn") if name in request]
        if len(given) > 1:
            raise ValidationError(f"{' and '.join(given)} cannot be given together: filter by one of them.")
        request, among = dict(request), None
        if "TrialName" in request:
            among = self.members.components([self._arn("Trial", request, context)])
            del request["TrialName"]
        if "ExperimentName" in request:
            experiment = self._row("Experiment", request, context)
            del request["ExperimentName"]
            trials = self.engine.store.select(Selection("Trial", context.region, parent=experiment.name, limit=-1))
            among = self.members.components([trial.arn for trial in trials])
        source = request.pop("SourceArn", None)
        page = self.engine.select(self.engine.specs["TrialComponent"], request, context, among=among, parent=source)
        return {"TrialComponentSummaries": page.documents, "NextToken": page.next_token}


def family(engine: Engine) -> Family:
    """'already exists' in a ValidationException is what the SDKs' load-or-create goes by."""
    members, associations = TrialMembers(engine.store.database), Associations(engine.store.database)
    metrics = TrialMetrics(engine.store.database)
    operations = ExperimentOperations(engine, members)

    def entity(kind: str, noun: str, hooks: Hooks, **fields: Any) -> dict[str, Any]:
        unique = f"{noun} names must be unique within an AWS account and region. {noun} with name ({{name}}) "
        return {
            "not_found": kind + " '{arn}' does not exist.",
            "exists": unique + "already exists.",
            "hooks": hooks,
            "grade": "runs",
            **fields,
        }

    return Family(
        overrides={
            "Experiment": entity(
                "Experiment",
                "Experiment",
                NamedHooks("Experiment"),
                in_use_code="ValidationException",
                in_use="Experiment '{arn}' is linked to 1 or more trials and cannot be deleted: delete {child} and all "
                "others first.",
            ),
            "Trial": entity(
                "Trial",
                "Trial",
                TrialHooks(members),
                arn_noun="experiment-trial",
                references=(),
                parent_member="ExperimentName",
                parent_kind="Experiment",
            ),
            "TrialComponent": entity(
                "TrialComponent",
                "Trial component",
                TrialComponentHooks(members, associations, metrics),
                arn_noun="experiment-trial-component",
                status_member=None,  # its Status is a structure of the creator's
            ),
            **{kind: {"references": engine.specs[kind].references + EXPERIMENT_CONFIG} for kind in JOBS},
        },
        functions={
            "AssociateTrialComponent": (operations.associate, "runs"),
            "DisassociateTrialComponent": (operations.disassociate, "runs"),
            "ListTrials": (operations.list_trials, "runs"),
            "ListTrialComponents": (operations.list_trial_components, "runs"),
        },
    )
