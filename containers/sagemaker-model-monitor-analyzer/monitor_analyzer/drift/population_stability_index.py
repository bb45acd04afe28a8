"""PSI: sum of (q - p) * ln(q / p) over bins, with p the baseline's shares and q today's.

Lewis, "An Introduction to Credit Scoring" (1994); Siddiqi, "Credit Risk Scorecards" (2006), has the usual reading:
below 0.1 little change, above 0.25 a large one. Without drift it is about (1/n + 1/m) times a chi-squared variable
with bins - 1 degrees of freedom (Yurdakul, Naranjo, J. Risk Model Validation 14(4), 2020), so small samples raise it.
"""

import numpy as np

from . import Categories, DriftTest, Numbers, Pair


def measure(pair: Pair) -> float:
    before, now = pair.shares()
    return float(np.sum((now - before) * np.log(now / before)))


TEST = DriftTest(measure, (Numbers, Categories), threshold=0.2)
