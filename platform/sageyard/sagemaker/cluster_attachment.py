"""Volumes and network interfaces of cluster nodes: noted with the imitated node, attached to nothing."""

import uuid

from sageyard.errors import ResourceNotFoundError, ValidationError
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document
from sageyard.sagemaker.cluster_node import Nodes

DEVICES = [f"/dev/sd{letter}" for letter in "fghijklmnop"]
"""EC2's recommendation for further volumes of Linux instances."""


class Attachments:
    """What one cluster's private notes say of volumes (by VolumeId, the node, the time and the device) and interfaces.

    What was attached to a node that is gone is free again.
    """

    def __init__(self, cluster: StoredResource) -> None:
        self.cluster = cluster
        self.nodes = {node.instance_id for node in Nodes(cluster).all()}
        notes = cluster.private
        self.volumes: dict[str, Document] = {
            volume: attached
            for volume, attached in notes.get("volumes", {}).items()
            if attached["NodeId"] in self.nodes
        }
        self.interfaces: dict[str, str] = {
            interface: node for interface, node in notes.get("interfaces", {}).items() if node in self.nodes
        }

    def attach_volume(self, request: Document, context: Context) -> Document:
        """AttachClusterNodeVolume: for clusters orchestrated by EKS, as its documentation says; a volume is attached
        to one node at a time."""
        if "Eks" not in self.cluster.document.get("Orchestrator", {}):
            raise ValidationError(f"Cluster {self.cluster.arn} has no Eks Orchestrator, which attaching volumes needs.")
        self._require_node(request)
        node, volume = request["NodeId"], request["VolumeId"]
        if volume in self.volumes:
            raise ValidationError(f"Volume {volume} is attached to {self.volumes[volume]['NodeId']}: detach it first.")
        used = {attached["DeviceName"] for attached in self.volumes.values() if attached["NodeId"] == node}
        device = next((device for device in DEVICES if device not in used), None)
        if device is None:
            raise ValidationError(f"Node {node} has {len(DEVICES)} volumes, which is the most: detach one first.")
        self.volumes[volume] = {"NodeId": node, "AttachTime": context.now, "DeviceName": device}
        return self._saved(volume, self.volumes[volume], "attached")

    def detach_volume(self, request: Document) -> Document:
        """DetachClusterNodeVolume."""
        self._require_node(request)
        attached = self.volumes.get(request["VolumeId"])
        if attached is None or attached["NodeId"] != request["NodeId"]:
            raise ResourceNotFoundError(f"Volume {request['VolumeId']} is not attached to node {request['NodeId']}.")
        del self.volumes[request["VolumeId"]]
        return self._saved(request["VolumeId"], attached, "detached")

    def attach_interface(self, request: Document) -> Document:
        """AttachClusterNodeNetworkInterface."""
        self._require_node(request)
        interface = request["NetworkInterfaceId"]
        if interface in self.interfaces:
            raise ValidationError(f"Network interface {interface} is attached to {self.interfaces[interface]} already.")
        self.cluster.save(private={"interfaces": self.interfaces | {interface: request["NodeId"]}})
        return {
            "ClusterArn": self.cluster.arn,
            "NodeId": request["NodeId"],
            "NetworkInterfaceId": interface,
            "AttachmentId": f"eni-attach-{uuid.uuid4().hex[:17]}",
        }

    def _require_node(self, request: Document) -> None:
        if request["NodeId"] not in self.nodes:
            raise ResourceNotFoundError(f"Cluster {self.cluster.arn} has no node {request['NodeId']!r}.")

    def _saved(self, volume: str, attached: Document, status: str) -> Document:
        self.cluster.save(private={"volumes": self.volumes})
        return {"ClusterArn": self.cluster.arn, "VolumeId": volume, "Status": status} | attached
