"""Model cards, by boto3 on a live server: versions, the content's schema, Search, and exports as PDF in S3."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pypdf import PdfReader

from tests.conftest import ACCOUNT, REGION, Server, eventually, start_server

PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-card"
FULL = {
    "model_overview": {
        "model_id": "arn:aws:sagemaker:us-east-1:123456789012:model/churn", "model_name": "churn",
        "model_description": "Who leaves within 30 days & why", "model_version": 3,
        "problem_type": "Binary classification", "model_artifact": ["s3://models/churn/model.tar.gz"],
        "inference_environment": {"container_image": ["sagemaker-xgboost:1.7-1"]},
    },
    "intended_uses": {"purpose_of_model": "Find customers worth a call", "risk_rating": "Medium"},
    "business_details": {"line_of_business": "Telecom"},
    "training_details": {
        "objective_function": {"function": {"function": "Minimize", "facet": "Loss"}, "notes": "log loss"},
        "training_job_details": {
            "training_arn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/churn-1",
            "training_metrics": [{"name": "validation:auc", "value": 0.9134567, "notes": "best round"}],
            "hyper_parameters": [{"name": "max_depth", "value": "6"}],
        },
    },
    "evaluation_details": [
        {
            "name": "Holdout", "datasets": ["s3://data/holdout"], "metadata": {"reviewer": "A. Person"},
            "metric_groups": [
                {
                    "name": "binary classification",
                    "metric_data": [
                        {"name": "accuracy", "type": "number", "value": 0.912},
                        {"name": "calibrated", "type": "boolean", "value": True},
                        {"name": "confusion", "type": "matrix", "value": [[812, 31], [44, 113]],
                         "x_axis_name": ["said stay", "said leave"], "y_axis_name": ["stayed", "left"]},
                        {"name": "roc", "type": "linear_graph", "value": [[0, 0], [0.2, 0.85], [1, 1]],
                         "x_axis_name": "false positives"},
                        {"name": "importance", "type": "bar_chart", "value": [0.3, 0.2],
                         "x_axis_name": ["tenure", "usage"]},
                    ],
                }
            ],
        }
    ],
    "additional_information": {"ethical_considerations": "None known", "custom_details": {"Cost center": "4711"}},
}  # fmt: skip


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    """Code and message of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


@pytest.fixture
def card(sagemaker: Any) -> str:
    """A card of the test's own."""
    name = f"Card-{os.urandom(4).hex()}"
    arn = sagemaker.create_model_card(ModelCardName=name, Content="{}", ModelCardStatus="Draft")["ModelCardArn"]
    assert arn == f"{PREFIX}/{name.lower()}"
    return name


def numbers(sagemaker: Any, card: str, **members: Any) -> list[int]:
    found = sagemaker.list_model_card_versions(ModelCardName=card, **members)["ModelCardVersionSummaryList"]
    return [version["ModelCardVersion"] for version in found]


def export(sagemaker: Any, card: str, path: str, name: str = "job", **members: Any) -> dict[str, Any]:
    """An export that has ended, as Describe shows it."""
    arn = sagemaker.create_model_card_export_job(
        ModelCardName=card, ModelCardExportJobName=name, OutputConfig={"S3OutputPath": path}, **members
    )["ModelCardExportJobArn"]

    def ended() -> dict[str, Any] | None:
        found = sagemaker.describe_model_card_export_job(ModelCardExportJobArn=arn)
        return found if found["Status"] != "InProgress" else None

    found: dict[str, Any] = eventually(ended, 30, "the end of the export")
    return found


def pdf_text(s3: Any, uri: str) -> str:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    stored = s3.get_object(Bucket=bucket, Key=key)
    assert stored["ContentType"] == "application/pdf"
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(stored["Body"].read())).pages)


def test_content_makes_a_version_and_a_status_does_not(sagemaker: Any, card: str) -> None:
    sagemaker.update_model_card(ModelCardName=card, ModelCardStatus="PendingReview")
    assert numbers(sagemaker, card) == [1]
    content = json.dumps({"intended_uses": {"risk_rating": "Low"}})
    sagemaker.update_model_card(ModelCardName=f"{PREFIX}/{card.lower()}", Content=content)
    assert numbers(sagemaker, card) == [2, 1]
    latest = sagemaker.describe_model_card(ModelCardName=card)
    assert (latest["ModelCardVersion"], latest["Content"]) == (2, content)
    assert (latest["ModelCardStatus"], latest["CreatedBy"]) == ("PendingReview", {})
    sagemaker.update_model_card(ModelCardName=card, ModelCardStatus="Approved")
    first = sagemaker.describe_model_card(ModelCardName=card, ModelCardVersion=1)
    assert (first["ModelCardVersion"], first["Content"], first["ModelCardStatus"]) == (1, "{}", "PendingReview")
    assert first["ModelCardArn"] == latest["ModelCardArn"] == f"{PREFIX}/{card.lower()}"
    assert first["CreationTime"] == latest["CreationTime"]
    assert numbers(sagemaker, card, ModelCardStatus="Approved") == [2]
    assert numbers(sagemaker, card, SortBy="Version", SortOrder="Ascending") == [1, 2]
    assert numbers(sagemaker, card, CreationTimeAfter="2100-01-01") == []


