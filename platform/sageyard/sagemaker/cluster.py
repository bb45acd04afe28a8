"""HyperPod clusters and their nodes. Imitated: statuses and counts are kept, no machine is started."""

import hashlib
from collections.abc import Callable

from sageyard.errors import ConflictError, ResourceNotFoundError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.operations import Function
from sageyard.resources.query import PAGE
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, Resource
from sageyard.resources.timed import TimedHooks
from sageyard.resources.tokens import invalid, seal, unseal
from sageyard.sagemaker.cluster_attachment import Attachments
from sageyard.sagemaker.cluster_node import GROUPS, Node, Nodes
from sageyard.store.resources import Selection

KIND = "Cluster"
EXTENSION = "ClusterExtension"


class ClusterHooks(TimedHooks):
    """Instance groups are asked for by count and shown with what there is."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def prepare(self, request: Document, context: Context) -> Document:
        self._check(request)
        return {"InstanceGroups": []} | request

    def created(self, resource: Resource) -> None:
        assert isinstance(resource, StoredResource)
        Nodes(resource).fit(resource.document["CreationTime"])

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        """Groups are changed and added by name; others stay unless InstanceGroupsToDelete names them."""
        present = resource.document
        removed = request.pop("InstanceGroupsToDelete", [])
        known = {group["InstanceGroupName"] for member in GROUPS for group in present.get(member, [])}
        for name in removed:
            if name not in known:
                raise ValidationError(f"Cluster {resource.arn} has no instance group {name!r}.")
        for member in GROUPS:
            groups = {group["InstanceGroupName"]: group for group in present.get(member, [])}
            for group in request.get(member, []):
                groups[group["InstanceGroupName"]] = groups.get(group["InstanceGroupName"], {}) | group
            request[member] = [group for name, group in groups.items() if name not in removed]
        self._check(request)
        if not request["RestrictedInstanceGroups"]:
            request["RestrictedInstanceGroups"] = None
        return request

    async def updated(self, resource: Resource) -> None:
        assert isinstance(resource, StoredResource)
        Nodes(resource).fit(self.engine.clock.now())

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        wanted = Selection(EXTENSION, resource.region, members=(("ClusterArn", resource.arn),), limit=1)
        for extension in self.engine.store.select(wanted):
            raise ConflictError(f"Cluster {resource.arn} has extensions: delete {extension.arn} first.")

    def describe(self, resource: Resource, document: Document) -> Document:
        for member in GROUPS:
            if member in document:
                document[member] = [_group(group) for group in document[member]]
        return document

    def _check(self, request: Document) -> None:
        names = [group["InstanceGroupName"] for member in GROUPS for group in request.get(member) or ()]
        if double := [name for name in names if names.count(name) > 1]:
            raise ValidationError(f"Instance group {double[0]!r} is there more than once: give each its own name.")


def _group(group: Document) -> Document:
    """A group as Describe shows it."""
    count = group["InstanceCount"]
    types = group.get("InstanceRequirements", {}).get("InstanceTypes")
    requirements = {"CurrentInstanceTypes": types, "DesiredInstanceTypes": types} if types else None
    return group | {
        "CurrentCount": count,
        "TargetCount": count,
        "MinCount": group.get("MinInstanceCount"),
        "InstanceRequirements": requirements,
        "Status": "InService",
    }


class ClusterNodes:
    """Operations on nodes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def cluster(self, name: str, context: Context) -> StoredResource:
        """A cluster by name or ARN."""
        row = self.engine.find(self.engine.specs[KIND], {"ClusterName": name}, context.region)
        return StoredResource(self.engine, row)

    def node(self, request: Document, context: Context) -> tuple[StoredResource, Nodes, Node]:
        """The cluster and the node that a request names."""
        if ("NodeId" in request) == ("NodeLogicalId" in request):
            raise ValidationError("Give either NodeId or NodeLogicalId, and not both.")
        cluster = self.cluster(request["ClusterName"], context)
        nodes = Nodes(cluster)
        if (found := nodes.find(request)) is None:
            named = request.get("NodeId") or request.get("NodeLogicalId")
            raise ResourceNotFoundError(f"Cluster {cluster.arn} has no node {named!r}.")
        return cluster, nodes, found

    async def describe(self, request: Document, context: Context) -> Document:
        """DescribeClusterNode."""
        _, nodes, node = self.node(request, context)
        return {"NodeDetails": nodes.shown(node)}

    async def list_nodes(self, request: Document, context: Context) -> Document:
        """ListClusterNodes."""
        nodes = Nodes(self.cluster(request["ClusterName"], context))
        part = request.get("InstanceGroupNameContains", "").lower()
        after, before = request.get("CreationTimeAfter", 0), request.get("CreationTimeBefore", float("inf"))
        keyed = [
            (
                [node.group, node.number]
                if request.get("SortBy") == "NAME"
                else [node.launched, node.group, node.number],
                node,
            )
            for node in nodes.all()
            if part in node.group.lower() and after < node.launched < before
        ]
        descending = request.get("SortOrder", "Ascending") == "Descending"
        keyed.sort(key=lambda entry: entry[0], reverse=descending)
        if token := request.get("NextToken"):
            (last,) = unseal(token, 1)
            try:
                keyed = [entry for entry in keyed if (entry[0] < last if descending else entry[0] > last)]  # type: ignore[operator]
            except TypeError:
                raise invalid(token) from None
        limit = int(request.get("MaxResults") or PAGE)
        logical = bool(request.get("IncludeNodeLogicalIds"))
        return {
            "ClusterNodeSummaries": [nodes.shown(node, logical=logical) for _, node in keyed[:limit]],
            "NextToken": seal(keyed[limit - 1][0]) if keyed[limit:] else None,
        }

    async def add(self, request: Document, context: Context) -> Document:
        """BatchAddClusterNodes: for clusters with NodeProvisioningMode Continuous, as its documentation says."""
        cluster = self.cluster(request["ClusterName"], context)
        if cluster.document.get("NodeProvisioningMode") != "Continuous":
            raise ValidationError(f"Cluster {cluster.arn} has not NodeProvisioningMode Continuous: use UpdateCluster.")
        if (token := request.get("ClientToken")) and token in (made := cluster.private.get("additions", {})):
            return dict(made[token])
        before = {node.logical_id for node in Nodes(cluster).all()}
        groups = cluster.document["InstanceGroups"]
        named = {group["InstanceGroupName"]: group for group in groups}
        failed = []
        for wanted in request["NodesToAdd"]:
            name, count = wanted["InstanceGroupName"], wanted["IncrementTargetCountBy"]
            if name in named:
                named[name]["InstanceCount"] += count
            else:
                text = f"Cluster {cluster.arn} has no instance group {name!r}."
                code = "InstanceGroupNotFound"
                failed.append({"InstanceGroupName": name, "ErrorCode": code, "FailedCount": count, "Message": text})
        cluster.save(InstanceGroups=groups)
        Nodes(cluster).fit(context.now)
        added = [node for node in Nodes(cluster).all() if node.logical_id not in before]
        answer: Document = {
            "Successful": [
                {"NodeLogicalId": node.logical_id, "InstanceGroupName": node.group, "Status": "Running"}
                for node in added
            ],
            "Failed": failed,
        }
        if token:
            cluster.save(private={"additions": cluster.private.get("additions", {}) | {token: answer}})
        return answer

    def batch(self, error_member: str, not_found: str, act: Callable[[Nodes, Node, float], None]) -> Function:
        """BatchDelete-, BatchReplace- and BatchRebootClusterNodes: each node for itself."""

        async def answer(request: Document, context: Context) -> Document:
            cluster = self.cluster(request["ClusterName"], context)
            if not request.get("NodeIds") and not request.get("NodeLogicalIds"):
                raise ValidationError("Give the NodeIds or the NodeLogicalIds of nodes of the cluster.")
            nodes = Nodes(cluster)
            found = {name: node for node in nodes.all() for name in (node.instance_id, node.logical_id)}
            answered: Document = {}
            for member, suffix in (("NodeId", ""), ("NodeLogicalId", "NodeLogicalIds")):
                for name in dict.fromkeys(request.get(f"{member}s", [])):
                    if (node := found.get(name)) is None:
                        text = f"Cluster {cluster.arn} has no node {name!r}."
                        error = {member: name, error_member: not_found, "Message": text}
                        answered.setdefault(f"Failed{suffix}", []).append(error)
                    else:
                        act(nodes, node, context.now)
                        answered.setdefault(f"Successful{suffix}", []).append(name)
            nodes.save()
            return answered

        return answer

    async def attach_volume(self, request: Document, context: Context) -> Document:
        """AttachClusterNodeVolume."""
        return Attachments(self.cluster(request["ClusterArn"], context)).attach_volume(request, context)

    async def detach_volume(self, request: Document, context: Context) -> Document:
        """DetachClusterNodeVolume."""
        return Attachments(self.cluster(request["ClusterArn"], context)).detach_volume(request)

    async def attach_interface(self, request: Document, context: Context) -> Document:
        """AttachClusterNodeNetworkInterface."""
        return Attachments(self.cluster(request["ClusterName"], context)).attach_interface(request)

    async def update_software(self, request: Document, context: Context) -> Document:
        """UpdateClusterSoftware: the image and release of the groups are noted."""
        cluster = self.cluster(request["ClusterName"], context)
        asked = {group["InstanceGroupName"]: group for group in request.get("InstanceGroups", [])}
        groups = cluster.document["InstanceGroups"]
        for name in asked.keys() - {group["InstanceGroupName"] for group in groups}:
            raise ValidationError(f"Cluster {cluster.arn} has no instance group {name!r}.")
        image = {"ImageId": request["ImageId"]} if "ImageId" in request else {}
        cluster.save(
            InstanceGroups=[
                group | image | asked.get(group["InstanceGroupName"], {})
                if not asked or group["InstanceGroupName"] in asked
                else group
                for group in groups
            ]
        )
        return {"ClusterArn": cluster.arn}

    def none_of(self, member: str) -> Function:
        """ListClusterEvents, ListClusterOperations: nothing happens to imitated nodes."""

        async def answer(request: Document, context: Context) -> Document:
            self.cluster(request["ClusterName"], context)
            if "NextToken" in request:
                raise invalid(request["NextToken"])
            return {member: []}

        return answer

    async def no_event(self, request: Document, context: Context) -> Document:
        """DescribeClusterEvent, DescribeClusterOperation."""
        cluster = self.cluster(request["ClusterName"], context)
        name = request.get("EventId") or request.get("OperationId")
        raise ResourceNotFoundError(f"Could not find {name!r} of cluster {cluster.arn}.")


