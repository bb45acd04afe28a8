"""Kernel SHAP against what Shapley values are: enumeration, efficiency, closed forms."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from clarify_processing.errors import AnalysisError
from clarify_processing.kernel_shap import Design, KernelShap, default_samples, log_odds


def curved(rows: np.ndarray) -> np.ndarray:
    """A model with interactions and two outputs; a category counts by its length."""
    columns = [np.array([len(v) if isinstance(v, str) else v for v in column], float) for column in rows.T]
    first = columns[0] * columns[1] + np.sin(columns[2]) + (columns[3] > 2) * columns[1]
    return np.column_stack([first, sum(columns) ** 2])


def exact(model: object, row: np.ndarray, baseline: np.ndarray, output: int) -> list[float]:
    """Shapley values by their definition: over all orders in which players can join."""
    count = len(row)

    def value(members: tuple[int, ...]) -> float:
        rows = baseline.copy()
        rows[:, list(members)] = row[list(members)]
        return float(model(rows)[:, output].mean())  # type: ignore[operator]

    found = []
    for player in range(count):
        others = [other for other in range(count) if other != player]
        found.append(
            sum(
                factorial(size)
                * factorial(count - size - 1)
                / factorial(count)
                * (value((*members, player)) - value(members))
                for size in range(count)
                for members in combinations(others, size)
            )
        )
    return found


ROWS = np.array([[1.0, 2.0, 3.0, "long"], [-1.0, 0.5, 0.0, "a"], [0.0, 1.0, 2.0, "ab"]], object)
BASELINE = np.array([[0.0, 1.0, 1.0, "ab"], [2.0, -1.0, 0.5, "a"]], object)


def test_with_all_coalitions_the_values_are_the_shapley_values() -> None:
    found = KernelShap(curved, BASELINE).explain(ROWS)
    for row, values in zip(ROWS, found.values, strict=True):
        for output in range(2):
            assert values[:, output] == pytest.approx(exact(curved, row, BASELINE, output), abs=1e-9)


@pytest.mark.parametrize("samples", [None, 40, 7])
def test_values_sum_to_the_prediction_above_the_expected_value_however_few_the_samples(samples: int | None) -> None:
    random = np.random.default_rng(1)
    weights = random.normal(size=(12, 12))

    def model(rows: np.ndarray) -> np.ndarray:
        numbers = rows.astype(float)
        return np.einsum("ni,ij,nj->n", numbers, weights, numbers)[:, None]

    baseline = random.normal(size=(3, 12)).astype(object)
    rows = random.normal(size=(5, 12)).astype(object)
    found = KernelShap(model, baseline, samples=samples, seed=3).explain(rows)
    assert found.base == pytest.approx(model(baseline).mean(axis=0))
    assert found.values.sum(axis=1) == pytest.approx(model(rows) - found.base)


def test_a_linear_model_gives_weight_times_distance_even_from_few_samples() -> None:
    random = np.random.default_rng(2)
    weights = random.normal(size=30)
    baseline = random.normal(size=(4, 30)).astype(object)
    rows = random.normal(size=(3, 30)).astype(object)
    model = lambda rows: (rows.astype(float) @ weights)[:, None]  # noqa: E731
    found = KernelShap(model, baseline, samples=200, seed=1).explain(rows)
    expected = weights * (rows - baseline.mean(axis=0)).astype(float)
    assert found.values[:, :, 0] == pytest.approx(expected, abs=1e-9)


def test_a_feature_with_the_baselines_value_has_no_part_and_one_alone_has_all() -> None:
    model = lambda rows: rows.astype(float).prod(axis=1)[:, None]  # noqa: E731
    baseline = np.array([[1.0, 2.0, 3.0]], object)
    found = KernelShap(model, baseline).explain(np.array([[1, 2, 3], [1, 5, 3], [4, 2, 7]], object))
    assert found.values[:, :, 0] == pytest.approx(np.array([[0, 0, 0], [0, 9, 0], [30, 0, 20]]))


def test_sampled_values_come_near_the_exact_ones_and_nearer_with_more_samples() -> None:
    random = np.random.default_rng(5)
    weights = random.normal(size=(14, 14))

    def model(rows: np.ndarray) -> np.ndarray:
        hidden = np.tanh(rows.astype(float) @ weights / 3)
        return (hidden.sum(axis=1) + 3 * hidden[:, 0] * hidden[:, 1])[:, None]

    baseline, row = np.zeros((1, 14), object), random.normal(size=(1, 14)).astype(object)
    exactly = KernelShap(model, baseline, samples=2**14).explain(row).values[0, :, 0]

    def error(samples: int) -> float:
        tries = [
            KernelShap(model, baseline, samples=samples, seed=seed).explain(row).values[0, :, 0] for seed in range(5)
        ]
        return float(np.sqrt(np.mean([(each - exactly) ** 2 for each in tries])))

    assert error(default_samples(14)) < 0.02 * np.abs(exactly).max()
    assert error(default_samples(14)) < error(100)


def test_a_seed_makes_the_sample_the_same_every_time() -> None:
    first, second, other = (Design.make(16, 300, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert (first.masks == second.masks).all() and (first.solver == second.solver).all()
    assert first.masks.shape == (300, 16) and (first.masks != other.masks).any()
    assert len(np.unique(first.masks, axis=0)) == 300


def test_the_default_number_of_samples_is_clarifys() -> None:
    assert default_samples(20) == 2088
    assert len(Design.make(10, default_samples(10), np.random.default_rng(0)).masks) == 1022


def test_log_odds_are_explained_with_use_logit() -> None:
    weights = np.array([0.5, -1.0, 2.0])
    model = lambda rows: 1 / (1 + np.exp(-(rows.astype(float) @ weights)))[:, None]  # noqa: E731
    baseline = np.array([[0.0, 0.0, 0.0]], object)
    found = KernelShap(model, baseline, logit=True).explain(np.array([[1.0, 1.0, 1.0]], object))
    assert found.values[0, :, 0] == pytest.approx(weights)
    with pytest.raises(AnalysisError, match=r"use_logit is true, but the model's scores reach from 0.5 to 3"):
        log_odds(np.array([0.5, 3.0]))


def test_columns_may_be_switched_together_as_one_player() -> None:
    model = lambda rows: rows.astype(float).sum(axis=1)[:, None]  # noqa: E731
    baseline = np.zeros((1, 4), object)
    found = KernelShap(model, baseline, players=[[2], [0, 1, 3]]).explain(np.array([[1.0, 2.0, 4.0, 8.0]], object))
    assert found.values[0, :, 0] == pytest.approx([4, 11])
