"""The files that SageMaker puts into /opt/ml before a container starts
(your-algorithms-training-algo-running-container, build-your-own-processing-container)."""

import json
import sys
from pathlib import Path, PurePosixPath
from typing import Any

from sageyard.jobs.channels import input_mode

Document = dict[str, Any]
CONTAINER_ROOT = PurePosixPath("/opt/ml")
HOMOGENEOUS_GROUP = "homogeneousCluster"
"""The instance group's name where a request has none."""


def host_path(root: Path, path: str) -> Path:
    """Where a path under /opt/ml lies on this machine; ValueError elsewhere."""
    return root / PurePosixPath(path).relative_to(CONTAINER_ROOT)


def host_names(count: int) -> list[str]:
    """`algo-1` and so on, sorted as in resourceconfig.json."""
    return [f"algo-{number}" for number in range(1, count + 1)]


def host_addresses(names: list[str], slot: int) -> dict[str, str]:
    """A loopback address for each host of the job in a slot: jobs that run at once may use the same ports. Only Linux
    has all of 127.0.0.0/8."""
    if sys.platform != "linux":
        return dict.fromkeys(names, "127.0.0.1")
    return {name: f"127.{1 + index // 250}.{slot % 250}.{index % 250 + 1}" for index, name in enumerate(names)}


def instance_groups(resource_config: Document) -> list[Document]:
    """The groups of resourceconfig.json, with the hosts of each."""
    given = resource_config.get("InstanceGroups") or [
        {
            "InstanceGroupName": HOMOGENEOUS_GROUP,
            "InstanceType": resource_config["InstanceType"],
            "InstanceCount": resource_config["InstanceCount"],
        }
    ]
    names = iter(host_names(sum(group["InstanceCount"] for group in given)))
    return [
        {
            "instance_group_name": group["InstanceGroupName"],
            "instance_type": group["InstanceType"],
            "hosts": [next(names) for _ in range(group["InstanceCount"])],
        }
        for group in given
    ]


def write_training_files(root: Path, job: Document, host: str, groups: list[Document], interface: str) -> None:
    """The folders and configuration files of one training host; `interface` is the network's."""
    for folder in ("input/data", "model", "output/data", "code", "checkpoints"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    config = root / "input" / "config"
    _write(config / "hyperparameters.json", job.get("HyperParameters") or {})
    default_mode = job["AlgorithmSpecification"]["TrainingInputMode"]
    _write(
        config / "inputdataconfig.json",
        {channel["ChannelName"]: _channel(channel, default_mode) for channel in job.get("InputDataConfig") or []},
    )
    group = next(group for group in groups if host in group["hosts"])
    _write(
        config / "resourceconfig.json",
        {
            "current_host": host,
            "current_instance_type": group["instance_type"],
            "current_group_name": group["instance_group_name"],
            "hosts": [name for each in groups for name in each["hosts"]],
            "instance_groups": groups,
            "network_interface_name": interface,
        },
    )


def _channel(channel: Document, default_mode: str) -> Document:
    """One entry of inputdataconfig.json; the guide has FastFile reported as File."""
    source = channel["DataSource"]["S3DataSource"]
    mode = input_mode(channel, default_mode)
    entry = {
        "TrainingInputMode": "File" if mode == "FastFile" else mode,
        "S3DistributionType": source.get("S3DataDistributionType") or "FullyReplicated",
        "RecordWrapperType": channel.get("RecordWrapperType") or "None",
    }
    if channel.get("ContentType"):
        entry["ContentType"] = channel["ContentType"]
    return entry


def write_processing_files(root: Path, job: Document, arn: str, host: str, hosts: list[str]) -> None:
    """The folders and configuration files of one processing host."""
    for folder in ("processing", "output"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    _write(root / "config" / "resourceconfig.json", {"current_host": host, "hosts": hosts})
    _write(root / "config" / "processingjobconfig.json", _processing_job(job, arn))


def _processing_job(job: Document, arn: str) -> Document:
    """The request in expanded form: what it left out is there as null or as its default."""
    application, resources = job["AppSpecification"], job["ProcessingResources"]["ClusterConfig"]
    output = job.get("ProcessingOutputConfig") or {}
    nothing = dict.fromkeys(("ContainerEntrypoint", "ContainerArguments"))
    return {
        "ProcessingJobArn": arn,
        "ProcessingJobName": job["ProcessingJobName"],
        "AppSpecification": {"ImageUri": application["ImageUri"], **nothing, **application},
        "Environment": job.get("Environment") or {},
        "ProcessingInputs": [
            {
                "InputName": entry["InputName"],
                "AppManaged": entry.get("AppManaged", False),
                "S3Input": _s3_input(entry["S3Input"]) if "S3Input" in entry else None,
                "DatasetDefinitionInput": entry.get("DatasetDefinition"),
            }
            for entry in job.get("ProcessingInputs") or []
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {"AppManaged": False, "S3Output": None, "FeatureStoreOutput": None, **entry}
                for entry in output.get("Outputs") or []
            ],
            "KmsKeyId": output.get("KmsKeyId"),
        },
        "ProcessingResources": {"ClusterConfig": {"VolumeKmsKeyId": None, **resources}},
        "RoleArn": job.get("RoleArn"),
        "StoppingCondition": job.get("StoppingCondition"),
    }


def _s3_input(given: Document) -> Document:
    defaults = {
        "S3DataDistributionType": "FullyReplicated",
        "S3InputMode": "File",
        "S3CompressionType": "None",
        "S3DownloadMode": "StartOfJob",
    }
    return defaults | given


def _write(path: Path, content: Document) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
