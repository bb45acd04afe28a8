"""The ClarifyExplainerConfig of an endpoint configuration, and what of it is refused.

Source: API reference, ClarifyExplainerConfig and ClarifyShapBaselineConfig.
"""

from sageyard.errors import ValidationError
from sageyard.resources.spec import Document


def read_explainer(config_name: str, explainer: Document | None) -> Document | None:
    """ClarifyExplainerConfig of an ExplainerConfig, None where there is none; ValidationError names the member."""
    config: Document | None = (explainer or {}).get("ClarifyExplainerConfig")
    if config is None:
        return None
    where = f"Endpoint configuration {config_name}: ExplainerConfig.ClarifyExplainerConfig"
    shap = config["ShapConfig"]
    inference = config.get("InferenceConfig") or {}
    if "TextConfig" in shap:
        raise ValidationError(
            f"{where}.ShapConfig.TextConfig is not supported by Sageyard, which explains tabular data: leave it out "
            "and each feature is explained as a whole"
        )
    if "text" in (inference.get("FeatureTypes") or ()):
        raise ValidationError(
            f"{where}.InferenceConfig.FeatureTypes names text, which is not supported by Sageyard: leave FeatureTypes "
            "out and each feature is explained as a whole"
        )
    baseline = shap["ShapBaselineConfig"]
    if ("ShapBaseline" in baseline) == ("ShapBaselineUri" in baseline):
        raise ValidationError(f"{where}.ShapConfig.ShapBaselineConfig needs either ShapBaseline or ShapBaselineUri")
    for one, other in (("ProbabilityIndex", "ProbabilityAttribute"), ("LabelIndex", "LabelAttribute")):
        if one in inference and other in inference:
            raise ValidationError(
                f"{where}.InferenceConfig has both {one}, for CSV, and {other}, for JSON Lines: keep the one for what "
                "the model answers"
            )
    return config


def explainer_summary(deployment: Document) -> Document | None:
    """DescribeEndpoint's ExplainerConfig, of the endpoint's notes on its deployment."""
    config = deployment["variants"][0].get("explainer")
    return {"ClarifyExplainerConfig": config} if config else None
