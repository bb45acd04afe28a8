"""The form of analysis_config.json: which keys there are and what each may hold.

It is the form that the SageMaker SDKs check before they upload the file (`sagemaker.clarify`, version 1.0 of the
schema), and the developer guide describes (clarify-processing-job-configure-analysis).
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .errors import AnalysisError


@dataclass(frozen=True)
class Rule:
    """What a value must be."""

    test: Callable[[Any], bool]
    expects: str


@dataclass(frozen=True)
class Items:
    """A list whose items each follow one form."""

    form: "Form"


Form: TypeAlias = "Rule | Items | Mapping[str, Form]"


def _is(*types: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, types) and (bool in types or not isinstance(value, bool))


def _list_of(*types: type) -> Callable[[Any], bool]:
    one = _is(*types)
    return lambda value: isinstance(value, list) and bool(value) and all(one(item) for item in value)


def _one_of(*values: str) -> Rule:
    return Rule(lambda value: isinstance(value, str) and value.lower() in values, "one of " + ", ".join(values))


TEXT = Rule(lambda value: isinstance(value, str) and bool(value), "a string that is not empty")
FLAG = Rule(_is(bool), "true or false")
COUNT = Rule(lambda value: _is(int)(value) and value > 0, "a whole number above 0")
INTEGER = Rule(_is(int), "a whole number")
FRACTION = Rule(_is(int, float), "a number, such as 0.5")
PLACE = Rule(lambda value: _is(int)(value) or (isinstance(value, str) and value != ""), "a name (string) or an index")
TEXTS = Rule(_list_of(str), "a list of strings")
PLACES = Rule(_list_of(str, int), "a list of names (strings) or indices (whole numbers)")
VALUES = Rule(_list_of(int, float, str, bool), "a list of values, or a list with one number as the threshold")
METRICS = Rule(lambda value: value == "all" or _list_of(str)(value), '"all" or a list of names of metrics')
ANYTHING = Rule(lambda value: True, "anything")

FORM: Mapping[str, Form] = {
    "version": Rule(lambda value: value in ("1.0", 1.0), '"1.0"'),
    "dataset_type": _one_of(
        "text/csv",
        "application/jsonlines",
        "application/json",
        "application/sagemakercapturejson",
        "application/x-parquet",
        "application/x-image",
    ),
    "dataset_uri": TEXT,
    "headers": TEXTS,
    "label": PLACE,
    "predicted_label": PLACE,
    "features": TEXT,
    "label_values_or_threshold": VALUES,
    "probability_threshold": FRACTION,
    "segment_config": ANYTHING,
    "facet": Items({"name_or_index": PLACE, "value_or_threshold": VALUES}),
    "facet_dataset_uri": TEXT,
    "facet_headers": TEXTS,
    "predicted_label_dataset_uri": TEXT,
    "predicted_label_headers": TEXTS,
    "excluded_columns": PLACES,
    "joinsource_name_or_index": PLACE,
    "group_variable": PLACE,
    "time_series_data_config": ANYTHING,
    "methods": {
        "shap": {
            "baseline": Rule(lambda value: bool(value) and _is(str, list, dict)(value), "rows, or an S3 URI of a file"),
            "num_clusters": COUNT,
            "use_logit": FLAG,
            "num_samples": COUNT,
            "agg_method": _one_of("mean_abs", "median", "mean_sq"),
            "save_local_shap_values": FLAG,
            "text_config": ANYTHING,
            "image_config": ANYTHING,
            "seed": INTEGER,
            "features_to_explain": PLACES,
        },
        "pre_training_bias": {"methods": METRICS},
        "post_training_bias": {"methods": METRICS},
        "pdp": {"grid_resolution": COUNT, "features": PLACES, "top_k_features": COUNT},
        "report": {"name": TEXT, "title": TEXT},
        "asymmetric_shapley_value": ANYTHING,
    },
    "predictor": {
        "endpoint_name": TEXT,
        "endpoint_name_prefix": TEXT,
        "model_name": TEXT,
        "target_model": Rule(_is(str), "a string"),
        "instance_type": TEXT,
        "initial_instance_count": COUNT,
        "accelerator_type": TEXT,
        "content_type": _one_of(
            "text/csv",
            "application/jsonlines",
            "application/json",
            "image/jpeg",
            "image/jpg",
            "image/png",
            "application/x-npy",
        ),
        "accept_type": _one_of("text/csv", "application/jsonlines", "application/json"),
        "label": PLACE,
        "probability": PLACE,
        "label_headers": PLACES,
        "content_template": Rule(_is(str, dict), "a string"),
        "record_template": TEXT,
        "custom_attributes": TEXT,
        "time_series_predictor_config": ANYTHING,
    },
}


def check(value: Any, form: Form = FORM, place: str = "") -> None:
    """Compare a value with its form; AnalysisError names the key, the value, the rule and the way out."""
    if isinstance(form, Rule):
        if not form.test(value):
            raise AnalysisError(f"analysis_config.json: {place} is {value!r}. It must be {form.expects}: correct it.")
    elif isinstance(form, Items):
        if not isinstance(value, list) or not value:
            raise AnalysisError(f"analysis_config.json: {place} is {value!r}. It must be a list of at least one item.")
        for index, item in enumerate(value):
            check(item, form.form, f"{place}[{index}]")
    else:
        if not isinstance(value, dict):
            raise AnalysisError(f"analysis_config.json: {place or 'the document'} is {value!r}. It must be an object.")
        for key, item in value.items():
            inner = f"{place}.{key}" if place else key
            if key not in form:
                near = difflib.get_close_matches(key, form, 1)
                advice = f"did you mean {near[0]!r}?" if near else "remove it."
                raise AnalysisError(
                    f"analysis_config.json: {inner} is not a key that Clarify knows here ({', '.join(form)}); {advice}"
                )
            check(item, form[key], inner)
