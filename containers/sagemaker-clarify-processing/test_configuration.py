"""analysis_config.json: what is refused, and that the refusal names key, value, rule and way out."""

import copy

import pytest
from clarify_processing.config import AnalysisConfig
from clarify_processing.errors import AnalysisError

VALID = {
    "dataset_type": "text/csv",
    "headers": ["sex", "age", "label"],
    "label": "label",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex", "value_or_threshold": ["F"]}],
    "methods": {"pre_training_bias": {"methods": "all"}, "report": {"name": "report", "title": "Analysis Report"}},
}
REMOVED = object()


def changed(path, value):
    """VALID with one place changed; `path` is keys and indices, separated by dots."""
    document = copy.deepcopy(VALID)
    *outer, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = document
    for step in outer:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return document


def refusal(document):
    with pytest.raises(AnalysisError) as refused:
        AnalysisConfig.parse(document)
    return str(refused.value)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("dataset_type", "text/tsv", ["dataset_type is 'text/tsv'", "one of text/csv, application/jsonlines"]),
        ("dataset_type", REMOVED, ["dataset_type is missing", "add it"]),
        ("dataset_type", "application/x-image", ["application/x-image is not supported here", "Use text/csv"]),
        ("headers", ["sex", 2], ["headers is ['sex', 2]", "a list of strings"]),
        ("label", 1.5, ["label is 1.5", "a name (string) or an index"]),
        ("label", REMOVED, ["methods.pre_training_bias needs label", "add it"]),
        ("label_values_or_threshold", 1, ["label_values_or_threshold is 1", "a list with one number"]),
        ("label_values_or_threshold", REMOVED, ["needs label_values_or_threshold"]),
        ("facet", [], ["facet is []", "at least one item"]),
        ("facet", REMOVED, ["needs facet"]),
        ("facet.0.value_or_threshold", "F", ["facet[0].value_or_threshold is 'F'", "a list of values"]),
        (
            "facet.0.name",
            "sex",
            ["facet[0].name is not a key that Clarify knows here (name_or_index, value_or_threshold)"],
        ),
        ("probability_threshold", "high", ["probability_threshold is 'high'", "a number, such as 0.5"]),
        ("label_value", [1], ["label_value is not a key", "did you mean"]),
        ("version", "2.0", ["version is '2.0'", '"1.0"']),
        ("methods", {"report": {"name": "report"}}, ["methods asks for no analysis", "post_training_bias, shap, pdp"]),
        ("methods.pre_training_bias.methods", ["CI", "DI"], ["names 'DI'", "CDDL, CI, DPL", '"all"']),
        ("methods.pre_training_bias.methods", "CI", ["is 'CI'", '"all" or a list of names']),
        ("methods.post_training_bias", {"methods": "all"}, ["needs predictions", "predictor, predicted_label"]),
        ("methods.shap", {"num_samples": 10}, ["methods.shap asks a model, but predictor is missing"]),
        ("methods.shap", {"num_samples": 0}, ["methods.shap.num_samples is 0", "a whole number above 0"]),
        ("methods.shap", {"agg_method": "mean"}, ["agg_method is 'mean'", "one of mean_abs, median, mean_sq"]),
        ("methods.shap", {"text_config": {}}, ["methods.shap.text_config is not supported here"]),
        ("methods.asymmetric_shapley_value", {}, ["asymmetric_shapley_value is not supported here", "methods.shap"]),
        ("segment_config", [{"name_or_index": "age"}], ["segment_config is not supported here", "for each segment"]),
        ("predictor", {"modelname": "m"}, ["predictor.modelname is not a key", "did you mean 'model_name'?"]),
        ("predictor", {"accept_type": "text/xml"}, ["predictor.accept_type is 'text/xml'", "one of text/csv"]),
    ],
)
def test_what_is_wrong_is_named_with_the_rule_and_the_way_out(path, value, words):
    message = refusal(changed(path, value))
    assert message.startswith("analysis_config.json: ")
    assert [word for word in words if word not in message] == []


def test_a_json_dataset_needs_the_expression_of_its_features():
    assert "features is missing" in refusal(changed("dataset_type", "application/json"))


def test_all_metrics_are_meant_by_all_and_come_in_the_order_of_their_names():
    config = AnalysisConfig.parse(VALID)
    assert config.metrics("pre_training_bias") == ["CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD"]
    named = AnalysisConfig.parse(changed("methods.pre_training_bias.methods", ["DPL", "CI"]))
    assert named.metrics("pre_training_bias") == ["CI", "DPL"]


def test_case_of_media_types_does_not_matter():
    assert AnalysisConfig.parse(changed("dataset_type", "Text/CSV")).dataset_type == "text/csv"


def test_a_file_that_is_missing_or_no_json_fails_the_job_with_its_name(job):
    done = job.start()
    assert done.returncode == 1
    assert job.message.startswith("Error: There is no analysis_config.json in the input analysis_config")
    assert done.stderr.strip() == job.message
    (job.ml / "processing" / "input" / "config").mkdir()
    (job.ml / "processing" / "input" / "config" / "analysis_config.json").write_text("{")
    assert job.start().returncode == 1
    assert job.message.startswith("Error: analysis_config.json is not valid JSON")
