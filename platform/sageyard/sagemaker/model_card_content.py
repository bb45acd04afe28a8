"""What a model card says: its JSON schema, and the few fields that SageMaker reads out of it.

Sources: the model card JSON schema that AWS publishes for model packages (Developer Guide, model-registry-details),
and the SageMaker Python SDK's classes for what only a full card has. Where the published schema has keywords that JSON
Schema ignores (`maxItems` inside `items`, `maxContains` alone), nothing is refused for them.
"""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from sageyard.errors import ValidationError
from sageyard.resources.spec import Document

Rule = Callable[[Any, str], str]
"""What is wrong with a value at a path; empty where nothing is."""


def text(most: int | None = None, *, least: int = 0) -> Rule:
    """A string of so many characters."""

    def check(value: Any, path: str) -> str:
        if not isinstance(value, str):
            return f"{path} must be a string"
        if most is not None and len(value) > most:
            return f"{path} has {len(value)} characters, more than {most}"
        return f"{path} must not be empty" if len(value) < least else ""

    return check


def one_of(*choices: str) -> Rule:
    """One of these strings."""
    return lambda value, path: "" if value in choices else f"{path} must be one of {', '.join(choices)}, not {value!r}"


def number(value: Any, path: str) -> str:
    """An integer or decimal number; JSON has no NaN, though Python reads it."""
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return "" if fits else f"{path} must be a number"


def anything(value: Any, path: str) -> str:
    """Whatever it is."""
    return ""


def items(rule: Rule, least: int = 0, most: int | None = None) -> Rule:
    """A list whose items all satisfy a rule."""

    def check(value: Any, path: str) -> str:
        if not isinstance(value, list):
            return f"{path} must be a list"
        if len(value) < least or (most is not None and len(value) > most):
            return f"{path} has {len(value)} items, not {least} to {most if most is not None else 'any number'}"
        return next((wrong for index, item in enumerate(value) if (wrong := rule(item, f"{path}[{index}]"))), "")

    return check


def members(known: Mapping[str, Rule], required: tuple[str, ...] = (), others: Rule | None = None) -> Rule:
    """An object of known members; `others` is the rule of those with any other name, None where there are none."""

    def check(value: Any, path: str) -> str:
        if not isinstance(value, dict):
            return f"{path} must be an object"
        for name in required:
            if name not in value:
                return f"{path} must have a {name}"
        for name, item in value.items():
            rule = known.get(name, others)
            if rule is None:
                return f"{path} has an unknown member {name!r}: known are {', '.join(known)}"
            if wrong := rule(item, f"{path}.{name}"):
                return wrong
        return ""

    return check


def metric(value: Any, path: str) -> str:
    """A metric of an evaluation, by its type."""
    if not isinstance(value, dict):
        return f"{path} must be an object"
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in METRICS:
        return f"{path}.type must be one of {', '.join(METRICS)}, not {kind!r}"
    rule, x_axis, y_axis = METRICS[kind]
    known = {**NAMED, "type": anything, "value": rule, "x_axis_name": x_axis, "y_axis_name": y_axis}
    return members(known, ("name", "value"))(value, path)


def _simple(value: Any, path: str) -> str:
    return text(63)(value, path) if isinstance(value, str) else "" if isinstance(value, bool) else number(value, path)


LINE, AXIS = text(1024), text(63)
LINES, AXES = items(LINE), items(AXIS)
NAMED: dict[str, Rule] = {"name": text(least=1), "notes": LINE}
METRICS: dict[str, tuple[Rule, Rule, Rule]] = {
    "number": (_simple, AXIS, AXIS),
    "string": (_simple, AXIS, AXIS),
    "boolean": (_simple, AXIS, AXIS),
    "linear_graph": (items(items(number, 2, 2), 1), AXIS, AXIS),
    "bar_chart": (items(number, 1), AXES, AXIS),
    "matrix": (items(items(number, 1, 20), 1, 20), AXES, AXES),
}
IMAGES = members({"container_image": LINES})
TRAINING_METRICS = items(members({**NAMED, "value": number}, ("name", "value")))
HYPER_PARAMETERS = items(members({"name": text(least=1), "value": text()}, ("name",)))

