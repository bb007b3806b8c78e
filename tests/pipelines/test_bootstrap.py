import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap
from scipy.stats import binomtest

from handmade_resamples import DAY_US, held, one_a_day
from pipelines.measures.bootstrap import (
    BootstrapParams,
    block_indices,
    counts,
    interval,
    mean_block,
    resample,
    share_interval,
)

PARAMS = BootstrapParams(3.0, 500, 0.95, 1)


def test_blocks_run_on_a_circle_with_geometric_lengths() -> None:
    n, length = 50, 8.0
    rows = block_indices(n, length, 4000, np.random.default_rng(1))
    follows = (rows[:, 1:] - rows[:, :-1]) % n == 1
    # A new block also follows by chance, once in n.
    assert follows.mean() == pytest.approx(1 - (1 / length) * (1 - 1 / n), abs=0.003)
    assert np.bincount(rows.ravel(), minlength=n) / rows.size == pytest.approx(1 / n, abs=0.002)


def test_the_same_distribution_as_arch() -> None:
    generator = np.random.default_rng(2)
    x = np.zeros(300)
    for i in range(1, 300):
        x[i] = 0.6 * x[i - 1] + generator.standard_normal()
    ours = counts(block_indices(len(x), 12.0, 6000, np.random.default_rng(3))) @ x / len(x)
    theirs = StationaryBootstrap(12.0, x, seed=4).apply(np.mean, 6000).ravel()
    assert ours.std() == pytest.approx(theirs.std(), rel=0.04)
    for q in (0.025, 0.25, 0.5, 0.75, 0.975):
        assert np.quantile(ours, q) == pytest.approx(np.quantile(theirs, q), abs=0.1 * ours.std())
    # Blocks matter: without them the interval of this correlated series is far too narrow.
    single = counts(block_indices(len(x), 1.0, 2000, np.random.default_rng(5))) @ x / len(x)
    assert single.std() < 0.7 * ours.std()


def panel(draws: int, instants: int, symbols: int, correlation: float, overlap: int, seed: int) -> np.ndarray:
    """Profits without an edge, (draws, instants, symbols): sums of the next `overlap` steps of correlated walks."""
    rng = np.random.default_rng(seed)
    shape = draws, instants + overlap
    market, own = rng.standard_normal((*shape, 1)), rng.standard_normal((*shape, symbols))
    walk = np.cumsum(correlation**0.5 * market + (1 - correlation) ** 0.5 * own, axis=1)
    return walk[:, overlap:] - walk[:, :-overlap]


def test_all_trades_of_an_instant_stay_together_as_in_arch_over_rows() -> None:
    profits = panel(1, 200, 20, 0.4, 3, 6)[0]
    day = np.repeat(np.arange(200), 20)
    drawn = resample(held(day, 3), BootstrapParams(3.0, 5000, 0.95, 1), np.random.default_rng(7))
    by_instant = drawn.weights.reshape(-1, 200, 20)
    assert (by_instant == by_instant[:, :, :1]).all()
    length = mean_block(drawn.begin, drawn.end, 3.0)
    assert length == pytest.approx(9.0, rel=0.01)  # the last instants have less ahead of them
    ours = drawn.weights @ profits.ravel() / profits.size
    theirs = StationaryBootstrap(length, profits, seed=4).apply(np.mean, 5000).ravel()
    assert ours.std() == pytest.approx(theirs.std(), rel=0.04)
    for q in (0.025, 0.5, 0.975):
        assert np.quantile(ours, q) == pytest.approx(np.quantile(theirs, q), abs=0.1 * ours.std())


@pytest.mark.parametrize(("symbols", "correlation", "overlap"), [(20, 0.4, 3), (50, 0.4, 3), (2, 0.8, 10)])
def test_intervals_hold_what_they_promise(symbols: int, correlation: float, overlap: int) -> None:
    """Of 400 markets in which nothing is earned, nine in ten intervals or more must hold 0, of nominally 95 %."""
    instants = 200
    day = np.repeat(np.arange(instants), symbols)
    drawn = resample(held(day, overlap), PARAMS, np.random.default_rng(8))
    profits = panel(400, instants, symbols, correlation, overlap, 9).reshape(400, -1)
    means = drawn.weights @ profits.T / drawn.weights.sum(1)[:, None]
    level = drawn.expanded(0.95)
    covered = [low <= 0 <= high for low, high in (interval(line, level) for line in means.T)]
    assert np.mean(covered) >= 0.9


def test_a_block_spans_the_horizons() -> None:
    day = np.repeat(np.arange(0, 400, 2), 3)  # three symbols, every other day
    for days, instants in ((1, 1), (2, 1), (3, 2), (20, 10)):
        drawn = resample(held(day, days), PARAMS, np.random.default_rng(1))
        assert mean_block(drawn.begin, drawn.end, 3.0) == pytest.approx(max(3 * instants, 200 ** (1 / 3)), rel=0.03)
        assert drawn.disjoint() == 200 // instants


def test_disjoint_horizons_are_counted_at_most_once() -> None:
    drawn = resample(held(np.array([0, 0, 1, 5, 9]), 4), PARAMS, np.random.default_rng(1))
    assert drawn.disjoint() == 3  # of days 0, 0 and 1 one; 5; 9
    assert drawn.part(np.array([True, True, True, False, True])).disjoint() == 2


def test_few_blocks_widen_an_interval() -> None:
    many, few = one_a_day(3000, 100, 1), one_a_day(12, 100, 1)
    assert many.expanded(0.95) == pytest.approx(0.95, abs=0.001)
    # Four blocks: Student's t of three degrees is 3.18, times sqrt(4 / 3).
    assert few.expanded(0.95) == pytest.approx(0.99976, abs=2e-5)


def test_seeded_and_counted() -> None:
    a, b = (one_a_day(20, 100, 7) for _ in range(2))
    assert np.array_equal(a.weights, b.weights)
    assert (a.weights.sum(1) == 20).all()
    rows = block_indices(20, 4.0, 10, np.random.default_rng(7))
    assert np.array_equal(counts(rows)[3], np.bincount(rows[3], minlength=20))
    assert a.begin[1] - a.begin[0] == DAY_US


def test_intervals() -> None:
    assert interval(np.arange(101.0), 0.9) == pytest.approx((5.0, 95.0))
    assert interval(np.array([1.0, 2.0, 3.0, np.nan]), 0.5) == (1.5, 2.5)
    assert np.isnan(interval(np.array([1.0, np.nan, np.nan]), 0.9)).all()


def test_a_share_without_exception_has_the_bound_of_clopper_and_pearson() -> None:
    for n in (1, 20, 300):
        low, high = share_interval(0.0, n, 0.95)
        assert (low, (1 - high) ** n) == (0.0, pytest.approx(0.025))
        assert share_interval(1.0, n, 0.95) == pytest.approx((1 - high, 1.0))
        ours = binomtest(0, n).proportion_ci(0.95, "exact")
        assert (low, high) == pytest.approx((ours.low, ours.high))
    assert share_interval(0.0, 0, 0.95) == (0.0, 1.0)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="must each be at least 1, was 0"):
        block_indices(0, 5.0, 10, np.random.default_rng(0))
    with pytest.raises(ValueError, match="block_horizons: must lie in"):
        BootstrapParams(0.5, 500, 0.95, 1)
