"""Clusters, their nodes and extensions, quotas and scheduler configurations, by boto3 on a live server."""

import os
from typing import Any

import pytest

from tests.conftest import ACCOUNT, REGION, ROLE, eventually
from tests.families.refusals import refusal


def group(name: str, count: int, **members: Any) -> dict[str, Any]:
    return {
        "InstanceGroupName": name,
        "InstanceCount": count,
        "InstanceType": "ml.c5.large",
        "ExecutionRole": ROLE,
        "LifeCycleConfig": {"SourceS3Uri": "s3://bucket/life", "OnCreate": "on.sh"},
        **members,
    }


@pytest.fixture
def cluster(sagemaker: Any) -> str:
    """A cluster of two workers and a head, in service."""
    name = f"Cluster-{os.urandom(4).hex()}"
    sagemaker.create_cluster(
        ClusterName=name, InstanceGroups=[group("head", 1), group("workers", 2)], NodeProvisioningMode="Continuous"
    )
    eventually(lambda: sagemaker.describe_cluster(ClusterName=name)["ClusterStatus"] == "InService")
    return name


def nodes(sagemaker: Any, cluster: str, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sagemaker.list_cluster_nodes(
        ClusterName=cluster, IncludeNodeLogicalIds=True, **filters
    )["ClusterNodeSummaries"]
    return found


def counts(sagemaker: Any, cluster: str) -> dict[str, int]:
    groups = sagemaker.describe_cluster(ClusterName=cluster)["InstanceGroups"]
    return {one["InstanceGroupName"]: one["CurrentCount"] for one in groups}


def test_a_cluster_is_described_by_name_and_by_an_arn_without_its_name(sagemaker: Any, cluster: str) -> None:
    described = sagemaker.describe_cluster(ClusterName=cluster)
    assert sagemaker.describe_cluster(ClusterName=described["ClusterArn"])["ClusterName"] == cluster
    assert cluster.lower() not in described["ClusterArn"]
    assert counts(sagemaker, cluster) == {"head": 1, "workers": 2}
    assert described["InstanceGroups"][0]["Status"] == "InService"
    assert refusal(sagemaker.create_cluster, ClusterName=cluster, InstanceGroups=[group("a", 1)])[0] == "ResourceInUse"
    assert refusal(sagemaker.create_cluster, ClusterName="x", InstanceGroups=[group("a", 1), group("a", 1)])[0] == (
        "ValidationException"
    )


def test_nodes_are_listed_in_pages_and_described(sagemaker: Any, cluster: str) -> None:
    pages = sagemaker.get_paginator("list_cluster_nodes").paginate(
        ClusterName=cluster, SortBy="NAME", SortOrder="Descending", PaginationConfig={"PageSize": 1}
    )
    found = [node for page in pages for node in page["ClusterNodeSummaries"]]
    assert [node["InstanceGroupName"] for node in found] == ["workers", "workers", "head"]
    assert len({node["InstanceId"] for node in found}) == 3
    detail = sagemaker.describe_cluster_node(ClusterName=cluster, NodeId=found[0]["InstanceId"])["NodeDetails"]
    assert detail["InstanceStatus"]["Status"] == "Running"
    assert "Imitated" in detail["InstanceStatus"]["Message"]
    assert detail["LifeCycleConfig"]["OnCreate"] == "on.sh"
    assert len(nodes(sagemaker, cluster, InstanceGroupNameContains="WORK")) == 2
    assert nodes(sagemaker, cluster, CreationTimeBefore="2020-01-01") == []
    code, message = refusal(sagemaker.describe_cluster_node, ClusterName=cluster, NodeId="i-00000000")
    assert (code, "has no node 'i-00000000'" in message) == ("ResourceNotFound", True)
    assert refusal(sagemaker.describe_cluster_node, ClusterName=cluster)[0] == "ValidationException"
    assert refusal(sagemaker.list_cluster_nodes, ClusterName="nobody")[0] == "ResourceNotFound"
    assert refusal(sagemaker.list_cluster_nodes, ClusterName=cluster, NextToken="x")[0] == "ValidationException"


def test_nodes_are_added_replaced_rebooted_and_deleted(sagemaker: Any, cluster: str) -> None:
    request = {
        "ClusterName": cluster,
        "ClientToken": "once",
        "NodesToAdd": [
            {"InstanceGroupName": "workers", "IncrementTargetCountBy": 2},
            {"InstanceGroupName": "nobody", "IncrementTargetCountBy": 1},
        ],
    }
    added = sagemaker.batch_add_cluster_nodes(**request)
    assert [one["ErrorCode"] for one in added["Failed"]] == ["InstanceGroupNotFound"]
    assert sagemaker.batch_add_cluster_nodes(**request)["Successful"] == added["Successful"]
    assert counts(sagemaker, cluster) == {"head": 1, "workers": 4}

    before = {node["NodeLogicalId"]: node["InstanceId"] for node in nodes(sagemaker, cluster)}
    logical = added["Successful"][0]["NodeLogicalId"]
    replaced = sagemaker.batch_replace_cluster_nodes(ClusterName=cluster, NodeLogicalIds=[logical])
    assert replaced["SuccessfulNodeLogicalIds"] == [logical]
    after = {node["NodeLogicalId"]: node["InstanceId"] for node in nodes(sagemaker, cluster)}
    assert {name for name in before if before[name] != after[name]} == {logical}
    rebooted = sagemaker.batch_reboot_cluster_nodes(ClusterName=cluster, NodeIds=[after[logical], "i-00000000"])
    assert rebooted["Successful"] == [after[logical]]
    assert [one["ErrorCode"] for one in rebooted["Failed"]] == ["InstanceIdNotFound"]
    deleted = sagemaker.batch_delete_cluster_nodes(ClusterName=cluster, NodeIds=[after[logical], "i-00000000"])
    assert deleted["Successful"] == [after[logical]]
    assert [one["Code"] for one in deleted["Failed"]] == ["NodeIdNotFound"]
    assert counts(sagemaker, cluster) == {"head": 1, "workers": 3}
    assert logical not in {node["NodeLogicalId"] for node in nodes(sagemaker, cluster)}
    assert refusal(sagemaker.batch_delete_cluster_nodes, ClusterName=cluster)[0] == "ValidationException"


def test_an_update_changes_groups_by_name_and_their_nodes(sagemaker: Any, cluster: str) -> None:
    kept = {node["InstanceId"] for node in nodes(sagemaker, cluster, InstanceGroupNameContains="workers")}
    sagemaker.update_cluster(ClusterName=cluster, InstanceGroups=[group("workers", 3)], InstanceGroupsToDelete=["head"])
    assert counts(sagemaker, cluster) == {"workers": 3}
    assert kept < {node["InstanceId"] for node in nodes(sagemaker, cluster)}
    code, message = refusal(sagemaker.update_cluster, ClusterName=cluster, InstanceGroupsToDelete=["nobody"])
    assert (code, "no instance group 'nobody'" in message) == ("ValidationException", True)
    sagemaker.update_cluster_software(ClusterName=cluster, ImageId="ami-12345678")
    assert nodes(sagemaker, cluster)[0]["InstanceGroupName"] == "workers"
    described = sagemaker.describe_cluster_node(ClusterName=cluster, NodeLogicalId="workers-1")["NodeDetails"]
    assert described["CurrentImageId"] == "ami-12345678"


def test_nothing_happens_to_imitated_nodes(sagemaker: Any, cluster: str) -> None:
    assert sagemaker.list_cluster_events(ClusterName=cluster)["Events"] == []
    assert sagemaker.list_cluster_operations(ClusterName=cluster)["ClusterOperationSummaries"] == []
    assert refusal(sagemaker.list_cluster_events, ClusterName="nobody")[0] == "ResourceNotFound"
    code, message = refusal(
        sagemaker.start_cluster_health_check,
        ClusterName=cluster,
        DeepHealthCheckConfigurations=[{"InstanceGroupName": "head", "DeepHealthChecks": ["InstanceStress"]}],
    )
    assert (code, "no machine is behind a node" in message) == ("UnknownOperationException", True)


def test_a_volume_is_attached_to_one_node_at_a_time(sagemaker: Any) -> None:
    name = f"cluster-{os.urandom(4).hex()}"
    eks = {"Eks": {"ClusterArn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/kubernetes"}}
    arn = sagemaker.create_cluster(ClusterName=name, InstanceGroups=[group("g", 2)], Orchestrator=eks)["ClusterArn"]
    first, second = (node["InstanceId"] for node in nodes(sagemaker, name))
    volume = {"ClusterArn": arn, "NodeId": first, "VolumeId": "vol-12345678"}
    attached = sagemaker.attach_cluster_node_volume(**volume)
    assert (attached["Status"], attached["DeviceName"]) == ("attached", "/dev/sdf")
    other = sagemaker.attach_cluster_node_volume(**volume | {"VolumeId": "vol-87654321"})
    assert other["DeviceName"] == "/dev/sdg"
    code, message = refusal(sagemaker.attach_cluster_node_volume, **volume | {"NodeId": second})
    assert (code, "detach it first" in message) == ("ValidationException", True)
    assert refusal(sagemaker.detach_cluster_node_volume, **volume | {"NodeId": second})[0] == "ResourceNotFound"
    detached = sagemaker.detach_cluster_node_volume(**volume)
    assert (detached["Status"], detached["AttachTime"]) == ("detached", attached["AttachTime"])
    assert sagemaker.attach_cluster_node_volume(**volume | {"NodeId": second})["NodeId"] == second
    sagemaker.batch_delete_cluster_nodes(ClusterName=name, NodeIds=[second])
    assert sagemaker.attach_cluster_node_volume(**volume)["NodeId"] == first  # free again
    interface = {"ClusterName": name, "NodeId": first, "NetworkInterfaceId": "eni-0123456789abcdef0"}
    answered = sagemaker.attach_cluster_node_network_interface(**interface)
    assert answered["AttachmentId"].startswith("eni-attach-")
    assert refusal(sagemaker.attach_cluster_node_network_interface, **interface)[0] == "ValidationException"
    unknown = interface | {"NodeId": "i-00000000"}
    assert refusal(sagemaker.attach_cluster_node_network_interface, **unknown)[0] == "ResourceNotFound"


def test_volumes_are_for_clusters_of_kubernetes(sagemaker: Any, cluster: str) -> None:
    node = nodes(sagemaker, cluster)[0]["InstanceId"]
    arn = sagemaker.describe_cluster(ClusterName=cluster)["ClusterArn"]
    code, message = refusal(sagemaker.attach_cluster_node_volume, ClusterArn=arn, NodeId=node, VolumeId="vol-12345678")
    assert (code, "no Eks Orchestrator" in message) == ("ValidationException", True)


def test_an_extension_belongs_to_its_cluster(sagemaker: Any, cluster: str) -> None:
    arn = sagemaker.describe_cluster(ClusterName=cluster)["ClusterArn"]
    request = {"ClusterArn": arn, "ExtensionName": "observability", "ExtensionVersion": "1.0.0"}
    extension = sagemaker.create_cluster_extension(**request)["ExtensionArn"]
    assert refusal(sagemaker.create_cluster_extension, **request)[0] == "ResourceInUse"

    def details() -> dict[str, Any]:
        found: dict[str, Any] = sagemaker.describe_cluster_extension(ClusterArn=arn, ExtensionArn=extension)
        return dict(found["ExtensionDetails"])

    eventually(lambda: details()["Status"] == "Active")
    sagemaker.update_cluster_extension(ClusterArn=arn, ExtensionArn=extension, ExtensionVersion="1.1.0")
    assert (details()["ExtensionName"], details()["ExtensionVersion"]) == ("observability", "1.1.0")
    (listed,) = sagemaker.list_cluster_extensions(ClusterArn=arn)["Extensions"]
    assert (listed["ExtensionArn"], listed["Status"]) == (extension, "Active")
    assert refusal(sagemaker.delete_cluster, ClusterName=cluster)[0] == "ConflictException"
    sagemaker.delete_cluster_extension(ClusterArn=arn, ExtensionArn=extension)
    assert refusal(sagemaker.describe_cluster_extension, ClusterArn=arn, ExtensionArn=extension)[0] == (
        "ResourceNotFound"
    )
    sagemaker.delete_cluster(ClusterName=cluster)
    assert refusal(sagemaker.describe_cluster, ClusterName=cluster)[0] == "ResourceNotFound"
    assert sagemaker.list_cluster_extension_versions(ExtensionName="observability")["ExtensionVersions"] == []


def test_quotas_have_versions_and_are_listed_by_name_and_cluster(sagemaker: Any, cluster: str) -> None:
    arn = sagemaker.describe_cluster(ClusterName=cluster)["ClusterArn"]
    made = sagemaker.create_compute_quota(
        Name=f"quota-{cluster}",
        ClusterArn=arn,
        ComputeQuotaConfig={"ComputeQuotaResources": [{"InstanceType": "ml.c5.large", "Count": 1}]},
        ComputeQuotaTarget={"TeamName": "team"},
    )
    identity = {"ComputeQuotaId": made["ComputeQuotaId"]}
    eventually(lambda: sagemaker.describe_compute_quota(**identity)["Status"] == "Created")
    assert sagemaker.update_compute_quota(TargetVersion=1, Description="more", **identity)["ComputeQuotaVersion"] == 2
    assert refusal(sagemaker.update_compute_quota, TargetVersion=1, **identity)[0] == "ConflictException"
    listed = sagemaker.list_compute_quotas(NameContains=cluster[4:], ClusterArn=arn, Status="Created")
    assert [entry["ComputeQuotaVersion"] for entry in listed["ComputeQuotaSummaries"]] == [2]
    sagemaker.delete_compute_quota(**identity)
    assert refusal(sagemaker.describe_compute_quota, **identity)[0] == "ResourceNotFound"
