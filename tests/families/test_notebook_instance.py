"""Notebook instances, lifecycle configurations and code repositories, by boto3 on a live server."""

import os
from typing import Any

import pytest

from tests.conftest import ACCOUNT, REGION, ROLE
from tests.families.refusals import refusal

PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


@pytest.fixture
def suffix() -> str:
    return os.urandom(4).hex()


def make(sagemaker: Any, name: str, **members: Any) -> None:
    """A notebook instance, waited for as users do."""
    sagemaker.create_notebook_instance(NotebookInstanceName=name, InstanceType="ml.t3.medium", RoleArn=ROLE, **members)
    waiter = sagemaker.get_waiter("notebook_instance_in_service")
    waiter.wait(NotebookInstanceName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})


def test_an_instance_is_started_stopped_and_deleted_as_aws_lets_it(sagemaker: Any, suffix: str) -> None:
    name = f"notebook-{suffix}"
    arn = f"{PREFIX}:notebook-instance/{name}"
    make(sagemaker, name, SecurityGroupIds=["sg-1"], SubnetId="subnet-1")
    described = sagemaker.describe_notebook_instance(NotebookInstanceName=name)
    assert (described["SecurityGroups"], described["VolumeSizeInGB"], described["RootAccess"]) == (
        ["sg-1"],
        5,
        "Enabled",
    )
    assert refusal(sagemaker.delete_notebook_instance, NotebookInstanceName=name) == (
        "ValidationException",
        "Status (InService) not in ([Stopped, Failed]). Unable to transition to (Deleting) for Notebook Instance "
        f"({arn}).",
    )
    code, message = refusal(sagemaker.start_notebook_instance, NotebookInstanceName=name)
    assert (code, "(InService) not in ([Stopped, Failed])" in message) == ("ValidationException", True)
    sagemaker.stop_notebook_instance(NotebookInstanceName=name)
    sagemaker.get_waiter("notebook_instance_stopped").wait(NotebookInstanceName=name)
    code, message = refusal(sagemaker.stop_notebook_instance, NotebookInstanceName=name)
    assert (code, "(Stopped) not in ([InService])" in message) == ("ValidationException", True)
    assert refusal(sagemaker.create_presigned_notebook_instance_url, NotebookInstanceName=name)[0] == (
        "ValidationException"
    )
    sagemaker.start_notebook_instance(NotebookInstanceName=name)
    sagemaker.get_waiter("notebook_instance_in_service").wait(
        NotebookInstanceName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    assert (
        "notebook-instance"
        in (sagemaker.create_presigned_notebook_instance_url(NotebookInstanceName=name)["AuthorizedUrl"])
    )
    sagemaker.stop_notebook_instance(NotebookInstanceName=name)
    sagemaker.delete_notebook_instance(NotebookInstanceName=name)
    sagemaker.get_waiter("notebook_instance_deleted").wait(NotebookInstanceName=name)
    code, message = refusal(sagemaker.describe_notebook_instance, NotebookInstanceName=name)
    assert (code, "RecordNotFound" in message) == ("ValidationException", True)


def test_an_update_needs_a_stopped_instance_and_can_take_things_away(sagemaker: Any, suffix: str) -> None:
    name = f"notebook-{suffix}"
    make(sagemaker, name, DefaultCodeRepository="https://example.org/a.git")
    assert refusal(sagemaker.update_notebook_instance, NotebookInstanceName=name, VolumeSizeInGB=10)[0] == (
        "ValidationException"
    )
    sagemaker.stop_notebook_instance(NotebookInstanceName=name)
    sagemaker.update_notebook_instance(
        NotebookInstanceName=name, VolumeSizeInGB=10, DisassociateDefaultCodeRepository=True
    )
    described = sagemaker.describe_notebook_instance(NotebookInstanceName=name)
    assert described["VolumeSizeInGB"] == 10
    assert "DefaultCodeRepository" not in described
    assert described["NotebookInstanceStatus"] == "Stopped"


def test_what_an_instance_names_exists_and_is_listed_by_it(sagemaker: Any, suffix: str) -> None:
    request = {"NotebookInstanceName": f"notebook-{suffix}", "InstanceType": "ml.t3.medium", "RoleArn": ROLE}
    code, message = refusal(sagemaker.create_notebook_instance, LifecycleConfigName=f"none-{suffix}", **request)
    assert (code, message.startswith("Unable to describe Notebook Instance Lifecycle Config")) == (
        "ValidationException",
        True,
    )
    code, message = refusal(sagemaker.create_notebook_instance, DefaultCodeRepository=f"none-{suffix}", **request)
    assert (code, message.startswith("Cannot find CodeRepository")) == ("ValidationException", True)

    config, repository = f"config-{suffix}", f"repository-{suffix}"
    sagemaker.create_notebook_instance_lifecycle_config(
        NotebookInstanceLifecycleConfigName=config, OnStart=[{"Content": "ZWNobw=="}]
    )
    sagemaker.create_code_repository(
        CodeRepositoryName=repository, GitConfig={"RepositoryUrl": "https://example.org/a.git", "Branch": "main"}
    )
    make(
        sagemaker,
        f"notebook-{suffix}",
        LifecycleConfigName=config,
        DefaultCodeRepository=repository,
        AdditionalCodeRepositories=["https://example.org/b.git", "https://example.org/c.git"],
    )

    def listed(**filters: Any) -> list[str]:
        found = sagemaker.list_notebook_instances(**filters)["NotebookInstances"]
        return [entry["NotebookInstanceName"] for entry in found]

    assert listed(NotebookInstanceLifecycleConfigNameContains=config[3:]) == [f"notebook-{suffix}"]
    assert listed(DefaultCodeRepositoryContains=repository.upper()) == [f"notebook-{suffix}"]
    assert f"notebook-{suffix}" in listed(AdditionalCodeRepositoryEquals="https://example.org/c.git")
    assert listed(NameContains=suffix, StatusEquals="Stopped") == []
    code, message = refusal(
        sagemaker.delete_notebook_instance_lifecycle_config, NotebookInstanceLifecycleConfigName=config
    )
    assert (code, f"notebook-{suffix} uses it" in message) == ("ValidationException", True)


def test_only_the_secret_of_a_repository_changes(sagemaker: Any, suffix: str) -> None:
    name, secret = f"repository-{suffix}", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:git"
    sagemaker.create_code_repository(
        CodeRepositoryName=name, GitConfig={"RepositoryUrl": "https://example.org/a.git", "Branch": "main"}
    )
    sagemaker.update_code_repository(CodeRepositoryName=name, GitConfig={"SecretArn": secret})
    assert sagemaker.describe_code_repository(CodeRepositoryName=name)["GitConfig"] == {
        "RepositoryUrl": "https://example.org/a.git",
        "Branch": "main",
        "SecretArn": secret,
    }
    sagemaker.delete_code_repository(CodeRepositoryName=name)
    assert refusal(sagemaker.describe_code_repository, CodeRepositoryName=name) == (
        "ValidationException",
        f"Cannot find CodeRepository: {PREFIX}:code-repository/{name}",
    )


def test_a_second_instance_of_a_name_is_refused_also_in_other_case(sagemaker: Any, suffix: str) -> None:
    make(sagemaker, f"notebook-{suffix}")
    for name in (f"notebook-{suffix}", f"Notebook-{suffix}"):
        code, message = refusal(
            sagemaker.create_notebook_instance, NotebookInstanceName=name, InstanceType="ml.t3.medium", RoleArn=ROLE
        )
        assert (code, message) == (
            "ValidationException",
            f"Cannot create a duplicate Notebook Instance ({PREFIX}:notebook-instance/notebook-{suffix}), which exists "
            "already.",
        )
