"""Deflated Sharpe ratio against the paper's example, and overfitting against plain loops."""

import datetime as dt
import math
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from scipy.stats import rankdata

from pipelines.measures.overlap import effective_observations
from pipelines.measures.selection import (
    Trials,
    deflated,
    deflated_of,
    luck,
    overfitting,
    profit_by_time,
    selection_table,
    sharpe,
)

# Bailey and López de Prado (2014), "A numerical example": an annual Sharpe ratio of 2.5 over five years of 250 days,
# V = 1/2 between the trials (annual), skewness -3, kurtosis 10.
YEAR, DAYS = 250, 1250


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "expected"),
    [(100, -3.0, 10.0, 0.9004), (46, -3.0, 10.0, 0.9505), (88, 0.0, 3.0, 0.9505)],
)
def test_the_example_of_the_paper(trials: int, skew: float, kurtosis: float, expected: float) -> None:
    benchmark = luck(trials, 0.5 / YEAR)
    assert deflated(2.5 / math.sqrt(YEAR), benchmark, DAYS, skew, kurtosis) == pytest.approx(expected, abs=6e-5)
    if trials == 100:
        assert benchmark == pytest.approx(0.1132, abs=5e-5)


def test_luck_is_the_mean_of_the_best_of_many() -> None:
    draws = np.random.default_rng(1).standard_normal((20_000, 50))
    assert luck(50, 4.0) == pytest.approx(2 * draws.max(axis=1).mean(), rel=0.02)  # an asymptotic formula
    assert luck(1, 4.0) == 0.0


def test_the_ratio_of_a_series_uses_its_own_moments() -> None:
    profits = np.random.default_rng(2).exponential(1.0, 4000) - 0.95
    ratio = profits.mean() / profits.std(ddof=1)
    # An exponential distribution has skewness 2 and kurtosis 9.
    assert deflated_of(profits, 4000, 10, 1e-4) == pytest.approx(
        deflated(ratio, luck(10, 1e-4), 4000, 2.0, 9.0), abs=0.01
    )
    assert math.isnan(deflated_of(np.ones(10), 10, 10, 1e-4))


def slow_overfitting(profits: np.ndarray, blocks: int) -> float:
    size = len(profits) // blocks
    parts = [profits[i * size : (i + 1) * size] for i in range(blocks)]
    below = []
    for inside in combinations(range(blocks), blocks // 2):
        first = np.concatenate([parts[i] for i in inside]).mean(axis=0)
        second = np.concatenate([parts[i] for i in range(blocks) if i not in inside]).mean(axis=0)
        share = rankdata(second)[int(first.argmax())] / (profits.shape[1] + 1)
        below.append(math.log(share / (1 - share)) <= 0)  # the logit of the paper
    return float(np.mean(below))


@pytest.mark.parametrize(("times", "settings", "blocks"), [(60, 5, 4), (83, 12, 6), (200, 30, 8), (9, 2, 8)])
def test_overfitting_is_that_of_plain_loops(times: int, settings: int, blocks: int) -> None:
    for seed in range(5):
        profits = np.random.default_rng(seed).standard_normal((times, settings))
        profits[:, -1] += 0.1 * seed
        assert overfitting(profits, blocks) == pytest.approx(slow_overfitting(profits, blocks), abs=1e-12)


def test_a_setting_that_is_always_best_is_no_overfitting_and_one_that_never_lasts_is() -> None:
    generator = np.random.default_rng(3)
    noise = generator.standard_normal((320, 20))
    lifted = noise.copy()
    lifted[:, 7] += 2.0
    assert overfitting(lifted) == 0.0
    # Without any skill the sum of both halves is fixed: the best of one is a little below the median of the other.
    chances = [overfitting(np.random.default_rng(seed).standard_normal((320, 20))) for seed in range(40)]
    assert 0.4 < np.mean(chances) < 0.65
    # All settings end at the same sum: who leads in one half must trail in the other.
    assert overfitting(noise - noise.mean(axis=0)) == 1.0
    assert math.isnan(overfitting(noise[:, :1]))
    assert math.isnan(overfitting(noise[:15]))


def test_trades_of_one_instant_are_one_draw() -> None:
    ts = [dt.datetime(2020, 1, day, tzinfo=dt.UTC) for day in (2, 1, 2)]
    trades = pl.DataFrame({"entry_ts": ts, "pnl": [1.0, 3.0, 2.0], "entry_price": [100.0, 100.0, 50.0]})
    assert profit_by_time(trades) == pytest.approx([0.03, 0.05])


def test_the_table_counts_every_setting() -> None:
    generator = np.random.default_rng(4)
    apart, together = np.zeros(64, np.int64), np.append(np.ones(49, np.int64), 0)
    trials = Trials(("a", "a", "a", "b", "b"), generator.standard_normal((64, 5)), apart)
    trials.profits[:, 1] += 0.5
    profits = np.repeat(generator.standard_normal(25), 2)
    table = selection_table(trials, profits, together, 7)
    assert table["policy"].to_list() == ["a", "b", "all", "product"]
    assert table["trials"].to_list() == [3, 2, 5, 7]
    assert table["times"].to_list() == [64, 64, 64, 50]
    assert table["effective"][:3].to_list() == [64, 64, 64]
    assert table["effective"][3] == effective_observations(profits, together) < 40
    variance = float(sharpe(trials.profits).var(ddof=1))
    assert table["deflated_sharpe"][3] == deflated_of(profits, table["effective"][3], 7, variance)
    assert table["sharpe"][0] == pytest.approx(sharpe(trials.profits)[1])
    assert table["overfitting"].null_count() == 1
    assert table["luck"][3] == pytest.approx(luck(7, float(sharpe(trials.profits).var(ddof=1))))
