"""What a bias metric is measured on, and the arithmetic that metrics share.

Names and formulas are those of the developer guide (clarify-measure-data-bias, clarify-measure-post-training-bias);
what it leaves open is decided as in AWS's open-source library, aws/amazon-sagemaker-clarify: 0/0 is 0, x/0 is infinite,
and labels of any kind count as positive or negative before anything is measured, so that distributions have two
values.
In the formulas `a` is the advantaged group, the rest of the rows, and `d` the disadvantaged one, the facet's value.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class NotMeasurableError(ValueError):
    """The metric has no value on this sample; the text says why and stands in analysis.json beside a null."""


@dataclass(frozen=True)
class Sample:
    """Rows as masks: who is in the sensitive group, whose label is positive, whose predicted label is.

    Neither the group nor the rest of the rows is empty. `group` numbers the values of the group variable from 0, -1 for
    rows without one. `features` are the model's columns without the facet.
    """

    facet: Mask
    label: Mask
    predicted: Mask
    group: NDArray[np.intp] | None
    features: pd.DataFrame


@dataclass(frozen=True)
class Metric:
    """A metric; `description` is its name in full, as analysis.json has it."""

    description: str
    measure: Callable[[Sample], float]


def divide(numerator: float, denominator: float) -> float:
    """0 for 0/0, infinite for x/0."""
    if denominator:
        return float(numerator / denominator)
    return math.copysign(math.inf, numerator) if numerator else 0.0


def difference(left: float, right: float) -> float:
    """0 where both are infinite."""
    return 0.0 if left == right else left - right


def proportions(facet: Mask, positive: Mask) -> tuple[float, float]:
    """The shares of positive outcomes q_a and q_d."""
    return float(positive[~facet].mean()), float(positive[facet].mean())


def conditional_disparity(sample: Sample, positive: Mask) -> float:
    """Demographic disparity, averaged over the groups of the group variable by their numbers of rows.

    In a group it is the facet's share of the rejected minus its share of the accepted. Rows without a group count in
    none.
    """
    if sample.group is None:
        raise NotMeasurableError("Group variable is empty or not provided")
    if positive.all() or not positive.any():
        raise NotMeasurableError(f"No {'negative' if positive.all() else 'positive'} labels in set")
    total = weights = 0.0
    for number in range(sample.group.max(initial=-1) + 1):
        rows = sample.group == number
        facet, accepted = sample.facet[rows], positive[rows]
        rejected_share = divide((facet & ~accepted).sum(), (~accepted).sum())
        accepted_share = divide((facet & accepted).sum(), accepted.sum())
        total += len(facet) * (rejected_share - accepted_share)
        weights += len(facet)
    return divide(total, weights)
