"""How far a bias metric may lie from its true value by chance: the Normal Bootstrap Interval.

The developer guide (clarify-model-monitor-bias-drift) names the method, not its parameters: rows are drawn with
replacement, and the interval is the metric plus and minus 1.96 standard deviations of what the draws measure.
"""

import math
from contextlib import suppress
from dataclasses import replace

import numpy as np

from .posttraining import flips
from .sample import NotMeasurableError, Sample
from .section import Stage

DRAWS = 200
MOST_ROWS = 10_000
"""Rows of a draw: of more rows as many are drawn, and their deviation scaled by the root of the share."""
NORMAL = 1.96
"""Standard deviations on either side that hold 95% of a normal distribution."""
FLIP_TEST = "FT"
"""A mean over the group's rows: its deviation is theirs by the root of their number, neighbours being what they are."""

Margins = dict[tuple[str, str, str, str], float]
"""By stage, facet, value and metric: half the width of the interval."""


def margins(stage: Stage) -> Margins:
    """Of all metrics of a stage that the draws have a finite value for, in most of them. The same for the same rows."""
    found: Margins = {}
    names = [name for name in stage.metrics if name != FLIP_TEST]
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
        if FLIP_TEST in stage.metrics:
            with suppress(NotMeasurableError):
                each = flips(sample)
                found[stage.name, facet, value, FLIP_TEST] = NORMAL * float(each.std()) / math.sqrt(len(each))
        for name, measures in values.items():
            if len(measures) > DRAWS / 2:
                deviation = float(np.std(measures, ddof=1)) * math.sqrt(size / rows)
                found[stage.name, facet, value, name] = NORMAL * deviation
    return found


def _drawn(sample: Sample, rows: np.ndarray) -> Sample:
    group = None if sample.group is None else sample.group[rows]
    return replace(
        sample, facet=sample.facet[rows], label=sample.label[rows], predicted=sample.predicted[rows], group=group
    )
