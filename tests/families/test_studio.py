"""Studio's domains, profiles, spaces and apps, by boto3 on a live server."""

import os
import urllib.request
from typing import Any

import pytest

from tests.conftest import ACCOUNT, REGION, ROLE, eventually
from tests.families.refusals import refusal

PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


@pytest.fixture
def domain(sagemaker: Any) -> str:
    """A domain of the test's own, in service."""
    made = sagemaker.create_domain(
        DomainName=f"domain-{os.urandom(4).hex()}",
        AuthMode="IAM",
        DefaultUserSettings={"ExecutionRole": ROLE},
        SubnetIds=["subnet-1"],
        VpcId="vpc-1",
    )
    assert made["DomainArn"] == f"{PREFIX}:domain/{made['DomainId']}"
    eventually(lambda: sagemaker.describe_domain(DomainId=made["DomainId"])["Status"] == "InService")
    return str(made["DomainId"])


@pytest.fixture
def profile(sagemaker: Any, domain: str) -> str:
    """A profile of the domain."""
    made = sagemaker.create_user_profile(DomainId=domain, UserProfileName="Ann")
    assert made["UserProfileArn"] == f"{PREFIX}:user-profile/{domain}/ann"
    return "Ann"


def test_a_domain_goes_from_pending_to_in_service_with_its_defaults(sagemaker: Any, domain: str) -> None:
    described = sagemaker.describe_domain(DomainId=domain)
    assert described["AppNetworkAccessType"] == "PublicInternetOnly"
    assert described["TagPropagation"] == "DISABLED"
    pages = sagemaker.get_paginator("list_domains").paginate()
    assert domain in {entry["DomainId"] for page in pages for entry in page["Domains"]}


def test_settings_of_a_domain_are_merged_by_an_update(sagemaker: Any, domain: str) -> None:
    sagemaker.update_domain(
        DomainId=domain,
        DefaultUserSettings={"StudioWebPortal": "ENABLED"},
        DomainSettingsForUpdate={"SecurityGroupIds": ["sg-1"]},
    )
    described = sagemaker.describe_domain(DomainId=domain)
    assert described["DefaultUserSettings"] == {"ExecutionRole": ROLE, "StudioWebPortal": "ENABLED"}
    assert described["DomainSettings"] == {"SecurityGroupIds": ["sg-1"]}
    assert described["Status"] == "InService"


def test_profiles_belong_to_a_domain_that_exists(sagemaker: Any, domain: str) -> None:
    code, message = refusal(sagemaker.create_user_profile, DomainId="d-nobody", UserProfileName="ann")
    assert code == "ResourceNotFound"
    assert "d-nobody" in message


def test_a_profile_is_listed_by_domain_and_name(sagemaker: Any, domain: str, profile: str) -> None:
    sagemaker.create_user_profile(DomainId=domain, UserProfileName="bob")
    listed = sagemaker.list_user_profiles(DomainIdEquals=domain, UserProfileNameContains="an")["UserProfiles"]
    assert [entry["UserProfileName"] for entry in listed] == [profile]
    assert refusal(sagemaker.create_user_profile, DomainId=domain, UserProfileName=profile)[0] == "ResourceInUse"


def test_an_app_belongs_to_one_profile_or_space(sagemaker: Any, domain: str, profile: str) -> None:
    app = {"DomainId": domain, "AppType": "JupyterServer", "AppName": "default"}
    code, message = refusal(sagemaker.create_app, **app)
    assert (code, "UserProfileName or SpaceName" in message) == ("ValidationException", True)
    assert refusal(sagemaker.create_app, UserProfileName="nobody", **app)[0] == "ResourceNotFound"
    made = sagemaker.create_app(UserProfileName=profile, **app)
    assert made["AppArn"] == f"{PREFIX}:app/{domain}/ann/jupyterserver/default"
    assert refusal(sagemaker.create_app, UserProfileName=profile, **app)[0] == "ResourceInUse"
    sagemaker.create_user_profile(DomainId=domain, UserProfileName="bob")
    sagemaker.create_app(UserProfileName="bob", **app)  # the same name, of another profile
    described = sagemaker.describe_app(UserProfileName=profile, **app)
    assert (described["UserProfileName"], described["AppName"]) == (profile, "default")
    listed = sagemaker.list_apps(DomainIdEquals=domain, UserProfileNameEquals=profile)["Apps"]
    assert [(entry["UserProfileName"], entry["AppType"]) for entry in listed] == [(profile, "JupyterServer")]
    sagemaker.delete_app(UserProfileName=profile, **app)
    assert refusal(sagemaker.describe_app, UserProfileName=profile, **app)[0] == "ResourceNotFound"


