"""The nodes of a HyperPod cluster: imitated, as many in each instance group as it has instances.

A cluster remembers of each node only the group, a number, how often it was replaced and when it was launched; its IDs
follow from these, so that they stay the same. No machine is behind a node.
"""

import hashlib
from dataclasses import dataclass

from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Document

GROUPS = ("InstanceGroups", "RestrictedInstanceGroups")


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `launched` in epoch seconds."""

    cluster: str
    group: str
    number: int
    replaced: int
    launched: float

    @property
    def instance_id(self) -> str:
        """A new one after each replacement."""
        text = f"{self.cluster}/{self.group}/{self.number}/{self.replaced}/{self.launched}"
        return f"i-{hashlib.sha256(text.encode()).hexdigest()[:17]}"

    @property
    def logical_id(self) -> str:
        """The same after a replacement."""
        return f"{self.group}-{self.number}"


class Nodes:
    """The nodes of one cluster, as its private notes have them."""

    def __init__(self, cluster: StoredResource) -> None:
        self.cluster = cluster
        self.document = cluster.document
        self._kept: dict[str, list[list[float]]] = cluster.private.get("nodes", {})
        self._last: dict[str, int] = cluster.private.get("last numbers", {})

    def all(self) -> list[Node]:
        """Group by group, oldest first."""
        return [
            Node(self.cluster.arn, group, int(number), int(replaced), launched)
            for group, kept in self._kept.items()
            for number, replaced, launched in kept
        ]

    def find(self, request: Document) -> Node | None:
        """By NodeId or NodeLogicalId."""
        for node in self.all():
            if request.get("NodeId") == node.instance_id or request.get("NodeLogicalId") == node.logical_id:
                return node
        return None

    def fit(self, now: float) -> None:
        """Launch and end nodes until each group has as many as its InstanceCount says, and save them."""
        groups = {group["InstanceGroupName"]: group for member in GROUPS for group in self.document.get(member, [])}
        self._kept = {name: self._kept.get(name, []) for name in groups}
        for name, group in groups.items():
            kept, wanted = self._kept[name], int(group["InstanceCount"])
            del kept[wanted:]
            for _ in range(wanted - len(kept)):
                self._last[name] = self._last.get(name, 0) + 1
                kept.append([self._last[name], 0, now])
        self.save()

    def end(self, node: Node) -> None:
        """One node less in its group."""
        self._kept[node.group] = [one for one in self._kept[node.group] if one[0] != node.number]
        for member in GROUPS:
            for group in self.document.get(member, []):
                if group["InstanceGroupName"] == node.group:
                    group["InstanceCount"] = len(self._kept[node.group])

    def replace(self, node: Node, now: float) -> None:
        """Another instance in its place."""
        for one in self._kept[node.group]:
            if one[0] == node.number:
                one[1:] = [node.replaced + 1, now]

    def save(self) -> None:
        """Write what `end` and `replace` changed."""
        members = {member: self.document[member] for member in GROUPS if member in self.document}
        self.cluster.save(private={"nodes": self._kept, "last numbers": self._last}, **members)

    def shown(self, node: Node, *, logical: bool = True) -> Document:
        """What DescribeClusterNode and ListClusterNodes answer."""
        groups = [group for member in GROUPS for group in self.document.get(member, [])]
        group = next(group for group in groups if group["InstanceGroupName"] == node.group)
        types = group.get("InstanceRequirements", {}).get("InstanceTypes", [])
        kept = ("InstanceGroupName", "LifeCycleConfig", "OverrideVpcConfig", "ThreadsPerCore", "InstanceStorageConfigs")
        return {
            **{member: group[member] for member in kept if member in group},
            "InstanceId": node.instance_id,
            "NodeLogicalId": node.logical_id if logical else None,
            "InstanceStatus": {"Status": "Running", "Message": "Imitated: no machine is behind this node."},
            "InstanceType": group.get("InstanceType", types[0] if types else None),
            "LaunchTime": node.launched,
            "CurrentImageId": group.get("ImageId"),
            "DesiredImageId": group.get("ImageId"),
        }
