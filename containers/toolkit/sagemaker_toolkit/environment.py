"""The training environment: what the files of `/opt/ml/input/config` say, and the SM_* variables made of it.

Source: aws/sagemaker-training-toolkit, ENVIRONMENT_VARIABLES.md.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import Any

from sagemaker_toolkit import layout

RESERVED = "sagemaker_"
TUNING_METRIC = "_tuning_objective_metric"


@dataclass(frozen=True)
class TrainingEnvironment:
    """One host's view of a training job."""

    hyperparameters: dict[str, Any]
    """The user's own, their JSON decoded."""
    raw_hyperparameters: dict[str, str]
    """As the job's request has them, without the reserved ones; the tuning metric is among them."""
    framework: dict[str, Any]
    """The reserved ones, `sagemaker_program` and so on."""
    input_data: dict[str, dict[str, Any]]
    resources: dict[str, Any]
    hosts: list[str] = field(default_factory=list)
    current_host: str = "algo-1"

    @classmethod
    def read(cls) -> "TrainingEnvironment":
        """Read the configuration files; one that is missing counts as empty."""
        raw = _read("hyperparameters.json")
        decoded = {name: _decoded(value) for name, value in raw.items()}
        resources = _read("resourceconfig.json") or {"current_host": "algo-1", "hosts": ["algo-1"]}
        return cls(
            hyperparameters={k: v for k, v in decoded.items() if not _reserved(k) and k != TUNING_METRIC},
            raw_hyperparameters={k: str(v) for k, v in raw.items() if not _reserved(k)},
            framework={k: v for k, v in decoded.items() if _reserved(k)},
            input_data=_read("inputdataconfig.json"),
            resources=resources,
            hosts=list(resources["hosts"]),
            current_host=resources["current_host"],
        )

    @property
    def program(self) -> str | None:
        """The user's entry point, `train.py`; None where the image's own algorithm is asked for."""
        return os.environ.get("SAGEMAKER_PROGRAM") or self.framework.get("sagemaker_program") or None

    @property
    def source(self) -> str:
        """Where the user's code is: `s3://…/sourcedir.tar.gz` or a folder."""
        named = self.framework.get("sagemaker_submit_directory") or os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY")
        return str(named or layout.CODE)

    @property
    def channels(self) -> dict[str, str]:
        """Channel name -> folder."""
        return {name: str(layout.DATA / name) for name in self.input_data}

    def arguments(self) -> list[str]:
        """The hyperparameters as the user's program gets them: `--name value`, by name; one letter gets one dash."""
        words: list[str] = []
        for name, value in sorted(self.hyperparameters.items()):
            words += [f"--{name}" if len(name) > 1 else f"-{name}", _argument(value)]
        return words

    def variables(self) -> dict[str, str]:
        """The SM_* variables, each a text or JSON."""
        program = self.program or ""
        group = self.resources.get("current_group_name", "homogeneousCluster")
        groups = self.resources.get("instance_groups") or []
        by_name = {entry["instance_group_name"]: entry for entry in groups}
        parameters = {k: v for k, v in self.framework.items() if k not in _OF_THE_TOOLKIT}
        facts: dict[str, Any] = {
            "hosts": self.hosts,
            "current_host": self.current_host,
            "network_interface_name": self.resources.get("network_interface_name", "eth0"),
            "current_instance_type": self.resources.get("current_instance_type", "local"),
            "current_instance_group": group,
            "current_instance_group_hosts": by_name.get(group, {}).get("hosts", self.hosts),
            "instance_groups": list(by_name) or [group],
            "instance_groups_dict": by_name,
            "distribution_instance_groups": self.framework.get("sagemaker_distribution_instance_groups", [group]),
            "is_hetero": len(by_name) > 1,
            "framework_module": os.environ.get("SAGEMAKER_TRAINING_MODULE"),
            "user_entry_point": program,
            "module_name": program.removesuffix(".py"),
            "module_dir": self.source,
            "log_level": self.framework.get("sagemaker_container_log_level", 20),
            "resource_config": self.resources,
            "input_data_config": self.input_data,
            "input_dir": str(layout.INPUT),
            "input_config_dir": str(layout.CONFIG),
            "output_dir": str(layout.OUTPUT),
            "output_data_dir": str(layout.OUTPUT_DATA),
            "output_intermediate_dir": str(layout.INTERMEDIATE),
            "model_dir": str(layout.MODEL),
            "num_cpus": os.cpu_count() or 1,
            "num_gpus": _gpus(),
            "num_neurons": 0,
        }
        if self.resources.get("topology"):
            facts["topology"] = self.resources["topology"]
        whole = facts | {
            "additional_framework_parameters": parameters,
            "channel_input_dirs": self.channels,
            "hyperparameters": self.hyperparameters,
            "is_master": self.current_host == self.hosts[0],
            "master_hostname": self.hosts[0],
            "job_name": os.environ.get("TRAINING_JOB_NAME"),
        }
        facts |= {
            "channels": sorted(self.channels),
            "hps": self.hyperparameters,
            "framework_params": parameters,
            "user_args": self.arguments(),
            "training_env": whole,
            **{f"channel_{name}": path for name, path in self.channels.items()},
            **{f"hp_{name}": value for name, value in self.hyperparameters.items()},
        }
        return {f"SM_{name.upper()}": _variable(value) for name, value in facts.items()}


_OF_THE_TOOLKIT = {
    *("sagemaker_program", "sagemaker_submit_directory", "sagemaker_enable_cloudwatch_metrics", "sagemaker_region"),
    *("sagemaker_container_log_level", "sagemaker_job_name", "sagemaker_s3_output"),
}


def _reserved(name: str) -> bool:
    return name.startswith(RESERVED)


def _read(name: str) -> dict[str, Any]:
    path = layout.CONFIG / name
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, TypeError):
        return value


def _argument(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{k}={v}" for k, v in sorted(value.items()))
    return "" if value is None else str(value)


def _variable(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _gpus() -> int:
    if not shutil.which("nvidia-smi"):
        return 0
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False).stdout
    return sum(line.startswith("GPU ") for line in listed.splitlines())
