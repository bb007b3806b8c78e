"""Effective observations against statsmodels' long-run variance, and against trades whose overlap is known."""

import math

import numpy as np
import pytest
from statsmodels.stats.sandwich_covariance import S_hac_simple, weights_uniform

from handmade_resamples import held
from pipelines.measures.overlap import disjoint, effective_observations, reach
from pipelines.measures.selection import deflated_of


def overlapping(n: int, horizon: int, step: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Profits of trades of `horizon` bars without skill, one every `step` bars, and which of the next ones overlap."""
    walk = np.concatenate([[0.0], np.cumsum(generator.standard_normal(n * step + horizon))])
    begin = np.arange(n) * step
    return walk[begin + horizon] - walk[begin], reach(held(begin, horizon))


def known_count(n: int, horizon: int, step: int) -> float:
    """What n such trades are worth: the variance of a mean is that of this many apart. A bar that c trades hold counts
    c times in their sum, so that its variance is Σ c² of a bar's, where trades apart would have n horizon.
    """
    inside = np.zeros(n * step + horizon)
    for begin in range(0, n * step, step):
        inside[begin : begin + horizon] += 1
    return n * n * horizon / float((inside**2).sum())


@pytest.mark.parametrize(("n", "horizon", "step"), [(300, 10, 1), (300, 10, 4), (1000, 20, 1), (300, 10, 10)])
def test_trades_that_overlap_count_as_often_as_they_are_known_to(n: int, horizon: int, step: int) -> None:
    generator = np.random.default_rng(1)
    found = [effective_observations(*overlapping(n, horizon, step, generator)) for _ in range(200)]
    assert np.mean(found) == pytest.approx(known_count(n, horizon, step), rel=0.1)


def test_of_sweeps_without_skill_five_per_cent_look_significant_at_five_per_cent() -> None:
    generator = np.random.default_rng(2)
    chances, naive = [], []
    for _ in range(600):
        profits, overlaps = overlapping(300, 10, 1, generator)
        chances.append(deflated_of(profits, effective_observations(profits, overlaps), 1, 0.0))
        naive.append(deflated_of(profits, len(profits), 1, 0.0))
    assert 0.03 < np.mean(np.array(chances) > 0.95) < 0.07
    assert np.mean(np.array(naive) > 0.95) > 0.2, "which counting every trade would not do"


def test_the_long_run_variance_is_that_of_statsmodels() -> None:
    n, lags = 400, 7
    generator = np.random.default_rng(3)
    profits = overlapping(n, lags + 1, 1, generator)[0] + 2 * generator.standard_normal(n) + 0.3
    overlaps = np.minimum(lags, n - 1 - np.arange(n))
    z = (profits - profits.mean()) / profits.std()
    influence = z - profits.mean() / profits.std() * (z**2 - 1) / 2
    together = float(S_hac_simple(influence[:, None], lags, weights_uniform)[0, 0])
    pairs = n + 2 * overlaps.sum()
    alone = float(influence @ influence) / (1 - 1 / n)
    expected = n * alone / (together / (1 - pairs / n**2))
    assert 60 < expected < 300, "between the bounds"
    assert effective_observations(profits, overlaps) == pytest.approx(expected)


def test_reach_counts_the_entries_before_the_horizon_ends_and_an_instant_once() -> None:
    assert reach(held(np.array([0, 0, 2, 3, 4, 9]), 3)).tolist() == [1, 2, 1, 0, 0]
    assert disjoint(np.array([1, 2, 1, 0, 0])) == 3  # days 0, 3 and 9
    assert disjoint(np.zeros(5, np.int64)) == 5


def test_what_cannot_be_estimated_counts_disjoint_horizons() -> None:
    generator = np.random.default_rng(4)
    profits, overlaps = overlapping(12, 10, 1, generator)
    assert effective_observations(profits, overlaps) == disjoint(overlaps) == 2
    assert effective_observations(np.ones(50), np.zeros(50, np.int64)) == 50
    alone = np.arange(5)[::-1].copy()  # all in one horizon
    assert effective_observations(generator.standard_normal(5), alone) == 1.0
    assert math.isnan(deflated_of(generator.standard_normal(5), 1.0, 1, 0.0))
    # Profits that turn at every step would leave the mean surer than apart, which is not believed.
    swing = np.where(np.arange(100) % 2, 1.0, -1.0) + 0.1 * generator.standard_normal(100)
    assert effective_observations(swing, np.append(np.ones(99, np.int64), 0)) == 100
