"""MLflow tracking servers and apps, and partner apps, by boto3 on a live server."""

import os
import urllib.request
from typing import Any

from tests.conftest import ACCOUNT, REGION, ROLE, eventually
from tests.families.refusals import refusal

PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


def text_at(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def test_a_tracking_server_is_stopped_and_started(sagemaker: Any) -> None:
    name = f"server-{os.urandom(4).hex()}"
    identity = {"TrackingServerName": name}
    made = sagemaker.create_mlflow_tracking_server(ArtifactStoreUri="s3://bucket/mlflow", RoleArn=ROLE, **identity)
    assert made["TrackingServerArn"] == f"{PREFIX}:mlflow-tracking-server/{name}"

    def status() -> tuple[str, str]:
        described = sagemaker.describe_mlflow_tracking_server(**identity)
        return described["TrackingServerStatus"], described["IsActive"]

    eventually(lambda: status() == ("Created", "Active"))
    assert refusal(sagemaker.start_mlflow_tracking_server, **identity)[0] == "ValidationException"
    assert "no application behind it: MLflow" in text_at(
        sagemaker.create_presigned_mlflow_tracking_server_url(**identity)["AuthorizedUrl"]
    )
    sagemaker.stop_mlflow_tracking_server(**identity)
    assert status() == ("Stopped", "Inactive")
    code, message = refusal(sagemaker.create_presigned_mlflow_tracking_server_url, **identity)
    assert (code, "start it first" in message) == ("ValidationException", True)
    assert refusal(sagemaker.stop_mlflow_tracking_server, **identity)[0] == "ValidationException"
    sagemaker.start_mlflow_tracking_server(**identity)
    assert status() == ("Started", "Active")
    sagemaker.update_mlflow_tracking_server(TrackingServerSize="Large", **identity)
    assert sagemaker.describe_mlflow_tracking_server(**identity)["TrackingServerSize"] == "Large"
    listed = sagemaker.list_mlflow_tracking_servers(TrackingServerStatus="Started", CreatedAfter="2020-01-01")
    (found,) = [one for one in listed["TrackingServerSummaries"] if one["TrackingServerName"] == name]
    assert found["IsActive"] == "Active"
    assert sagemaker.delete_mlflow_tracking_server(**identity)["TrackingServerArn"] == made["TrackingServerArn"]
    assert refusal(sagemaker.describe_mlflow_tracking_server, **identity)[0] == "ResourceNotFound"


def test_an_mlflow_app_is_found_by_its_arn_and_domains(sagemaker: Any) -> None:
    name, domain = f"app-{os.urandom(4).hex()}", f"d-{os.urandom(4).hex()}"
    arn = sagemaker.create_mlflow_app(
        Name=name, ArtifactStoreUri="s3://bucket/mlflow", RoleArn=ROLE, DefaultDomainIdList=[domain, "d-other"]
    )["Arn"]
    eventually(lambda: sagemaker.describe_mlflow_app(Arn=arn)["Status"] == "Created")
    assert sagemaker.describe_mlflow_app(Arn=arn)["ModelRegistrationMode"] == "AutoModelRegistrationDisabled"
    listed = sagemaker.list_mlflow_apps(DefaultForDomainId=domain)["Summaries"]
    assert [(entry["Arn"], entry["Name"]) for entry in listed] == [(arn, name)]
    assert name in text_at(sagemaker.create_presigned_mlflow_app_url(Arn=arn)["AuthorizedUrl"])
    sagemaker.delete_mlflow_app(Arn=arn)
    assert refusal(sagemaker.describe_mlflow_app, Arn=arn)[0] == "ResourceNotFound"


def test_a_partner_app_has_the_arn_that_its_operations_accept(sagemaker: Any) -> None:
    request = {
        "Name": f"partner{os.urandom(4).hex()}", "Type": "comet", "ExecutionRoleArn": ROLE, "Tier": "small",
        "AuthType": "IAM", "ClientToken": os.urandom(8).hex(),
    }  # fmt: skip
    arn = sagemaker.create_partner_app(**request)["Arn"]
    assert sagemaker.create_partner_app(**request)["Arn"] == arn
    eventually(lambda: sagemaker.describe_partner_app(Arn=arn)["Status"] == "Available")
    sagemaker.update_partner_app(Arn=arn, Tier="large")
    assert sagemaker.describe_partner_app(Arn=arn)["Tier"] == "large"
    assert "a partner's application" in text_at(sagemaker.create_partner_app_presigned_url(Arn=arn)["Url"])
    assert sagemaker.delete_partner_app(Arn=arn)["Arn"] == arn
    assert refusal(sagemaker.create_partner_app_presigned_url, Arn=arn)[0] == "ResourceNotFound"


def test_no_other_page_is_there(sagemaker: Any) -> None:
    base = sagemaker.meta.endpoint_url
    for path in ("studio", "studio/", "nothing/a"):
        request = urllib.request.Request(f"{base}/_sageyard/applications/{path}")
        opener = urllib.request.build_opener(urllib.request.HTTPHandler())
        try:
            opener.open(request, timeout=10)
            raise AssertionError(path)
        except urllib.error.HTTPError as error:
            assert error.code == 404