def test_versions_beyond_nine_are_in_order_and_in_pages(sagemaker: Any, card: str) -> None:
    for number in range(2, 13):
        content = json.dumps({"model_overview": {"model_version": number}})
        sagemaker.update_model_card(ModelCardName=card, Content=content)
    pages = sagemaker.get_paginator("list_model_card_versions").paginate(
        ModelCardName=card, SortOrder="Ascending", PaginationConfig={"PageSize": 5}
    )
    found = [version for page in pages for version in page["ModelCardVersionSummaryList"]]
    assert [version["ModelCardVersion"] for version in found] == list(range(1, 13))
    assert {version["ModelCardArn"] for version in found} == {f"{PREFIX}/{card.lower()}"}


def test_an_update_has_content_or_status_and_not_both(sagemaker: Any, card: str) -> None:
    update = sagemaker.update_model_card
    both = refusal(update, ModelCardName=card, Content="{}", ModelCardStatus="Approved")
    assert both[0] == "ValidationException"
    assert both[1].startswith("You cannot update both model card content and model card status in a single call")
    sagemaker.update_model_card(ModelCardName=card, ModelCardStatus="Archived")
    archived = refusal(update, ModelCardName=card, Content="{}")
    assert archived[0] == "ValidationException"
    assert archived[1].startswith("Model Card is in Archived state")
    assert numbers(sagemaker, card) == [1]


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("{", "not valid JSON"),
        ("[" * 50_000, "not valid JSON"),
        ("[]", "$ must be an object"),
        ('{"overview": {}}', "unknown member 'overview'"),
        ('{"model_overview": {"owner": "me"}}', "$.model_overview has an unknown member 'owner'"),
        ('{"intended_uses": {"risk_rating": "Extreme"}}', "$.intended_uses.risk_rating must be one of High, Medium"),
        ('{"evaluation_details": [{}]}', "$.evaluation_details[0] must have a name"),
        (
            '{"evaluation_details": [{"name": "e", "metric_groups": [{"name": "g", "metric_data": [{"name": "m", '
            '"type": "matrix", "value": 1}]}]}]}',
            "$.evaluation_details[0].metric_groups[0].metric_data[0].value must be a list",
        ),
        ('{"training_details": {"training_job_details": {"training_metrics": [{"name": "m", "value": NaN}]}}}',
         "training_metrics[0].value must be a number"),
        (json.dumps({"business_details": {"line_of_business": "x" * 2049}}), "has 2049 characters, more than 2048"),
    ],
)  # fmt: skip
def test_content_that_is_not_of_the_schema_is_refused_by_its_path(
    sagemaker: Any, unique: str, card: str, content: str, wrong: str
) -> None:
    create = refusal(sagemaker.create_model_card, ModelCardName=unique, Content=content, ModelCardStatus="Draft")
    update = refusal(sagemaker.update_model_card, ModelCardName=card, Content=content)
    for code, message in (create, update):
        assert code == "ValidationException"
        assert wrong in message
    assert numbers(sagemaker, card) == [1]


def test_cards_are_unknown_and_taken(sagemaker: Any, card: str) -> None:
    taken = refusal(sagemaker.create_model_card, ModelCardName=card, Content="{}", ModelCardStatus="Draft")
    assert taken == ("ConflictException", f"Modelcard {card} already exists")
    for call in (sagemaker.describe_model_card, sagemaker.delete_model_card, sagemaker.list_model_card_versions):
        assert refusal(call, ModelCardName=f"{card}x") == ("ResourceNotFound", f"Modelcard {card}x does not exist.")
    code, message = refusal(sagemaker.describe_model_card, ModelCardName=card, ModelCardVersion=7)
    assert code == "ResourceNotFound"
    assert message.startswith(f"Modelcard with name {card} and version: 7 does not exist")


