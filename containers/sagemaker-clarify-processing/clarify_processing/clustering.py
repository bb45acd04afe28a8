"""The centres of a dataset's clusters: k-means, or k-prototypes where there are columns of categories.

Huang, "Extensions to the k-Means Algorithm for Clustering Large Data Sets with Categorical Values" (1998): the distance
is the squared one of the numbers plus gamma for each category that differs; a centre has the numbers' means and the
categories' modes. Numbers are standardised first, so gamma is one half, Huang's advice of half a standard deviation.
"""

import numpy as np
import pandas as pd

GAMMA = 0.5
MOST_CLUSTERS = 12
"""A dataset is divided into 1 to 12 clusters where the configuration does not say how many (Clarify's bounds)."""
MOST_ROWS = 10_000
"""Rows that are looked at; of more, a draw."""
MOST_ROUNDS = 100


def centres(frame: pd.DataFrame, clusters: int | None, random: np.random.Generator) -> pd.DataFrame:
    """The centres of `clusters` clusters, or of the number at the bend of the curve of distances; columns as given.

    The bend is where the curve of the summed distances over 1 to 12 clusters is farthest below the straight line
    between its ends. Missing numbers count as their column's mean, missing categories as one of their own. There are
    never more centres than different rows.
    """
    if len(frame) > MOST_ROWS:
        frame = frame.iloc[np.sort(random.choice(len(frame), MOST_ROWS, replace=False))]
    points = _Points(frame)
    different = len(np.unique(np.column_stack([points.numbers, points.codes]), axis=0))
    if clusters is not None:
        return points.rows(_cluster(points, min(clusters, different), random)[0])
    tries = [_cluster(points, k, random) for k in range(1, min(MOST_CLUSTERS, different) + 1)]
    costs = np.array([cost for _, cost in tries])
    line = np.linspace(costs[0], costs[-1], len(costs))
    return points.rows(tries[int(np.argmax(line - costs))][0])


class _Points:
    """Rows as standardised numbers and codes of categories."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.is_number = [is_numerical(frame[name]) for name in frame.columns]
        numbers = frame.loc[:, self.is_number].to_numpy(float, na_value=np.nan)
        counts = np.maximum((~np.isnan(numbers)).sum(axis=0), 1)
        self.mean = np.nansum(numbers, axis=0) / counts
        filled = np.where(np.isnan(numbers), self.mean, numbers)
        deviation = filled.std(axis=0)
        self.scale = np.where(deviation > 0, deviation, 1.0)
        self.numbers = (filled - self.mean) / self.scale
        others = frame.loc[:, [not number for number in self.is_number]]
        factorized = [pd.factorize(others[name], use_na_sentinel=False) for name in others.columns]
        self.codes = np.array([codes for codes, _ in factorized], int).reshape(len(factorized), len(frame)).T
        self.values = [list(values) for _, values in factorized]

    def distances(self, numbers: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Of every row to every centre: (rows, centres)."""
        columns = [
            ((self.numbers - number) ** 2).sum(axis=1) + GAMMA * (self.codes != code).sum(axis=1)
            for number, code in zip(numbers, codes, strict=True)
        ]
        return np.stack(columns, axis=1)

    def centre(self, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and modes of the rows numbered so."""
        modes = [np.bincount(column).argmax() for column in self.codes[members].T]
        return self.numbers[members].mean(axis=0), np.array(modes, int)

    def rows(self, found: tuple[np.ndarray, np.ndarray]) -> pd.DataFrame:
        """Centres in the values of the dataset."""
        numbers, codes = iter((found[0] * self.scale + self.mean).T), iter(zip(self.values, found[1].T, strict=True))
        columns = {}
        for name, number in zip(self.frame.columns, self.is_number, strict=True):
            if number:
                columns[name] = list(next(numbers))
            else:
                values, chosen = next(codes)
                columns[name] = [values[code] for code in chosen]
        return pd.DataFrame(columns)


def is_numerical(column: pd.Series) -> bool:
    """Whether a column holds numbers and not categories."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _cluster(
    points: _Points, clusters: int, random: np.random.Generator
) -> tuple[tuple[np.ndarray, np.ndarray], float]:
    """Centres, as numbers and codes, and the sum of the rows' distances to the nearest of them."""
    first = [int(random.integers(len(points.numbers)))]
    while len(first) < clusters:  # far from those chosen, as k-means++ does
        nearest = points.distances(points.numbers[first], points.codes[first]).min(axis=1)
        first.append(int(random.choice(len(nearest), p=nearest / nearest.sum())))
    numbers, codes = points.numbers[first].copy(), points.codes[first].copy()
    assigned = None
    for _ in range(MOST_ROUNDS):
        distances = points.distances(numbers, codes)
        nearest = distances.argmin(axis=1)
        if assigned is not None and (nearest == assigned).all():
            break
        assigned = nearest
        for cluster in range(clusters):
            members = np.flatnonzero(assigned == cluster)
            if len(members):
                numbers[cluster], codes[cluster] = points.centre(members)
    return (numbers, codes), float(points.distances(numbers, codes).min(axis=1).sum())
