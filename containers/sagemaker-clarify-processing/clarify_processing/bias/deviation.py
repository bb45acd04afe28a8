"""How far a bias metric may lie from its true value by chance: the Normal Bootstrap Interval.

The developer guide (clarify-model-monitor-bias-drift) names the method, not its parameters: rows are drawn with
replacement, and the interval is the metric plus and minus 1.96 standard deviations of what the draws measure.
"""

import math
from dataclasses import replace

import numpy as np

from .sample import NotMeasurableError, Sample
from .section import Stage

DRAWS = 200
MOST_ROWS = 10_000
"""Rows of a draw: of more rows as many are drawn, and their deviation scaled by the root of the share."""
NORMAL = 1.96
"""Standard deviations on either side that hold 95% of a normal distribution."""
ALONE = ("FT",)
"""Metrics that look for neighbours among all rows: no draw measures them, their interval is the value itself."""

Margins = dict[tuple[str, str, str, str], float]
"""By stage, facet, value and metric: half the width of the interval."""


def margins(stage: Stage) -> Margins:
    """Of all metrics of a stage that the draws have a finite value for, in most of them. The same for the same rows."""
    found: Margins = {}
    names = [name for name in stage.metrics if name not in ALONE]
    for facet, value, sample in stage.groups:
        rows = len(sample.facet)
        size = min(rows, MOST_ROWS)
        random = np.random.default_rng(size)
        values: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(DRAWS):
            drawn = _drawn(sample, random.integers(0, rows, size))
            if drawn.facet.all() or not drawn.facet.any():
                continue
            for name in names:
                try:
                    measured = stage.metrics[name].measure(drawn)
                except NotMeasurableError:
                    continue
                if math.isfinite(measured):
                    values[name].append(measured)
        for name, measures in values.items():
            if len(measures) > DRAWS / 2:
                deviation = float(np.std(measures, ddof=1)) * math.sqrt(size / rows)
                found[stage.name, facet, value, name] = NORMAL * deviation
    return found


def _drawn(sample: Sample, rows: np.ndarray) -> Sample:
    group = None if sample.group is None else sample.group.iloc[rows].reset_index(drop=True)
    return replace(
        sample, facet=sample.facet[rows], label=sample.label[rows], predicted=sample.predicted[rows], group=group
    )