def test_parents_with_children_are_not_deleted(sagemaker: Any, domain: str, profile: str) -> None:
    sagemaker.create_space(
        DomainId=domain,
        SpaceName="lab",
        OwnershipSettings={"OwnerUserProfileName": profile},
        SpaceSharingSettings={"SharingType": "Private"},
        SpaceSettings={"AppType": "JupyterLab"},
    )
    app = {"DomainId": domain, "SpaceName": "lab", "AppType": "JupyterLab", "AppName": "default"}
    sagemaker.create_app(**app)
    assert refusal(sagemaker.delete_space, DomainId=domain, SpaceName="lab") == (
        "ResourceInUse",
        f"Unable to delete Space [{PREFIX}:space/{domain}/lab] because App(s) are associated with it. "
        "Delete them first.",
    )
    code, message = refusal(sagemaker.delete_user_profile, DomainId=domain, UserProfileName=profile)
    assert (code, "Space(s) are associated" in message) == ("ResourceInUse", True)
    code, message = refusal(sagemaker.delete_domain, DomainId=domain)
    assert (code, "UserProfile(s) are associated" in message) == ("ResourceInUse", True)
    (listed,) = sagemaker.list_spaces(DomainIdEquals=domain)["Spaces"]
    assert listed["SpaceSettingsSummary"] == {"AppType": "JupyterLab"}
    assert listed["OwnershipSettingsSummary"] == {"OwnerUserProfileName": profile}
    assert listed["SpaceSharingSettingsSummary"] == {"SharingType": "Private"}
    sagemaker.delete_app(**app)
    sagemaker.delete_space(DomainId=domain, SpaceName="lab")
    sagemaker.delete_user_profile(DomainId=domain, UserProfileName=profile)
    sagemaker.delete_domain(DomainId=domain, RetentionPolicy={"HomeEfsFileSystem": "Delete"})
    assert refusal(sagemaker.describe_domain, DomainId=domain)[0] == "ResourceNotFound"


def test_a_space_is_owned_by_a_profile_that_exists(sagemaker: Any, domain: str) -> None:
    request = {"DomainId": domain, "SpaceName": "s", "SpaceSharingSettings": {"SharingType": "Private"}}
    code, _ = refusal(sagemaker.create_space, OwnershipSettings={"OwnerUserProfileName": "nobody"}, **request)
    assert code == "ResourceNotFound"


def test_a_presigned_url_leads_to_a_page_that_tells_the_truth(sagemaker: Any, domain: str, profile: str) -> None:
    url = sagemaker.create_presigned_domain_url(DomainId=domain, UserProfileName=profile)["AuthorizedUrl"]
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert f"keeps the record of {domain}/{profile}, but runs no application" in answer.read().decode()
    assert refusal(sagemaker.create_presigned_domain_url, DomainId=domain, UserProfileName="x")[0] == "ResourceNotFound"


def test_single_sign_on_has_no_presigned_urls(sagemaker: Any) -> None:
    domain = sagemaker.create_domain(DomainName=f"sso-{os.urandom(4).hex()}", AuthMode="SSO", DefaultUserSettings={})
    sagemaker.create_user_profile(DomainId=domain["DomainId"], UserProfileName="ann")
    code, message = refusal(sagemaker.create_presigned_domain_url, DomainId=domain["DomainId"], UserProfileName="ann")
    assert (code, "AuthMode SSO" in message) == ("ValidationException", True)


def test_lifecycle_configurations_are_filtered_by_type_and_time(sagemaker: Any) -> None:
    name = f"lifecycle-{os.urandom(4).hex()}"
    sagemaker.create_studio_lifecycle_config(
        StudioLifecycleConfigName=name,
        StudioLifecycleConfigContent="ZWNobw==",
        StudioLifecycleConfigAppType="JupyterLab",
    )

    def listed(**filters: Any) -> list[str]:
        found = sagemaker.list_studio_lifecycle_configs(NameContains=name, **filters)["StudioLifecycleConfigs"]
        return [entry["StudioLifecycleConfigName"] for entry in found]

    assert listed(AppTypeEquals="JupyterLab", ModifiedTimeAfter="2020-01-01") == [name]
    assert listed(AppTypeEquals="CodeEditor") == []
    assert listed(ModifiedTimeBefore="2020-01-01") == []


def test_a_session_is_refused_with_what_to_do_instead(sagemaker: Any, domain: str) -> None:
    code, message = refusal(sagemaker.start_session, ResourceIdentifier=f"{PREFIX}:space/{domain}/lab")
    assert code == "UnknownOperationException"
    assert "Open your working folder in the editor itself" in message
