"""Wasserstein distance of order 1, in standard deviations of the baseline: how far the values have moved on average.

It is the area between the two distribution functions (Vallender, Theory Probab. Appl. 18(4), 1974). All values moved by
d give d / standard deviation, and Cohen, "Statistical Power Analysis for the Behavioral Sciences" (1988), calls 0.2 of
these a small effect. A constant column has no spread: its value's magnitude stands in, or 1 if that is 0.
"""

import numpy as np

from . import DriftTest, Numbers


def measure(pair: Numbers) -> float:
    points = np.union1d(pair.before.weighted()[0], pair.now.weighted()[0])
    gaps = np.abs(pair.before.shares_up_to(points) - pair.now.shares_up_to(points))
    spread = pair.spread or abs(float(pair.before.weighted()[0][0])) or 1.0
    return float(np.sum(gaps[:-1] * np.diff(points))) / spread


TEST = DriftTest(measure, (Numbers,), threshold=0.2)
