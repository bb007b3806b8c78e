import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap

from pipelines.bootstrap import block_indices, counts, interval


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


def test_seeded_and_counted() -> None:
    a, b = (block_indices(20, 4.0, 10, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(a, b)
    weights = counts(a)
    assert np.array_equal(weights[3], np.bincount(a[3], minlength=20))
    assert (weights.sum(1) == 20).all()


def test_intervals() -> None:
    assert interval(np.arange(101.0), 0.9) == pytest.approx((5.0, 95.0))
    assert interval(np.array([1.0, 2.0, 3.0, np.nan]), 0.5) == (1.5, 2.5)
    assert np.isnan(interval(np.array([1.0, np.nan, np.nan]), 0.9)).all()


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="must each be at least 1, was 0"):
        block_indices(0, 5.0, 10, np.random.default_rng(0))
