"""Jensen-Shannon distance, from 0 to 1: the root of the mean Kullback-Leibler divergence, in bits, of the baseline's
shares and today's from the mean of the two.

Lin, IEEE Trans. Inf. Theory 37(1), 1991; its root is a metric: Endres, Schindelin, IEEE Trans. Inf. Theory 49(7), 2003.
"""

import math

import numpy as np

from . import Categories, DriftTest, Numbers, Pair


def measure(pair: Pair) -> float:
    before, now = pair.shares()
    middle = (before + now) / 2
    bits = np.sum(before * np.log2(before / middle) + now * np.log2(now / middle)) / 2
    return math.sqrt(max(0.0, float(bits)))


TEST = DriftTest(measure, (Numbers, Categories), threshold=0.15, most=1.0)