def _arn_path(identity: list[str]) -> str:
    """A cluster's ARN has 12 letters and digits in place of its name."""
    return hashlib.sha256(identity[0].lower().encode()).hexdigest()[:12]


def family(engine: Engine) -> Family:
    """Cluster and its nodes."""
    nodes = ClusterNodes(engine)

    functions: dict[str, Function] = {
        "DescribeClusterNode": nodes.describe,
        "ListClusterNodes": nodes.list_nodes,
        "BatchAddClusterNodes": nodes.add,
        "BatchDeleteClusterNodes": nodes.batch("Code", "NodeIdNotFound", lambda all_, node, now: all_.end(node)),
        "BatchReplaceClusterNodes": nodes.batch("ErrorCode", "InstanceIdNotFound", Nodes.replace),
        "BatchRebootClusterNodes": nodes.batch("ErrorCode", "InstanceIdNotFound", lambda all_, node, now: None),
        "UpdateClusterSoftware": nodes.update_software,
        "AttachClusterNodeVolume": nodes.attach_volume,
        "DetachClusterNodeVolume": nodes.detach_volume,
        "AttachClusterNodeNetworkInterface": nodes.attach_interface,
        "ListClusterEvents": nodes.none_of("Events"),
        "DescribeClusterEvent": nodes.no_event,
        "ListClusterOperations": nodes.none_of("ClusterOperationSummaries"),
        "DescribeClusterOperation": nodes.no_event,
    }
    return Family(
        overrides={
            KIND: {"hooks": ClusterHooks(engine), "arn_path": _arn_path, "grade": "simulated",
                   "filters": {"TrainingPlanArn": "InstanceGroups[].TrainingPlanArn"}},
        },
        functions={name: (function, "simulated") for name, function in functions.items()},
        refused={
            "StartClusterHealthCheck": "no machine is behind a node of a cluster here, whose health could be checked. "
            "DescribeClusterNode says how a node stands.",
        },
    )  # fmt: skip
