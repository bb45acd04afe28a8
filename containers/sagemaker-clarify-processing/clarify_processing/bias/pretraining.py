"""Metrics of the data before training: is the sensitive group there, and are its labels those of the others?"""

import numpy as np
from numpy.typing import NDArray

from .sample import Metric, NotMeasurableError, Sample, conditional_disparity, proportions

Distribution = NDArray[np.float64]


def class_imbalance(sample: Sample) -> float:
    """(n_a - n_d) / (n_a + n_d), from -1 to 1."""
    return float(1 - 2 * sample.facet.mean())


def difference_in_labels(sample: Sample) -> float:
    """q_a - q_d, from -1 to 1."""
    advantaged, disadvantaged = proportions(sample.facet, sample.label)
    return advantaged - disadvantaged


def distributions(sample: Sample) -> tuple[Distribution, Distribution]:
    """P_a and P_d over the label's outcomes that both groups have.

    An outcome that one group lacks is left out of the sums, as AWS's library does; else KL would be infinite.
    """
    advantaged, disadvantaged = proportions(sample.facet, sample.label)
    pairs = ((1 - advantaged, 1 - disadvantaged), (advantaged, disadvantaged))
    common = [pair for pair in pairs if all(pair)]
    if not common:
        raise NotMeasurableError("No instance of common facet found, dataset may be too small")
    a, d = np.array(common).T
    return a, d


def _divergence(left: Distribution, right: Distribution) -> float:
    return float(np.sum(left * np.log(left / right)))


def kullback_leibler(sample: Sample) -> float:
    """Sum of P_a log(P_a / P_d), in nats."""
    return _divergence(*distributions(sample))


def jensen_shannon(sample: Sample) -> float:
    """Half of KL(P_a, P) + KL(P_d, P), where P is the mean of P_a and P_d."""
    a, d = distributions(sample)
    mean = (a + d) / 2
    return (_divergence(a, mean) + _divergence(d, mean)) / 2


def _norm(sample: Sample, order: float) -> float:
    a, d = distributions(sample)
    return float(np.linalg.norm(a - d, order))


METRICS = {
    "CI": Metric("Class Imbalance (CI)", class_imbalance),
    "DPL": Metric("Difference in Positive Proportions in Labels (DPL)", difference_in_labels),
    "KL": Metric("Kullback-Liebler Divergence (KL)", kullback_leibler),
    "JS": Metric("Jensen-Shannon Divergence (JS)", jensen_shannon),
    "LP": Metric("L-p Norm (LP)", lambda sample: _norm(sample, 2)),
    "TVD": Metric("Total Variation Distance (TVD)", lambda sample: _norm(sample, 1) / 2),
    "KS": Metric("Kolmogorov-Smirnov Distance (KS)", lambda sample: _norm(sample, np.inf)),
    "CDDL": Metric(
        "Conditional Demographic Disparity in Labels (CDDL)",
        lambda sample: conditional_disparity(sample, sample.label),
    ),
}
"""By the names of `methods.pre_training_bias`; the descriptions are spelled as AWS spells them."""
