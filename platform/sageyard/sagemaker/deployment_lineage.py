"""Lineage of models, model packages and endpoints: which images and model data are behind them.

Which entities there are is in 'Tracking entities for model packages' and '… for endpoints'
(lineage-tracking-auto-creation); their types and names are those that the SageMaker SDK's lineage queries and
public outputs of its visualizer show.
"""

from collections.abc import Iterator

from sageyard.resources.engine import Engine
from sageyard.resources.spec import Document
from sageyard.sagemaker.lineage_graph import End, LineageGraph
from sageyard.store.resources import Row

DEPLOYED = {"InService": "Completed", "Failed": "Failed"}
"""What the status of an endpoint says of the deployment of its configuration."""


class DeploymentLineage:
    """Writes what a row tells; called again after every change of it."""

    def __init__(self, engine: Engine, graph: LineageGraph) -> None:
        self.engine = engine
        self.graph = graph

    def model(self, row: Row) -> list[End]:
        """Artifacts of a model's images, data and packages."""
        document = row.document
        containers = [document.get("PrimaryContainer", {}), *document.get("Containers", [])]
        return [vertex for container in containers for vertex in self._container(row.region, container)]

    def package_group(self, row: Row) -> None:
        """A context."""
        self._group_context(row)

    def package(self, row: Row) -> None:
        """An artifact that its containers contribute to, and an action for every approval status it gets."""
        package = self.graph.artifact(row.region, row.arn, "Model")
        for container in row.document.get("InferenceSpecification", {}).get("Containers", []):
            for vertex in self._container(row.region, container):
                self.graph.connect(row.region, vertex, package, "ContributedTo")
        group = self.engine.store.get("ModelPackageGroup", row.region, row.parent) if row.parent else None
        if group is None:
            return
        self.graph.connect(row.region, package, self._group_context(group), "AssociatedWith")
        approval = row.document["ModelApprovalStatus"]
        if approval != self._last_approval(package):
            version, moment = row.document["ModelPackageVersion"], int(row.modified * 1000)
            name = f"{group.name}-{version}-{approval}-{moment}-aws-model-group"
            properties = {"ModelApprovalStatus": approval}
            action = self.graph.action(row.region, name, "Approval", row.arn, "Completed", properties)
            self.graph.connect(row.region, action, package, "ContributedTo")

    def endpoint(self, row: Row) -> None:
        """A context, and for each configuration that it was deployed with an action that its models contribute to."""
        context = self.graph.context(row.region, f"{row.name}-aws-endpoint", "Endpoint", row.arn)
        config = self.engine.store.get("EndpointConfig", row.region, row.document["EndpointConfigName"])
        if config is None:
            return
        name = f"{row.name}-{int(config.created * 1000)}-aws-endpoint"
        status = DEPLOYED.get(row.status, "InProgress")
        properties = {"EndpointConfigName": config.name}
        action = self.graph.action(row.region, name, "ModelDeployment", row.arn, status, properties)
        self.graph.connect(row.region, action, context, "AssociatedWith")
        for variant in config.document.get("ProductionVariants", []):
            model = self.engine.store.get("Model", row.region, variant.get("ModelName", ""))
            for vertex in self.model(model) if model else ():
                self.graph.connect(row.region, vertex, action, "ContributedTo")

    def _container(self, region: str, container: Document) -> Iterator[End]:
        data = container.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri")
        if image := container.get("Image"):
            yield self.graph.artifact(region, image, "Image")
        if uri := container.get("ModelDataUrl", data):
            yield self.graph.artifact(region, uri, "Model")
        if name := container.get("ModelPackageName"):
            spec = self.engine.specs["ModelPackage"]
            arn = name if name.startswith("arn:") else self.engine.arn(spec, region, [name])
            yield self.graph.artifact(region, arn, "Model")

    def _group_context(self, group: Row) -> End:
        return self.graph.context(group.region, f"{group.name}-aws-model-group", "ModelGroup", group.arn)

    def _last_approval(self, package: End) -> str | None:
        edges = self.graph.associations.touching([package.arn], end="destination")
        for edge in reversed(edges):
            if edge.source_type == "Approval" and (action := self.engine.store.by_arn(edge.source, "Action")):
                approval: str | None = action.document.get("Properties", {}).get("ModelApprovalStatus")
                return approval
        return None
