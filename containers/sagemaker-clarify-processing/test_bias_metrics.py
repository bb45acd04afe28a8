"""Every bias metric: examples counted by hand, examples published with AWS's library, and laws of any data."""

import math

import numpy as np
import pandas as pd
import pytest
from clarify_processing.bias.posttraining import METRICS as POST
from clarify_processing.bias.pretraining import METRICS as PRE
from clarify_processing.bias.sample import NotMeasurableError, Sample

ALL = {**PRE, **POST}


def sample(facet, label, predicted=None, group=None, features=None):
    """A sample from sequences of 0 and 1."""
    facet, label = (np.array(values, dtype=bool) for values in (facet, label))
    answers = np.array(label if predicted is None else predicted, dtype=bool)
    columns = pd.DataFrame({"x": np.arange(len(facet))} if features is None else features)
    return Sample(facet, label, answers, None if group is None else pd.factorize(pd.Series(group))[0], columns)


def counted(advantaged, disadvantaged):
    """A sample with that many true positives, false positives, false negatives and true negatives in each group."""
    rows = [
        (facet, *outcome)
        for facet, counts in ((0, advantaged), (1, disadvantaged))
        for outcome, count in zip(((1, 1), (0, 1), (1, 0), (0, 0)), counts, strict=True)
        for _ in range(count)
    ]
    return sample(*zip(*rows, strict=True))


def measure(name, given):
    return ALL[name].measure(given)


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        # Rest: 40 TP, 10 FP, 20 FN, 30 TN of 100. Group: 10 TP, 5 FP, 10 FN, 25 TN of 50.
        ("CI", (100 - 50) / 150),
        ("DPL", 60 / 100 - 20 / 50),
        ("KL", 0.6 * math.log(0.6 / 0.4) + 0.4 * math.log(0.4 / 0.6)),
        (
            "JS",
            (0.6 * math.log(0.6 / 0.5) + 0.4 * math.log(0.4 / 0.5)) / 2
            + (0.4 * math.log(0.4 / 0.5) + 0.6 * math.log(0.6 / 0.5)) / 2,
        ),
        ("LP", math.sqrt(0.2**2 + 0.2**2)),
        ("TVD", (0.2 + 0.2) / 2),
        ("KS", 0.2),
        ("DPPL", 50 / 100 - 15 / 50),
        ("DI", (15 / 50) / (50 / 100)),
        ("DCA", 60 / 50 - 20 / 15),
        ("DCR", 30 / 35 - 40 / 50),
        ("RD", 40 / 60 - 10 / 20),
        ("SD", 25 / 30 - 30 / 40),
        ("DAR", 40 / 50 - 10 / 15),
        ("DRR", 25 / 35 - 30 / 50),
        ("AD", 70 / 100 - 35 / 50),
        ("TE", 10 / 5 - 20 / 10),
        # Benefits: 105 rows of 1, 15 false positives of 2, 30 false negatives of 0; their mean is 135 / 150.
        ("GE", ((105 * (1 / 0.9) ** 2 + 15 * (2 / 0.9) ** 2) / 150 - 1) / 2),
    ],
)
def test_the_metric_is_what_its_formula_gives_by_hand(name, by_hand):
    assert measure(name, counted((40, 10, 20, 30), (10, 5, 10, 25))) == pytest.approx(by_hand)


def test_conditional_disparity_is_the_mean_over_groups_by_their_sizes():
    facet = [1, 1, 0, 0, 1, 0]
    label = [0, 1, 1, 0, 0, 1]
    group = ["north", "north", "north", "north", "south", "south"]
    # North: the facet is half of the rejected and half of the accepted: 0. South: all of the rejected, and no more: 1.
    assert measure("CDDL", sample(facet, label, group=group)) == pytest.approx((4 * 0 + 2 * 1) / 6)
    assert measure("CDDPL", sample(facet, [0] * 6, label, group=group)) == pytest.approx(2 / 6)


def test_the_flip_test_compares_the_group_with_its_nearest_neighbours():
    # With at most nine rows in the rest one neighbour counts. The group's 1.1 is accepted where its neighbour at 1 is
    # not; 5.1 is rejected where its neighbour at 5 is accepted; 5.2 too.
    given = sample(
        facet=[0, 0, 1, 1, 1],
        label=[0, 1, 0, 0, 0],
        predicted=[0, 1, 1, 0, 0],
        features={"x": [1.0, 5.0, 1.1, 5.1, 5.2]},
    )
    assert measure("FT", given) == pytest.approx((1 - 2) / 3)


def test_values_are_those_published_with_aws_library_for_a_facet_above_a_threshold():
    """tests/unit/bias/test_report.py of aws/amazon-sagemaker-clarify: facet x above 2, label y, group z."""
    x = np.array([0, 3, 3, 0, 4, 0, 3, 3, 0, 3, 4, 3, 3, 0, 0, 0, 0, 3, 0, 3, 3, 0, 3, 0])
    y = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0]
    z = [0, 0, 1, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0]
    a = [0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]
    b = [1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 1]
    c = [1, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0, 1]
    d = [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0]
    yhat = [1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]
    before = sample(x > 2, y, yhat, z)
    published = {
        "CDDL": 0.3851010101010101,
        "CI": -0.08333333333333333,
        "DPL": 0.1048951048951049,
        "JS": 0.01252420207928287,
        "KL": 0.057704603668062765,
        "KS": 0.1048951048951049,
        "LP": 0.14834407996920576,
        "TVD": 0.1048951048951049,
    }
    assert {name: measure(name, before) for name in PRE} == pytest.approx(published)
    after = sample(x > 2, y, yhat, z, {"z": z, "a": a, "b": b, "c": c, "d": d})
    published = {
        "AD": -0.2167832167832168,
        "CDDPL": 0.07592592592592595,
        "DAR": -0.1,
        "DCA": 0.15,
        "DCR": 1.0,
        "DI": 1.0576923076923077,
        "DPPL": -0.04195804195804198,
        "DRR": 0.6666666666666667,
        "FT": -0.23076923076923078,
        "GE": 0.07593688362919139,
        "RD": -1.0,
        "SD": 0.1388888888888889,
        "TE": -0.25,
    }
    assert {name: measure(name, after) for name in POST} == pytest.approx(published)


