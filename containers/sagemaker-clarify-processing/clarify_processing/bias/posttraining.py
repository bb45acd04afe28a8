"""Metrics of a model's predictions: does it treat the sensitive group as it treats the others?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .sample import Mask, Metric, NotMeasurableError, Sample, conditional_disparity, difference, divide, proportions

NEIGHBOURS, FEW_ROWS = 5, 9
"""The flip test asks five neighbours; one, where the advantaged group has at most nine rows."""


@dataclass(frozen=True)
class Confusion:
    """True and false positives and negatives of one group."""

    tp: int
    fp: int
    fn: int
    tn: int


def confusion(sample: Sample, rows: Mask) -> Confusion:
    """Count the outcomes among `rows`."""
    label, predicted = sample.label[rows], sample.predicted[rows]
    return Confusion(
        int((label & predicted).sum()),
        int((~label & predicted).sum()),
        int((label & ~predicted).sum()),
        int((~label & ~predicted).sum()),
    )


def _both(sample: Sample) -> tuple[Confusion, Confusion]:
    return confusion(sample, ~sample.facet), confusion(sample, sample.facet)


def difference_in_predictions(sample: Sample) -> float:
    """DPPL: the predicted proportions q_a - q_d."""
    advantaged, disadvantaged = proportions(sample.facet, sample.predicted)
    return advantaged - disadvantaged


def disparate_impact(sample: Sample) -> float:
    """DI: the predicted proportions q_d / q_a; 1 is parity."""
    advantaged, disadvantaged = proportions(sample.facet, sample.predicted)
    return divide(disadvantaged, advantaged)


def conditional_acceptance(sample: Sample) -> float:
    """DCA: observed per predicted positives, c_a - c_d."""
    a, d = (divide(each.tp + each.fn, each.tp + each.fp) for each in _both(sample))
    return difference(a, d)


def conditional_rejection(sample: Sample) -> float:
    """DCR: observed per predicted negatives, r_d - r_a."""
    a, d = (divide(each.tn + each.fp, each.tn + each.fn) for each in _both(sample))
    return difference(d, a)


def recall_difference(sample: Sample) -> float:
    """RD: true positive rates, a - d."""
    a, d = (divide(each.tp, each.tp + each.fn) for each in _both(sample))
    return difference(a, d)


def specificity_difference(sample: Sample) -> float:
    """SD: true negative rates, d - a."""
    a, d = (divide(each.tn, each.tn + each.fp) for each in _both(sample))
    return difference(d, a)


def acceptance_rates(sample: Sample) -> float:
    """DAR: precisions, a - d."""
    a, d = (divide(each.tp, each.tp + each.fp) for each in _both(sample))
    return difference(a, d)


def rejection_rates(sample: Sample) -> float:
    """DRR: true negatives per predicted negative, d - a."""
    a, d = (divide(each.tn, each.tn + each.fn) for each in _both(sample))
    return difference(d, a)


def accuracy_difference(sample: Sample) -> float:
    """AD: accuracies, a - d."""
    a, d = (divide(each.tp + each.tn, each.tp + each.tn + each.fp + each.fn) for each in _both(sample))
    return difference(a, d)


def treatment_equality(sample: Sample) -> float:
    """TE: false negatives per false positive, d - a."""
    a, d = (divide(each.fn, each.fp) for each in _both(sample))
    return difference(d, a)


def flip_test(sample: Sample) -> float:
    """FT: how many of the group the model favours, less how many it disfavours, against the group's size."""
    return float(flips(sample).mean())


def flips(sample: Sample) -> NDArray[np.int64]:
    """1 for each row of the group that the model favours, -1 for each that it disfavours, else 0: it is compared with
    the predictions of its nearest rows in the advantaged group."""
    from sklearn.neighbors import KNeighborsClassifier  # 1.6 s, which no other metric needs

    numeric = sample.features.select_dtypes(["number", "bool"])
    if numeric.shape[1] < sample.features.shape[1]:
        raise NotMeasurableError("FlipTest does not support non-numeric columns")
    rows = numeric.to_numpy(np.float64)
    if not rows.size or not np.isfinite(rows).all():
        raise NotMeasurableError("FlipTest needs features, and a value in each of them")
    others = int((~sample.facet).sum())
    neighbours = KNeighborsClassifier(n_neighbors=NEIGHBOURS if others > FEW_ROWS else 1, n_jobs=-1)
    neighbours.fit(rows[~sample.facet], sample.predicted[~sample.facet])
    expected = neighbours.predict(rows[sample.facet])
    model = sample.predicted[sample.facet]
    return model.astype(np.int64) - expected


def generalized_entropy(sample: Sample) -> float:
    """GE with alpha 2: half the squared coefficient of variation of the benefits, predicted - label + 1.

    It is of all rows, so the same for every facet.
    """
    benefit = sample.predicted.astype(float) - sample.label + 1
    if not benefit.any():
        raise NotMeasurableError(
            "All predicted labels are false negatives. There should be at least one prediction that is not false "
            "negative."
        )
    return float(((benefit / benefit.mean()) ** 2 - 1).mean() / 2)


METRICS = {
    "DPPL": Metric("Difference in Positive Proportions in Predicted Labels (DPPL)", difference_in_predictions),
    "DI": Metric("Disparate Impact (DI)", disparate_impact),
    "DCA": Metric("Difference in Conditional Acceptance (DCA)", conditional_acceptance),
    "DCR": Metric("Difference in Conditional Rejection (DCR)", conditional_rejection),
    "RD": Metric("Recall Difference (RD)", recall_difference),
    "SD": Metric("Specificity Difference (SD)", specificity_difference),
    "DAR": Metric("Difference in Acceptance Rates (DAR)", acceptance_rates),
    "DRR": Metric("Difference in Rejection Rates (DRR)", rejection_rates),
    "AD": Metric("Accuracy Difference (AD)", accuracy_difference),
    "TE": Metric("Treatment Equality (TE)", treatment_equality),
    "CDDPL": Metric(
        "Conditional Demographic Disparity in Predicted Labels (CDDPL)",
        lambda sample: conditional_disparity(sample, sample.predicted),
    ),
    "FT": Metric("Flip Test (FT)", flip_test),
    "GE": Metric("Generalized Entropy (GE)", generalized_entropy),
}
"""By the names of `methods.post_training_bias`; the descriptions are spelled as AWS spells them."""
