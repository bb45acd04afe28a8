"""Kernel SHAP: Shapley values of a model's inputs, estimated by weighted linear regression.

Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions" (NIPS 2017), section 4.1 and its Theorem 2:
a coalition of s of M players weighs (M - 1) / (C(M, s) s (M - s)), and the Shapley values are the solution of the
weighted least squares problem whose values sum to f(x) - E f(baseline). A player that is not in the coalition has the
baseline's value. With all 2^M - 2 coalitions the values are exact.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from .errors import AnalysisError

Model = Callable[[np.ndarray], np.ndarray]
"""Rows (m, columns) of objects to scores (m, outputs)."""

DEFAULT_SAMPLES = 2048
MOST_SYNTHETIC_ROWS = 65536
"""How many synthetic rows are made at a time, if the coalitions of one row do not need more."""
ROUNDING = 1e-9
EDGE = 1e-12
"""How near to 0 and 1 a probability is taken for its log-odds."""


@dataclass(frozen=True)
class Attributions:
    """Of n rows: `values` (n, players, outputs), `base` (outputs) and the model's `predictions` (n, outputs).

    `values.sum(axis=1)` is `predictions - base`; with the logit all three are log-odds.
    """

    values: np.ndarray
    base: np.ndarray
    predictions: np.ndarray


@dataclass(frozen=True)
class Design:
    """Coalitions of M players (`masks`, n x M) and the regression on them, which is linear in the model's answers."""

    masks: np.ndarray
    solver: np.ndarray

    @classmethod
    def make(cls, players: int, samples: int, random: np.random.Generator) -> "Design":
        """All coalitions if there are no more than `samples`, else those with most weight and a draw of the others."""
        masks, weights = _coalitions(players, min(samples, 2**players - 2), random)
        basis = _orthogonal_to_ones(players)
        root = np.sqrt(weights)[:, None]
        return cls(masks, basis @ np.linalg.pinv(root * (masks @ basis)) * root.T)

    def solve(self, answers: np.ndarray, total: np.ndarray) -> np.ndarray:
        """Shapley values (M, outputs): of the coalitions' `answers` (n, outputs) above the base, for a row's `total`.

        Every vector that sums to the total is an equal share for each player plus something orthogonal to ones, so
        the constraint needs no multiplier.
        """
        share = total / self.masks.shape[1]
        return share + self.solver @ (answers - self.masks.sum(axis=1)[:, None] * share)


def default_samples(players: int) -> int:
    """How many coalitions where the configuration does not say: 2 M + 2048
    (clarify-online-explainability-create-endpoint, `n_samples`)."""
    return 2 * players + DEFAULT_SAMPLES


class KernelShap:
    """Explains rows against a baseline of k rows.

    `players` are the columns that are switched together; each column by itself if not given. `samples` and `seed` as
    in Clarify's configuration; `logit` explains log-odds. AnalysisError for what the model's answers do not allow.
    """

    def __init__(
        self,
        model: Model,
        baseline: np.ndarray,
        *,
        players: Sequence[Sequence[int]] | None = None,
        samples: int | None = None,
        seed: int | None = None,
        logit: bool = False,
    ) -> None:
        self._model = model
        self._baseline = baseline
        self._link = log_odds if logit else np.asarray
        self._players = [list(columns) for columns in players or [[i] for i in range(baseline.shape[1])]]
        self._samples = samples or default_samples(len(self._players))
        self._random = np.random.default_rng(None if seed is None else seed % 2**64)
        self._designs: dict[int, Design] = {}
        self.base: np.ndarray = self._link(model(baseline).mean(axis=0))

    def explain(self, rows: np.ndarray, predictions: np.ndarray | None = None) -> Attributions:
        """The attributions of rows (n, columns) of objects; `predictions` are the model's, where they are known."""
        scores = self._link(self._model(rows) if predictions is None else predictions)
        values = np.zeros((len(rows), len(self._players), len(self.base)))
        for numbers, varying in self._portions(rows):
            designs = [self._design(len(each)) for each in varying]
            blocks = [
                self._synthetic(rows[number], each, design.masks)
                for number, each, design in zip(numbers, varying, designs, strict=True)
            ]
            answers = self._model(np.concatenate(blocks)) if sum(map(len, blocks)) else np.empty((0, len(self.base)))
            start = 0
            for number, each, design, block in zip(numbers, varying, designs, blocks, strict=True):
                part = answers[start : start + len(block)].reshape(
                    len(design.masks), len(self._baseline), len(self.base)
                )
                start += len(block)
                means = self._link(part.mean(axis=1)) - self.base
                values[number, each] = design.solve(means, scores[number] - self.base)
        return Attributions(values, self.base, scores)

    def _portions(self, rows: np.ndarray) -> Iterator[tuple[list[int], list[list[int]]]]:
        """Numbers of rows whose synthetic rows go to the model together, with the players that differ from the
        baseline in each: the others have no part in the prediction."""
        numbers: list[int] = []
        varying: list[list[int]] = []
        size = 0
        for number, row in enumerate(rows):
            differs = np.array([[not same(row[i], other[i]) for i in range(len(row))] for other in self._baseline])
            players = [index for index, columns in enumerate(self._players) if differs[:, columns].any()]
            if not players:
                continue
            needed = len(self._design(len(players)).masks) * len(self._baseline)
            if numbers and size + needed > MOST_SYNTHETIC_ROWS:
                yield numbers, varying
                numbers, varying, size = [], [], 0
            numbers.append(number)
            varying.append(players)
            size += needed
        if numbers:
            yield numbers, varying

    def _design(self, players: int) -> Design:
        if players not in self._designs:
            self._designs[players] = Design.make(players, self._samples, self._random)
        return self._designs[players]

    def _synthetic(self, row: np.ndarray, players: list[int], masks: np.ndarray) -> np.ndarray:
        """For each coalition, the row with each baseline row's values for those who are not in it."""
        taken = np.ones((len(masks), len(row)), bool)
        for position, player in enumerate(players):
            taken[:, self._players[player]] = masks[:, position, None] > 0
        chosen = np.where(taken[:, None, :], row[None, None, :], self._baseline[None, :, :])
        return chosen.reshape(-1, len(row))


