"""The power study of DRIFT.md: false alarms on samples without drift, and known drift found, at the default thresholds.

A baseline of 1,000 rows against samples of 500, drawn with a fixed seed. The rates stated here are bounds: a test whose
true rate is at the bound stays within it in all but 1 of 1,000 runs (binomial), and the seed makes every run the same.
"""

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from monitor_analyzer.drift import Categories, Numbers, Pair, register
from monitor_analyzer.drift.holm import corrected
from monitor_analyzer.profile import LISTED_CATEGORIES
from monitor_analyzer.sketch import Sketch
from scipy.stats import binom

BEFORE, NOW, TIMES = 1000, 500, 200
PLANS = np.array([0.40, 0.25, 0.15, 0.10, 0.07, 0.03])
Draw = Callable[[np.random.Generator, int], np.ndarray]


def normal(mean: float, deviation: float) -> Draw:
    return lambda random, count: random.normal(mean, deviation, count)


def skewed(random: np.random.Generator, count: int) -> np.ndarray:
    return random.lognormal(size=count)


def with_zeros(random: np.random.Generator, count: int) -> np.ndarray:
    return np.where(random.random(count) < 0.6, 0, random.poisson(3, count)).astype(float)


def number_pairs(before: Draw, now: Draw, random: np.random.Generator) -> Iterable[Numbers]:
    for _ in range(TIMES):
        old, new = before(random, BEFORE), now(random, NOW)
        yield Numbers(Sketch([np.sort(old)]), Sketch([np.sort(new)]), float(old.std()))


def category_pairs(before: np.ndarray, now: np.ndarray, random: np.random.Generator) -> Iterable[Categories]:
    for old, new in zip(random.multinomial(BEFORE, before, TIMES), random.multinomial(NOW, now, TIMES), strict=True):
        yield Categories(*({str(i): int(count) for i, count in enumerate(side) if count} for side in (old, new)))


def alarms(name: str, pairs: Iterable[Pair]) -> int:
    """How many of the pairs a test calls drift at its default threshold."""
    test = register()[name]
    values = [test.measure(pair) for pair in pairs]
    return sum(value is not None and (value < test.threshold) is test.is_p_value for value in values)


def at_most(rate: float, times: int = TIMES) -> int:
    return int(binom.ppf(0.999, times, rate))


def at_least(rate: float, times: int = TIMES) -> int:
    return int(binom.ppf(0.001, times, rate))


NUMERIC = [name for name, test in register().items() if Numbers in test.kinds]
CATEGORICAL = [name for name, test in register().items() if Categories in test.kinds]
DISTANCES = [name for name, test in register().items() if not test.is_p_value]
SAMPLES = {"normal": normal(0, 1), "skewed": skewed, "with zeros": with_zeros}
FOUND = {
    "mean by half a deviation": (
        normal(0.5, 1),
        {"population_stability_index": 0.75, "jensen_shannon": 0.99, "wasserstein": 0.99},
    ),
    "mean by a deviation": (normal(1, 1), dict.fromkeys(NUMERIC, 0.99)),
    "spread doubled": (normal(0, 2), dict.fromkeys(NUMERIC, 0.99)),
    "spread by a half": (
        normal(0, 1.5),
        {"population_stability_index": 0.5, "jensen_shannon": 0.95, "wasserstein": 0.99},
    ),
}
SHIFTED = {
    "two values swapped": (
        np.array([0.25, 0.40, 0.15, 0.10, 0.07, 0.03]),
        {"population_stability_index": 0.05, "jensen_shannon": 0.6, "chi_squared": 0.99},
    ),
    "a third moves to the rarest": (
        np.array([0.27, 0.17, 0.10, 0.07, 0.05, 0.34]),
        dict.fromkeys(CATEGORICAL, 0.99),
    ),
    "a new value has a fifth": (np.append(PLANS * 0.8, 0.2), dict.fromkeys(CATEGORICAL, 0.99)),
}


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("test", NUMERIC)
def test_samples_without_drift_raise_a_false_alarm_in_one_of_a_hundred_at_most(test, kind):
    pairs = number_pairs(SAMPLES[kind], SAMPLES[kind], np.random.default_rng(7))
    assert alarms(test, pairs) <= at_most(0.01)


@pytest.mark.parametrize("test", CATEGORICAL)
def test_strings_without_drift_raise_a_false_alarm_in_one_of_a_hundred_at_most(test):
    assert alarms(test, category_pairs(PLANS, PLANS, np.random.default_rng(7))) <= at_most(0.01)


@pytest.mark.parametrize("drift", FOUND)
@pytest.mark.parametrize("test", NUMERIC)
def test_drift_of_numbers_is_found_with_the_stated_power(test, drift):
    now, power = FOUND[drift]
    pairs = number_pairs(normal(0, 1), now, np.random.default_rng(7))
    assert alarms(test, pairs) >= at_least(power[test])


@pytest.mark.parametrize("drift", SHIFTED)
@pytest.mark.parametrize("test", CATEGORICAL)
def test_drift_of_strings_is_found_with_the_stated_power(test, drift):
    now, power = SHIFTED[drift]
    before = np.append(PLANS, [0.0] * (len(now) - len(PLANS)))
    assert alarms(test, category_pairs(before, now, np.random.default_rng(7))) >= at_least(power[test])


@pytest.mark.parametrize("values", [2, 6, 40, LISTED_CATEGORIES])
def test_p_values_are_below_any_level_as_often_as_it_says(values):
    random = np.random.default_rng(7)
    shares = np.sort(random.dirichlet(np.ones(values)))
    found = [register()["chi_squared"].measure(pair) for pair in category_pairs(shares, shares, random)]
    p_values = np.array([value for value in found if value is not None])
    assert len(p_values) > 0.95 * TIMES
    for level in (0.01, 0.05, 0.2):
        assert np.count_nonzero(p_values < level) <= at_most(level, len(p_values))


def test_many_columns_raise_a_false_alarm_as_seldom_as_one_and_without_the_correction_far_more_often():
    random, columns, level = np.random.default_rng(7), 20, 0.05
    found = np.array(
        [
            [register()["chi_squared"].measure(pair) for pair in category_pairs(PLANS, PLANS, random)]
            for _ in range(columns)
        ]
    ).T
    alarmed = sum((corrected(execution) < level).any() for execution in found)
    assert alarmed <= at_most(level)
    assert (found < level).any(axis=1).sum() >= at_least(0.5)


def test_one_drifted_column_among_many_is_found_in_spite_of_the_correction():
    random = np.random.default_rng(7)
    test = register()["chi_squared"]
    still = [[test.measure(pair) for pair in category_pairs(PLANS, PLANS, random)] for _ in range(19)]
    moved = [test.measure(pair) for pair in category_pairs(PLANS, SHIFTED["two values swapped"][0], random)]
    found = np.array([moved, *still]).T
    assert sum(corrected(execution)[0] < test.threshold for execution in found) >= at_least(0.99)


@pytest.mark.parametrize("test", DISTANCES)
def test_a_large_sample_is_compared_by_its_sketch_as_by_its_rows(test):
    random = np.random.default_rng(7)
    before, now = random.normal(0, 1, 50_000), random.normal(0.3, 1.2, 20_000)

    def sketch(values: np.ndarray) -> Sketch:
        made = Sketch()
        made.add(np.sort(values))
        return made

    sketched = Numbers(sketch(before), sketch(now), float(before.std()))
    exact = Numbers(Sketch([before]), Sketch([now]), float(before.std()))
    measure = register()[test].measure
    assert measure(sketched) == pytest.approx(measure(exact), rel=0.05)