def test_values_are_those_published_with_aws_library_for_a_facet_of_two_values():
    """tests/unit/bias/metrics/test_metrics.py of aws/amazon-sagemaker-clarify, facet F of twelve rows."""
    facet = [0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1]
    label = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0]
    predicted = [1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0]
    given = sample(facet, label, predicted)
    assert measure("CI", given) == pytest.approx(-1 / 6)
    assert measure("DI", given) == pytest.approx(10 / 7)
    assert measure("DCA", given) == pytest.approx(1 / 4)
    assert measure("DCR", given) == pytest.approx(1 / 3)
    assert measure("RD", given) == pytest.approx(-2 / 3)


def test_a_model_that_treats_both_groups_alike_is_at_parity():
    alike = counted((12, 4, 3, 11), (12, 4, 3, 11))
    assert measure("DI", alike) == pytest.approx(1)
    for name in ("DPL", "KL", "JS", "LP", "TVD", "KS", "DPPL", "DCA", "DCR", "RD", "SD", "DAR", "DRR", "AD", "TE"):
        assert measure(name, alike) == pytest.approx(0), name


@pytest.mark.parametrize("seed", range(5))
def test_bounds_and_symmetries_hold_of_any_sample(seed):
    random = np.random.default_rng(seed)
    facet, label, predicted = (random.random((3, 400)) < random.random((3, 1)) * 0.6 + 0.2).astype(int)
    group = random.choice(["a", "b", "c"], 400)
    features = {"x": random.normal(size=400), "y": random.normal(size=400)}
    given = sample(facet, label, predicted, group, features)
    turned = sample(1 - facet, label, predicted, group, features)
    values = {name: measure(name, given) for name in ALL}
    for name in ("CI", "DPL", "CDDL", "DPPL", "RD", "SD", "DAR", "DRR", "AD", "CDDPL", "FT"):
        assert -1 <= values[name] <= 1, name
    for name in ("KL", "JS", "LP", "TVD", "KS", "DI", "GE"):
        assert values[name] >= 0, name
    for name in ("CI", "DPL", "CDDL", "DPPL", "DCA", "DCR", "RD", "SD", "DAR", "DRR", "AD", "TE", "CDDPL"):
        assert measure(name, turned) == pytest.approx(-values[name]), name
    for name in ("JS", "LP", "TVD", "KS", "GE"):
        assert measure(name, turned) == pytest.approx(values[name]), name
    assert measure("DI", turned) == pytest.approx(1 / values["DI"])
    assert values["KS"] <= values["LP"] <= 2 * values["TVD"] + 1e-12
    assert values["JS"] <= math.log(2)


def test_division_by_zero_gives_infinity_and_nothing_by_nothing_is_zero():
    nobody_accepted = counted((0, 0, 5, 5), (3, 2, 2, 3))
    assert measure("DI", nobody_accepted) == math.inf
    assert measure("DCA", nobody_accepted) == math.inf
    assert measure("TE", nobody_accepted) == -math.inf
    neither = counted((0, 0, 5, 5), (0, 0, 5, 5))
    assert measure("DI", neither) == 0
    assert measure("DCA", neither) == 0  # infinite on both sides
    assert measure("TE", neither) == 0
    assert measure("DAR", neither) == 0


def test_what_cannot_be_measured_says_why():
    with pytest.raises(NotMeasurableError, match="Group variable is empty or not provided"):
        measure("CDDL", sample([0, 1], [0, 1]))
    with pytest.raises(NotMeasurableError, match="No negative labels in set"):
        measure("CDDL", sample([0, 1], [1, 1], group=["a", "b"]))
    with pytest.raises(NotMeasurableError, match="No instance of common facet found"):
        measure("KL", sample([0, 1], [0, 1]))
    with pytest.raises(NotMeasurableError, match="does not support non-numeric columns"):
        measure("FT", sample([0, 1], [0, 1], features={"town": ["Bonn", "Kiel"]}))
    with pytest.raises(NotMeasurableError, match="needs features"):
        measure("FT", sample([0, 1], [0, 1], features={"age": [1.0, float("nan")]}))
    with pytest.raises(NotMeasurableError, match="All predicted labels are false negatives"):
        measure("GE", sample([0, 1], [1, 1], [0, 0]))


def test_an_outcome_that_one_group_lacks_is_left_out_of_the_divergence():
    """As in AWS's library: KL of (0.5, 0.5) against (1, 0) is 0.5 log 0.5, and not infinite."""
    assert measure("KL", sample([0, 0, 1, 1], [0, 1, 0, 0])) == pytest.approx(0.5 * math.log(0.5))