def same(one: object, other: object) -> bool:
    """Whether two values are equal, or both missing."""
    return bool(one == other) or (one is None and other is None) or (one != one and other != other)


def log_odds(scores: np.ndarray) -> np.ndarray:
    """ln(p / (1 - p))."""
    if (scores < 0).any() or (scores > 1).any():
        raise AnalysisError(
            f"use_logit is true, but the model's scores reach from {scores.min():g} to {scores.max():g}: log-odds need "
            f"probabilities between 0 and 1. Set use_logit to false."
        )
    p = np.clip(scores, EDGE, 1 - EDGE)
    odds: np.ndarray = np.log(p / (1 - p))
    return odds


def _coalitions(players: int, samples: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Masks (n, M) and weights (n), of coalitions that are neither empty nor everybody.

    Sizes are taken from the outside in, s together with M - s, as those weigh most: a pair of sizes is enumerated as
    long as its share of the samples left is enough for it. The weight of all other sizes is divided among draws from
    them; each comes with its complement.
    """
    sizes: list[tuple[int, ...]] = [(s, players - s) if s != players - s else (s,) for s in range(1, players // 2 + 1)]
    mass = [sum((players - 1) / (s * (players - s)) for s in pair) for pair in sizes]
    taken: list[tuple[int, ...]] = []
    weights: list[float] = []
    left, done = samples, 0
    for pair, weight in zip(sizes, mass, strict=True):
        subsets = sum(comb(players, s) for s in pair)
        if left * weight / sum(mass[done:]) < subsets * (1 - ROUNDING):
            break
        for s in pair:
            taken.extend(combinations(range(players), s))
            weights.extend([weight / subsets] * comb(players, s))
        left -= subsets
        done += 1
    if left > 0 and done < len(sizes):
        drawn = _drawn(players, sizes[done:], mass[done:], left, random)
        total = sum(drawn.values())
        taken.extend(drawn)
        weights.extend(sum(mass[done:]) * count / total for count in drawn.values())
    masks = np.zeros((len(taken), players))
    for number, members in enumerate(taken):
        masks[number, list(members)] = 1
    return masks, np.array(weights)


def _drawn(
    players: int, sizes: list[tuple[int, ...]], mass: list[float], samples: int, random: np.random.Generator
) -> dict[tuple[int, ...], int]:
    """At most `samples` different coalitions of these sizes -> how often each was drawn."""
    found: dict[tuple[int, ...], int] = {}
    chances = np.array(mass) / sum(mass)
    for pick in random.choice(len(sizes), size=4 * samples, p=chances):
        order = random.permutation(players)
        size = sizes[pick][0]
        pair = tuple(sorted(order[:size].tolist())), tuple(sorted(order[size:].tolist()))
        for members in pair:
            if members in found or len(found) < samples:
                found[members] = found.get(members, 0) + 1
        if len(found) >= samples:
            break
    return found


def _orthogonal_to_ones(players: int) -> np.ndarray:
    """M x (M - 1): an orthonormal basis of the vectors that sum to 0."""
    square = np.eye(players)
    square[:, 0] = 1
    return np.linalg.qr(square)[0][:, 1:]
