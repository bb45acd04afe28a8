"""Pearson's chi-squared test of homogeneity: the probability that two samples of one population differ as much.

The baseline is a sample too, and counts as one, unlike in AWS's ChiSquared, which takes its shares for the truth and
alarms too often where the baseline is not much larger than today's data. Rare values are put together until every
expected count is 5 or more (Cochran, Biometrics 10(4), 1954).
"""

import numpy as np

from . import Categories, DriftTest

LEAST_EXPECTED = 5.0


def measure(pair: Categories) -> float | None:
    """The p-value; None where fewer than two groups of values are left."""
    table = _grouped(np.array(pair.cells()))
    if table is None:
        return None
    from scipy.special import chdtrc  # this test alone needs it

    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    return float(chdtrc(table.shape[1] - 1, np.sum((table - expected) ** 2 / expected)))


def _grouped(table: np.ndarray) -> np.ndarray | None:
    """The columns that are too small joined in one, with the next larger ones as far as it needs them."""
    totals = table.sum(0)
    needed = LEAST_EXPECTED * totals.sum() / table.sum(1).min()
    order = np.argsort(totals, kind="stable")
    joined = int(np.searchsorted(totals[order], needed))
    while joined and joined < len(order) and totals[order[:joined]].sum() < needed:
        joined += 1
    groups = [table[:, order[joined:]]]
    if joined:
        groups.append(table[:, order[:joined]].sum(1, keepdims=True))
    grouped = np.hstack(groups)
    return grouped if grouped.shape[1] > 1 else None


TEST = DriftTest(measure, (Categories,), threshold=0.01, most=0.5, is_p_value=True)