def test_cards_are_listed_by_name_status_and_time(sagemaker: Any, card: str) -> None:
    other = f"{card}-b"
    sagemaker.create_model_card(ModelCardName=other, Content="{}", ModelCardStatus="Approved")

    def listed(**members: Any) -> list[str]:
        found = sagemaker.list_model_cards(NameContains=card, **members)["ModelCardSummaries"]
        return [entry["ModelCardName"] for entry in found]

    assert listed() == [other, card]
    assert listed(SortBy="Name", SortOrder="Ascending") == [card, other]
    assert listed(ModelCardStatus="Approved") == [other]
    assert listed(CreationTimeBefore="2000-01-01") == []


def test_metadata_only_leaves_out_what_a_key_would_protect(sagemaker: Any, unique: str) -> None:
    sagemaker.create_model_card(
        ModelCardName=unique, Content=json.dumps(FULL), ModelCardStatus="Draft",
        SecurityConfig={"KmsKeyId": "alias/mine"}, Tags=[{"Key": "team", "Value": "risk"}],
    )  # fmt: skip
    shown = sagemaker.describe_model_card(ModelCardName=unique, IncludedData="MetadataOnly")
    assert json.loads(shown["Content"]) == {
        "model_overview": {"model_id": FULL["model_overview"]["model_id"], "model_name": "churn"},  # type: ignore[call-overload, index]
        "intended_uses": {"risk_rating": "Medium"},
    }
    assert shown["SecurityConfig"] == {"KmsKeyId": "alias/mine"}
    assert sagemaker.list_tags(ResourceArn=shown["ModelCardArn"])["Tags"] == [{"Key": "team", "Value": "risk"}]
    assert json.loads(sagemaker.describe_model_card(ModelCardName=unique)["Content"]) == FULL


def test_search_finds_a_card_by_model_and_by_risk(sagemaker: Any, unique: str) -> None:
    model = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/{unique.lower()}"
    content = {"model_overview": {"model_id": model}, "intended_uses": {"risk_rating": "High"}}
    sagemaker.create_model_card(ModelCardName=unique, Content=json.dumps(content), ModelCardStatus="Draft")
    filters = [{"Name": "ModelId", "Operator": "Equals", "Value": model}]
    found = sagemaker.search(Resource="ModelCard", SearchExpression={"Filters": filters})["Results"]
    assert [result["ModelCard"]["ModelCardName"] for result in found] == [unique]
    assert (found[0]["ModelCard"]["RiskRating"], found[0]["ModelCard"]["ModelCardVersion"]) == ("High", 1)


def test_an_export_is_a_pdf_of_real_text_in_s3(sagemaker: Any, s3: Any, card: str, bucket: str) -> None:
    sagemaker.update_model_card(ModelCardName=card, Content=json.dumps(FULL))
    job = export(sagemaker, card, f"s3://{bucket}/cards/")
    assert job["Status"] == "Completed"
    assert job["ModelCardExportJobArn"] == f"{PREFIX}/{card.lower()}/export-job/job"
    assert (job["ModelCardName"], job["ModelCardVersion"], job["ModelCardExportJobName"]) == (card, 2, "job")
    assert job["CreatedAt"] <= job["LastModifiedAt"]
    uri = job["ExportArtifacts"]["S3ExportArtifacts"]
    assert uri == f"s3://{bucket}/cards/{card}/job.pdf"
    text = pdf_text(s3, uri)
    titles = ["Model overview", "Intended uses", "Business details", "Training details", "Evaluation details",
              "Additional information"]  # fmt: skip
    places = [text.index(title) for title in [card, *titles]]
    assert places == sorted(places)
    for shown in (
        "Who leaves within 30 days & why", "Find customers worth a call", "Medium", "Telecom", "Minimize Loss",
        "validation:auc", "0.913457", "max_depth", "accuracy", "0.912", "said leave", "113", "false positives",
        "tenure", "A. Person", "None known", "4711",
    ):  # fmt: skip
        assert shown in text


def test_an_export_of_an_older_version_shows_that_version(sagemaker: Any, s3: Any, card: str, bucket: str) -> None:
    sagemaker.update_model_card(ModelCardName=card, Content=json.dumps(FULL))
    first = export(sagemaker, card, f"s3://{bucket}", ModelCardVersion=1)
    text = pdf_text(s3, first["ExportArtifacts"]["S3ExportArtifacts"])
    assert "Telecom" not in text
    assert text.count("Not provided") == 6


def test_an_export_to_no_bucket_fails_with_the_reason(sagemaker: Any, card: str) -> None:
    job = export(sagemaker, card, "s3://no-such-bucket-anywhere/cards")
    assert job["Status"] == "Failed"
    assert job["FailureReason"] == "The specified bucket does not exist: s3://no-such-bucket-anywhere"
    assert "ExportArtifacts" not in job


