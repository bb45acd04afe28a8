"""How far today's distribution of a feature is from the baseline's.

The formulas are those of Deequ's `Distance` (awslabs/deequ, analyzers/Distance.scala), on which AWS says its analyser
is built; model-monitor-byoc-constraints names them linf_simple and linf_robust. With n and m values on the two sides:

    Simple = D = the largest difference of the two distribution functions (of the shares, for categories)
    Robust = max(0, D - 1.8 * sqrt((n + m) / (n * m)))

1.8 is c(alpha) of the two-sample Kolmogorov-Smirnov test at alpha = 0.003, so Robust is the part of D that chance
does not explain: unlike D it does not grow when samples get small.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .profile import Feature
from .sketch import Sketch

C_ALPHA = 1.8
_YATES_COUNT, _YATES_SHARE = 5, 0.2
_COCHRAN_COUNT = 10


def numeric_distance(statistics: Mapping[str, Any], feature: Feature, robust: bool) -> float | None:
    """Distance of a numeric feature from its baseline entry of statistics.json; None if that has no distribution.

    The baseline's sketch is used; without one its buckets, whose edges then are the only points compared.
    """
    kll = (statistics.get("numerical_statistics") or {}).get("distribution", {}).get("kll", {})
    data = (kll.get("sketch") or {}).get("data") or []
    if any(data):
        before = Sketch(data)
        points = np.union1d(before.weighted()[0], feature.sketch.weighted()[0])
        shares, count = before.shares_up_to(points), float(before.count)
    elif kll.get("buckets"):
        points = np.array([bucket["upper_bound"] for bucket in kll["buckets"]])
        counts = np.cumsum([bucket["count"] for bucket in kll["buckets"]])
        shares, count = counts / counts[-1], float(counts[-1])
    else:
        return None
    difference = float(np.max(np.abs(shares - feature.sketch.shares_up_to(points))))
    return _corrected(difference, count, feature.present) if robust else difference


def category_distance(before: Mapping[str, int], now: Mapping[str, int], robust: bool) -> float:
    """LInfinity: the largest difference of a category's share."""
    n, m = sum(before.values()), sum(now.values())
    difference = max(abs(before.get(key, 0) / n - now.get(key, 0) / m) for key in before.keys() | now.keys())
    return _corrected(difference, n, m) if robust else difference


def chi_squared_p_value(before: Mapping[str, int], now: Mapping[str, int]) -> float | None:
    """Goodness of fit of today's counts to the baseline's shares; None if fewer than two categories are left.

    Values that the baseline does not know are left to the categorical values check. Categories too small for the test
    are joined, the smallest with the next: two categories need an expected count of 10 each (Cochran 1952), more need
    5 in at least 80% of them (Yates, Moore, McCabe 1999).
    """
    observed = {key: float(now.get(key, 0)) for key in before}
    scale = sum(observed.values()) / sum(before.values())
    expected = {key: count * scale for key, count in before.items()}
    while len(expected) > 1 and _too_small(expected):
        smallest = min(expected, key=lambda key: expected[key])
        more, seen = expected.pop(smallest), observed.pop(smallest)
        second = min(expected, key=lambda key: expected[key])
        expected[second] += more
        observed[second] += seen
    if len(expected) < 2:
        return None
    from scipy.special import chdtrc  # only this method needs it

    statistic = sum((observed[key] - count) ** 2 / count for key, count in expected.items())
    return float(chdtrc(len(expected) - 1, statistic))


def _too_small(expected: Mapping[str, float]) -> bool:
    if len(expected) == 2:
        return any(count < _COCHRAN_COUNT for count in expected.values())
    small = sum(1 for count in expected.values() if count < _YATES_COUNT)
    return small > int(_YATES_SHARE * len(expected))


def _corrected(difference: float, n: float, m: float) -> float:
    return max(0.0, difference - C_ALPHA * math.sqrt((n + m) / (n * m)))
