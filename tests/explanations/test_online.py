"""Online explainability with boto3: endpoints with a ClarifyExplainerConfig."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Server, eventually

SHAP = {"ShapBaselineConfig": {"ShapBaseline": "0,0,grey"}}
Deploy = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def endpoint(deploy: Deploy, model: str) -> str:
    """Explains every record of CSV, captures every call."""
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{model}/capture",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
    }
    inference = {"FeatureHeaders": ["a", "b", "colour"], "LabelHeaders": ["score"], "MaxRecordCount": 2}
    described = deploy({"ShapConfig": SHAP, "InferenceConfig": inference}, DataCaptureConfig=capture)
    assert described["EndpointStatus"] == "InService", described
    assert described["ExplainerConfig"]["ClarifyExplainerConfig"]["ShapConfig"] == SHAP
    return str(described["EndpointName"])


@pytest.fixture
def invoke(server: Server) -> Callable[..., dict[str, Any]]:
    runtime = server.client("sagemaker-runtime")

    def call(name: str, body: str, **members: Any) -> dict[str, Any]:
        given = {"ContentType": "text/csv", "Accept": "text/csv", **members}
        answer = runtime.invoke_endpoint(EndpointName=name, Body=body, **given)
        assert answer["ContentType"] == "application/json"
        document: dict[str, Any] = json.load(answer["Body"])
        return document

    return call


def values(record: list[dict[str, Any]]) -> list[list[float]]:
    """Of one explained record, the attribution of each feature."""
    assert all(len(feature["attributions"]) == 1 for feature in record)
    return [feature["attributions"][0]["attribution"] for feature in record]


def test_each_record_is_explained_in_the_documented_form(endpoint: str, invoke: Callable[..., Any]) -> None:
    response = invoke(endpoint, "1,2,red\n3,0,blue\n")
    first, second = response["explanations"].pop("kernel_shap")
    prediction = response["predictions"].pop("data")
    assert [float(line) for line in prediction.split()] == pytest.approx([0.8, 0.0])
    assert response == {
        "version": "1.0",
        "predictions": {"content_type": "text/csv"},
        "label_headers": ["score"],
        "explanations": {},
    }
    assert [feature["feature_header"] for feature in first] == ["a", "b", "colour"]
    assert values(first) == [pytest.approx([0.3]), pytest.approx([0.2]), pytest.approx([0.3])]
    assert values(second) == [pytest.approx([0.3]), pytest.approx([0.0]), pytest.approx([-0.3])]


def test_a_request_chooses_what_is_explained(endpoint: str, invoke: Callable[..., Any]) -> None:
    assert invoke(endpoint, "1,2,red", EnableExplanations="`false`")["explanations"] == {}
    found = invoke(endpoint, "1,2,red\n0,0,blue\n", EnableExplanations="[0]>`0.5`")["explanations"]["kernel_shap"]
    assert found[1] is None
    assert len(found[0]) == 3


def test_what_is_captured_is_the_clients_request_and_the_models_answer(
    endpoint: str, invoke: Callable[..., Any], s3: Any, model: str
) -> None:
    invoke(endpoint, "5,5,captured")

    def records() -> list[Any]:
        listed = s3.list_objects_v2(Bucket=model, Prefix=f"capture/{endpoint}/").get("Contents", [])
        bodies = [s3.get_object(Bucket=model, Key=entry["Key"])["Body"].read().decode() for entry in listed]
        return [json.loads(line)["captureData"] for body in bodies for line in body.splitlines()]

    found = eventually(lambda: [r for r in records() if r["endpointInput"]["data"] == "5,5,captured"])
    assert [float(record["endpointOutput"]["data"]) for record in found] == [5.5]
    assert all(record["endpointInput"]["data"].count("\n") <= 2 for record in records())


@pytest.mark.parametrize(
    ("body", "members", "code", "text"),
    [
        ("1,2", {}, "ModelError", "not enough values"),
        (
            "1,2,red",
            {"EnableExplanations": "[0]"},
            "ValidationError",
            r"EnableExplanations is '\[0\]', which gives 0.8",
        ),
        ("1,2,red", {"EnableExplanations": "]"}, "ValidationError", "no JMESPath expression"),
        (
            '{"features": [1, 2, "red"]}',
            {"ContentType": "application/jsonlines"},
            "ValidationError",
            "FeaturesAttribute",
        ),
    ],
)
def test_what_cannot_be_explained_is_refused_by_name(
    endpoint: str, invoke: Callable[..., Any], body: str, members: dict[str, Any], code: str, text: str
) -> None:
    with pytest.raises(ClientError, match=text) as caught:
        invoke(endpoint, body, **members)
    assert caught.value.response["Error"]["Code"] == code


def test_a_model_that_fails_at_synthetic_data_is_a_model_error(deploy: Deploy, invoke: Callable[..., Any]) -> None:
    described = deploy({"ShapConfig": {"ShapBaselineConfig": {"ShapBaseline": "0,0,broken"}}})
    with pytest.raises(ClientError, match="a broken row") as caught:
        invoke(described["EndpointName"], "1,2,red")
    assert caught.value.response["Error"]["Code"] == "ModelError"


def test_json_lines_with_several_outputs_and_a_baseline_on_s3(
    deploy: Deploy, invoke: Callable[..., Any], s3: Any, model: str
) -> None:
    s3.put_object(
        Bucket=model, Key="baseline.jsonl", Body=b'{"features": [0, 0, "grey"]}\n{"features": [2, 0, "grey"]}\n'
    )
    baseline = {"MimeType": "application/jsonlines", "ShapBaselineUri": f"s3://{model}/baseline.jsonl"}
    described = deploy(
        {
            "EnableExplanations": "label=='x'",
            "InferenceConfig": {
                "FeaturesAttribute": "features",
                "ContentTemplate": '{"features":$features}',
                "ProbabilityAttribute": "scores",
            },
            "ShapConfig": {"ShapBaselineConfig": baseline, "Seed": 1, "NumberOfSamples": 100},
        }
    )
    body, kind = '{"features": [1, 0, "red"]}', "application/jsonlines"
    response = invoke(described["EndpointName"], body, ContentType=kind, Accept=kind)
    (record,) = response["explanations"]["kernel_shap"]
    assert values(record) == [pytest.approx([0, 0]), pytest.approx([0, 0]), pytest.approx([0.3, -0.3])]


def test_an_expression_that_is_none_fails_the_endpoint(deploy: Deploy) -> None:
    described = deploy({"EnableExplanations": "probability >", "ShapConfig": SHAP})
    assert described["EndpointStatus"] == "Failed"
    assert "EnableExplanations is 'probability >', which is no JMESPath expression" in described["FailureReason"]


@pytest.mark.parametrize(
    ("shap", "inference", "text"),
    [
        (
            {**SHAP, "TextConfig": {"Language": "en", "Granularity": "token"}},
            {},
            "ShapConfig.TextConfig is not supported",
        ),
        (SHAP, {"FeatureTypes": ["text"]}, "FeatureTypes names text"),
        ({"ShapBaselineConfig": {}}, {}, "needs either ShapBaseline or ShapBaselineUri"),
        (SHAP, {"LabelIndex": 0, "LabelAttribute": "label"}, "both LabelIndex, for CSV, and LabelAttribute"),
    ],
)
def test_what_no_explainer_can_do_is_refused_when_the_endpoint_is_made(
    deploy: Deploy, shap: dict[str, Any], inference: dict[str, Any], text: str
) -> None:
    with pytest.raises(ClientError, match=text):
        deploy({"ShapConfig": shap, **({"InferenceConfig": inference} if inference else {})})


def test_an_explanation_that_has_ended_gives_nobody_the_models_answers(server: Server, endpoint: str) -> None:
    runtime = server.client("sagemaker-runtime")
    runtime.meta.events.register(
        "before-sign.sagemaker-runtime.InvokeEndpoint",
        lambda request, **_: request.headers.add_header("X-Sageyard-Explanation", os.urandom(8).hex()),
    )
    with pytest.raises(ClientError, match="has ended"):
        runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body="1,2,red")