def test_exports_are_refused_for_what_does_not_exist(sagemaker: Any, card: str, bucket: str) -> None:
    create = sagemaker.create_model_card_export_job
    request = {"ModelCardName": card, "ModelCardExportJobName": "j", "OutputConfig": {"S3OutputPath": f"s3://{bucket}"}}
    assert refusal(create, **request | {"ModelCardName": f"{card}x"})[0] == "ResourceNotFound"
    assert refusal(create, **request, ModelCardVersion=9)[0] == "ResourceNotFound"
    https = refusal(create, **request | {"OutputConfig": {"S3OutputPath": "https://bucket/cards"}})
    assert https[0] == "ValidationException"
    create(**request)
    assert refusal(create, **request)[0] == "ConflictException"
    arn = f"{PREFIX}/{card.lower()}/export-job/none"
    assert refusal(sagemaker.describe_model_card_export_job, ModelCardExportJobArn=arn)[0] == "ResourceNotFound"


def test_exports_are_listed_by_card_version_name_and_status(sagemaker: Any, card: str, bucket: str) -> None:
    sagemaker.update_model_card(ModelCardName=card, Content="{}")
    export(sagemaker, card, f"s3://{bucket}", "monthly", ModelCardVersion=1)
    export(sagemaker, card, f"s3://{bucket}", "yearly")
    export(sagemaker, card, "s3://no-such-bucket-anywhere", "broken")

    def listed(**members: Any) -> list[str]:
        found = sagemaker.list_model_card_export_jobs(ModelCardName=card, **members)["ModelCardExportJobSummaries"]
        return [entry["ModelCardExportJobName"] for entry in found]

    assert listed() == ["broken", "yearly", "monthly"]
    assert listed(SortBy="Name", SortOrder="Ascending") == ["broken", "monthly", "yearly"]
    assert listed(ModelCardVersion=1) == ["monthly"]
    assert listed(StatusEquals="Failed") == ["broken"]
    assert listed(ModelCardExportJobNameContains="YEAR") == ["yearly"]
    assert listed(ModelCardExportJobNameContains="ard") == []  # part of the card's name, and of export-job
    pages = sagemaker.get_paginator("list_model_card_export_jobs").paginate(
        ModelCardName=card, PaginationConfig={"PageSize": 1}
    )
    assert [len(page["ModelCardExportJobSummaries"]) for page in pages] == [1, 1, 1]


def test_a_deleted_card_takes_versions_and_exports_along(sagemaker: Any, s3: Any, card: str, bucket: str) -> None:
    sagemaker.update_model_card(ModelCardName=card, Content="{}")
    job = export(sagemaker, card, f"s3://{bucket}")
    sagemaker.delete_model_card(ModelCardName=card)
    assert refusal(sagemaker.describe_model_card, ModelCardName=card, ModelCardVersion=1)[0] == "ResourceNotFound"
    arn = job["ModelCardExportJobArn"]
    assert refusal(sagemaker.describe_model_card_export_job, ModelCardExportJobArn=arn)[0] == "ResourceNotFound"
    assert sagemaker.list_model_card_export_jobs(ModelCardName=card)["ModelCardExportJobSummaries"] == []
    assert pdf_text(s3, job["ExportArtifacts"]["S3ExportArtifacts"])
    sagemaker.create_model_card(ModelCardName=card, Content="{}", ModelCardStatus="Draft")
    assert numbers(sagemaker, card) == [1]


def test_cards_of_other_regions_are_others(server: Server, card: str) -> None:
    elsewhere = server.client("sagemaker", "eu-west-1")
    assert refusal(elsewhere.describe_model_card, ModelCardName=card)[0] == "ResourceNotFound"


def test_versions_survive_kill_nine_and_an_export_that_it_cut_off_ends(tmp_path: Path) -> None:
    first = start_server(tmp_path)
    client, s3 = first.client("sagemaker"), first.client("s3")
    s3.create_bucket(Bucket="cards")
    client.create_model_card(ModelCardName="card", Content="{}", ModelCardStatus="Draft")
    client.update_model_card(ModelCardName="card", Content=json.dumps(FULL))
    arn = client.create_model_card_export_job(
        ModelCardName="card", ModelCardExportJobName="job", OutputConfig={"S3OutputPath": "s3://cards"}
    )["ModelCardExportJobArn"]
    first.kill()
    second = start_server(tmp_path)
    try:
        client, s3 = second.client("sagemaker"), second.client("s3")
        assert numbers(client, "card") == [2, 1]

        def completed() -> bool:
            found = client.describe_model_card_export_job(ModelCardExportJobArn=arn)
            return bool(found["Status"] == "Completed")

        eventually(completed, 30, "the end of the export")
        assert "Telecom" in pdf_text(s3, "s3://cards/card/job.pdf")
    finally:
        second.stop()
