"""Which rows values and thresholds mean, whatever types they come in; and predicted labels out of a model's answers."""

import numpy as np
import pandas as pd
import pytest
from clarify_processing.bias.outcome import is_continuous, outcomes, positives, predicted_positives
from clarify_processing.bias.predicted import predicted_labels
from clarify_processing.config import AnalysisConfig
from clarify_processing.errors import AnalysisError


def column(values, name="x"):
    return pd.Series(values, name=name)


@pytest.mark.parametrize(
    ("values", "asked", "continuous"),
    [
        (["a", "b"], None, False),
        ([True, False], None, False),
        ([0.5, 1.5, 2.5], None, True),
        ([0, 1] * 50, [1], False),
        ([0, 1], [1], False),  # two values are categories however few rows there are
        ([0, 1], [0.5], True),
        ([0.0, 1.0], [1], False),
        (list(range(100)), [50], True),
        (list(range(100)), [50, 51], False),  # several values are no threshold
        ([1, 2, 3] * 100, [2], False),  # 1% of them different
        ([1, 2, 3] * 10, [2], True),  # 10% of them different
        ([1, None, 2, 3] * 100, [2], False),  # whole numbers with gaps
    ],
)
def test_a_column_is_continuous_by_its_values_and_by_what_is_asked(values, asked, continuous):
    assert is_continuous(column(values), asked) is continuous


def test_a_facet_without_values_has_a_group_for_each_value_in_order_of_appearance():
    groups = outcomes(column(["b", "a", "b", None, "c"]), None, "k")
    assert [(group.text, group.mask.tolist()) for group in groups] == [
        ("b", [True, False, True, False, False]),
        ("a", [False, True, False, False, False]),
        ("c", [False, False, False, False, True]),
    ]


def test_several_values_are_one_group():
    (group,) = outcomes(column(["a", "b", "c"]), ["a", "c"], "k")
    assert (group.text, group.mask.tolist()) == ("a,c", [True, False, True])


def test_one_of_several_values_that_nobody_has_is_logged(caplog):
    (group,) = outcomes(column(["a", "b", "c"]), ["a", "z"], "facet")
    assert (group.text, group.mask.tolist()) == ("a,z", [True, False, False])
    assert caplog.messages == ["facet: no row of x has the value z"]


@pytest.mark.parametrize(
    ("values", "threshold", "text"),
    [
        ([1, 5, 9, 7], 5, "(5, 9]"),
        ([1.5, 5, 9, 7], 5, "(5.0, 9.0]"),
        ([18.0, 100.0, 2278.0], 100, "(100.0, 2278.0]"),
        ([1, 5, 9, 7], "6", "(6.0, 9.0]"),
    ],
)
def test_a_threshold_is_written_as_the_interval_above_it(values, threshold, text):
    (group,) = outcomes(column(values), [threshold], "k")
    assert group.text == text
    assert group.mask.tolist() == [value > float(threshold) for value in values]


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        ([1, 0], ["1"]),
        (["1", "0"], [1]),
        ([1.0, 0.0], [1]),
        ([True, False], [1]),
        ([True, False], ["true"]),
        (["True", ""], [True]),
    ],
)
def test_values_are_found_whatever_type_they_are_written_in(values, asked):
    assert positives(column(values), asked, "k").mask.tolist() == [True, False]


@pytest.mark.parametrize(
    ("values", "asked", "message"),
    [
        (["F", "M"], ["female"], "facet is female, but no row of x has that value; it has F, M"),
        (["F", "F"], ["F"], "facet F is in every row of x, so there is nobody to compare"),
        (["F", "F"], None, "facet F is in every row of x"),
        ([1.5, 2.5, 3.5], None, "facet is missing, but x is numeric with 3 different values. Give one number"),
        ([1.5, 2.5, 3.5], [9], "facet is 9, but no row of x is above it; the largest value is 3.5"),
        ([1.5, 2.5, 3.5], [0], r"facet \(0.0, 3.5\] is in every row"),
        ([1.5, 2.5, 3.5], ["high"], "facet is 'high', but x is numeric, so it must be one number"),
    ],
)
def test_a_group_that_is_nobody_or_everybody_is_refused(values, asked, message):
    with pytest.raises(AnalysisError, match=message):
        outcomes(column(values), asked, "facet")