CONTENT = members(
    {
        "model_overview": members(
            {
                **dict.fromkeys(("model_description", "model_owner", "model_creator", "algorithm_type"), LINE),
                **dict.fromkeys(("model_id", "model_name"), LINE),
                "problem_type": text(),
                "model_version": number,
                "model_artifact": LINES,
                "inference_environment": IMAGES,
            }
        ),
        "intended_uses": members(
            {
                **dict.fromkeys(("purpose_of_model", "intended_uses"), text(2048)),
                **dict.fromkeys(("factors_affecting_model_efficiency", "explanations_for_risk_rating"), text(2048)),
                "risk_rating": one_of("High", "Medium", "Low", "Unknown"),
            }
        ),
        "business_details": members(
            dict.fromkeys(("business_problem", "business_stakeholders", "line_of_business"), text(2048))
        ),
        "training_details": members(
            {
                "objective_function": anything,  # the published schema gives it no type
                "training_observations": LINE,
                "training_job_details": members(
                    {
                        "training_arn": LINE,
                        "training_datasets": LINES,
                        "training_environment": IMAGES,
                        **dict.fromkeys(("training_metrics", "user_provided_training_metrics"), TRAINING_METRICS),
                        **dict.fromkeys(("hyper_parameters", "user_provided_hyper_parameters"), HYPER_PARAMETERS),
                    }
                ),
            }
        ),
        "evaluation_details": items(
            members(
                {
                    "name": text(least=1),
                    "evaluation_observation": text(2096),
                    "evaluation_job_arn": text(256),
                    "datasets": items(LINE, 0, 10),
                    "metadata": members({}, others=LINE),
                    "metric_groups": items(
                        members(
                            {"name": text(least=1), "metric_data": items(metric)},
                            ("name", "metric_data"),
                            others=anything,
                        )
                    ),
                },
                ("name",),
            )
        ),
        "additional_information": members(
            {
                **dict.fromkeys(("ethical_considerations", "caveats_and_recommendations"), text(2048)),
                "custom_details": members({}, others=LINE),
            }
        ),
        "model_package_details": members(
            {"model_package_arn": text(2048), "model_package_group_name": text(63)}, others=anything
        ),
    }
)


def parsed(content: str) -> Document:
    """The content of a card; raises ValidationError where it is no JSON object of the schema."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"Content is not valid JSON: {error}. Give a model card as a JSON object.") from None
    if wrong := CONTENT(document, "$"):
        raise ValidationError(f"Content does not match the model card JSON schema: {wrong}.")
    return document  # type: ignore[no-any-return]


def searched(content: Document) -> Document:
    """What Search finds a card by: ModelId is a model's or a package version's (the SageMaker SDK looks for both)."""
    overview, package = content.get("model_overview", {}), content.get("model_package_details", {})
    return {
        "ModelId": overview.get("model_id") or package.get("model_package_arn"),
        "RiskRating": content.get("intended_uses", {}).get("risk_rating"),
        "ModelPackageGroupName": package.get("model_package_group_name"),
    }


SHOWN_WITHOUT_KEY = {
    "model_overview": ("model_id", "model_name"),
    "intended_uses": ("risk_rating",),
    "model_package_details": ("model_package_group_name", "model_package_arn"),
}


def metadata_only(content: str) -> str:
    """The content that DescribeModelCard shows for IncludedData=MetadataOnly."""
    full = json.loads(content)
    kept = {
        section: {name: full[section][name] for name in names if name in full[section]}
        for section, names in SHOWN_WITHOUT_KEY.items()
        if section in full
    }
    return json.dumps({section: shown for section, shown in kept.items() if shown})
