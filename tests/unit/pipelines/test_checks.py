"""Where a model package keeps the baselines that checks compare with."""

import pytest
from sageyard.pipelines.steps.clarify_check import ClarifyCheck
from sageyard.pipelines.steps.quality_check import QualityCheck

BASELINES = {
    "Bias": {
        "PreTrainingConstraints": {"ContentType": "application/json", "S3Uri": "s3://b/pre"},
        "PostTrainingConstraints": {"ContentType": "application/json", "S3Uri": "s3://b/post"},
    },
    "Explainability": {"Constraints": {"ContentType": "application/json", "S3Uri": "s3://b/shap"}},
    "ModelQuality": {"Constraints": {"S3Uri": "s3://b/quality"}, "Statistics": {"S3Uri": "s3://b/scores"}},
}


@pytest.mark.parametrize(
    ("check", "uri"),
    [("DATA_BIAS", "s3://b/pre"), ("MODEL_BIAS", "s3://b/post"), ("MODEL_EXPLAINABILITY", "s3://b/shap")],
)
def test_a_clarify_check_takes_the_constraints_of_its_type(check: str, uri: str) -> None:
    assert ClarifyCheck().registered(BASELINES, check)["Constraints"]["S3Uri"] == uri
    assert ClarifyCheck().registered({}, check) == {}


def test_a_quality_check_takes_constraints_and_statistics() -> None:
    found = QualityCheck().registered(BASELINES, "MODEL_QUALITY")
    assert {name: part["S3Uri"] for name, part in found.items()} == {
        "Constraints": "s3://b/quality",
        "Statistics": "s3://b/scores",
    }
    assert QualityCheck().registered(BASELINES, "DATA_QUALITY") == {}