def test_predictions_above_the_labels_threshold_are_positive():
    label, predicted = column([1.5, 2.5, 9.5]), column([0.5, 3.0, 20.0])
    assert predicted_positives(predicted, label, [2], "k").tolist() == [False, True, True]
    with pytest.raises(AnalysisError, match="x holds 'low', which is no number, but k is a threshold"):
        predicted_positives(column(["low", 3, 4]), label, [2], "k")


def test_predictions_that_are_no_kin_of_the_labels_are_refused():
    label = column(["yes", "no", "no"], "approved")
    assert predicted_positives(column(["no", "no", "no"]), label, ["yes"], "k").tolist() == [False] * 3
    with pytest.raises(
        AnalysisError, match=r"predicted labels are 1, 0, the labels of approved are yes, no.*label_headers"
    ):
        predicted_positives(column([1, 0, 0]), label, ["yes"], "k")


def config(positive, label_headers=None, threshold=None):
    document = {
        "dataset_type": "text/csv",
        "label": "y",
        "label_values_or_threshold": positive,
        "facet": [{"name_or_index": "sex"}],
        "methods": {"post_training_bias": {"methods": "all"}},
        "predictor": {"label_headers": label_headers} if label_headers else {},
    }
    return AnalysisConfig.parse(document | ({} if threshold is None else {"probability_threshold": threshold}))


BINARY, WORDS, FRACTIONS = column([0, 1] * 2), column(["yes", "no"] * 2), column([1.5, 2.5, 3.5, 4.5])


@pytest.mark.parametrize(
    ("given", "label", "labels", "scores", "predicted"),
    [
        (config([1]), BINARY, None, [[0.4], [0.6], [0.5], [1.0]], [0, 1, 0, 1]),
        (config([1], threshold=0.45), BINARY, None, [[0.4], [0.6], [0.5], [1.0]], [0, 1, 1, 1]),
        (config(["yes"], ["yes"]), WORDS, None, [[0.4], [0.6], [0.5], [1.0]], ["no", "yes", "no", "yes"]),
        (config(["yes"], ["no"]), WORDS, None, [[0.4], [0.6], [0.5], [1.0]], ["yes", "no", "yes", "no"]),
        (config([2.0]), FRACTIONS, None, [[0.4], [2.6], [9.0], [1.0]], [0.4, 2.6, 9.0, 1.0]),
        (config([1]), BINARY, None, [[0.6, 0.4], [0.2, 0.8], [0.9, 0.1], [0.5, 0.5]], [0, 1, 0, 0]),
        (config(["yes"]), WORDS, ["no", "yes", "no", "no"], None, ["no", "yes", "no", "no"]),
        (config([1]), BINARY, [1.0, 0.0, 1.0, 1.0], None, [1, 0, 1, 1]),
        (config([1]), BINARY, [0.7, 0.2, 0.51, 0.0], None, [1, 0, 1, 0]),
        (config([2.0]), FRACTIONS, [0.7, 2.2, 3.5, 9.0], None, [0.7, 2.2, 3.5, 9.0]),
    ],
)
def test_scores_become_labels_by_threshold_names_or_place(given, label, labels, scores, predicted):
    found = predicted_labels(given, label, labels, None if scores is None else np.array(scores))
    assert found.tolist() == predicted


def test_answers_without_label_and_score_are_refused():
    with pytest.raises(AnalysisError, match="neither labels nor scores"):
        predicted_labels(config([1]), BINARY, None, None)
