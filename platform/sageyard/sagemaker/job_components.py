"""Trial components that jobs have by themselves: made with the job, kept up to date with it, put into its trial."""

from collections.abc import Iterator

from sageyard.cloud import Metrics
from sageyard.resources.engine import Engine
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Document
from sageyard.sagemaker.job_lineage import JobLineage
from sageyard.sagemaker.lineage_graph import End, LineageGraph
from sageyard.store.resources import Row
from sageyard.store.trial_members import TrialMembers
from sageyard.store.trial_metrics import MetricValue, TrialMetrics

KIND = "TrialComponent"
NAMESPACE = "/aws/sagemaker/TrainingJobs"
"""Where CloudWatch has the metrics of training jobs (training-metrics)."""
MERGED = ("Parameters", "InputArtifacts", "OutputArtifacts")


class JobComponents:
    """Writes components of jobs. Callers bring a transaction along, so that nothing is written half or twice."""

    def __init__(self, engine: Engine, graph: LineageGraph, published: Metrics) -> None:
        self.engine = engine
        self.published = published
        self.graph = graph
        self.members = TrialMembers(engine.store.database)
        self.metrics = TrialMetrics(engine.store.database)

    def write(self, job: Row, lineage: JobLineage) -> None:
        """Make or update the job's component with its artifacts and associations, and at the end its metrics."""
        name = f"{job.name}-{lineage.suffix}"
        component = self.engine.resource(KIND, job.region, name)
        if component is None:
            component = self._make(job, name, lineage)
        else:
            _follow(component, lineage)
        end = End(component.arn, job.kind)
        for uri, kind in lineage.inputs:
            self.graph.connect(job.region, self.graph.artifact(job.region, uri, kind), end, "ContributedTo")
        for uri, kind in lineage.outputs:
            self.graph.connect(job.region, end, self.graph.artifact(job.region, uri, kind), "Produced")
        if "FinalMetricDataList" in job.document and not component.private.get("final metrics"):
            self.metrics.add(component.arn, job.arn, self._values(job))
            component.save(private={"final metrics": True})

    def _make(self, job: Row, name: str, lineage: JobLineage) -> StoredResource:
        """Its parent is the job: ListTrialComponents finds it by SourceArn."""
        config = job.document.get("ExperimentConfig", {})
        source = {"SourceArn": job.arn, "SourceType": lineage.source_type}
        document = {
            "TrialComponentName": name,
            "DisplayName": config.get("TrialComponentDisplayName", name),
            "Source": source,
            **lineage.members(),
        }
        component = self.engine.add(KIND, job.region, name, parent=job.arn, status="", document=document)
        if (trial := self._trial(job, config)) is not None:
            self.members.add(trial, component.arn)
        if (run := config.get("RunName")) and (logged := self.engine.resource(KIND, job.region, run)) is not None:
            logged.save(Sources=[*logged.document.get("Sources", []), source])
        return component

    def _trial(self, job: Row, config: Document) -> str | None:
        """The ARN of the trial that an ExperimentConfig names, or of a new one in its experiment (its shape in the
        service model)."""
        if name := config.get("TrialName"):
            trial = self.engine.store.get("Trial", job.region, name)
            return trial.arn if trial else None
        experiment = config.get("ExperimentName")
        if experiment is None or not self.engine.store.exists("Experiment", job.region, experiment):
            return None
        name = f"{job.name}-aws-trial"
        document = {"TrialName": name, "DisplayName": name, "ExperimentName": experiment}
        if (trial_of_job := self.engine.resource("Trial", job.region, name)) is None:
            trial_of_job = self.engine.add("Trial", job.region, name, parent=experiment, status="", document=document)
        return trial_of_job.arn

    def _values(self, job: Row) -> Iterator[MetricValue]:
        """All values of the job's metrics, which it has put to CloudWatch, or at least the final ones."""
        for final in job.document["FinalMetricDataList"]:
            name, dimensions = final["MetricName"], [{"Name": "TrainingJobName", "Value": job.name}]
            samples = self.published.samples(job.region, NAMESPACE, name, dimensions)
            for time, value in samples or [(float(final["Timestamp"]), float(final["Value"]))]:
                yield MetricValue(name, time, value)


def _follow(component: StoredResource, lineage: JobLineage) -> None:
    """What somebody logged to the component stays."""
    present, members = component.document, lineage.members()
    for member in MERGED:
        members[member] = members.get(member, {}) | present.get(member, {}) or None
    changed = {key: value for key, value in members.items() if present.get(key) != value}
    if changed:
        component.save(**changed)
