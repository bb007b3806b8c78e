"""How far the curves' promised value counts: fully where it is kept, not at all where it is noise."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from models.tables import edge_weight

BLOCK = 10


@pytest.fixture(scope="module")
def market() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Promises (3,000 rows, 4 distances), noise that rows of one block share, and times."""
    rng = np.random.default_rng(2)
    ts = np.arange(3000, dtype=np.int64)
    shared = np.repeat(rng.normal(0, 0.5, 300), BLOCK)[:, None]
    return rng.normal(0, 0.2, (3000, 4)), shared + rng.normal(0, 0.5, (3000, 4)), ts


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_what_is_kept_counts(market, truth) -> None:
    promised, noise, ts = market
    assert edge_weight(promised, truth * promised + noise, ts, BLOCK) == pytest.approx(min(truth, 1.0), abs=0.1)


def test_noise_and_the_opposite_count_nothing(market) -> None:
    promised, noise, ts = market
    weights = [edge_weight(np.roll(promised, shift, 0), noise, ts, BLOCK) for shift in range(0, 3000, 100)]
    assert np.mean(weights) < 0.02
    assert edge_weight(promised, -promised + noise, ts, BLOCK) == 0.0
    assert edge_weight(np.zeros((10, 2)), np.ones((10, 2)), np.arange(10), BLOCK) == 0.0


def test_it_is_the_slope_less_its_clustered_error(market) -> None:
    promised, noise, ts = market
    kept = 0.4 * promised + noise
    groups = np.repeat(ts // BLOCK, 4)
    fitted = sm.OLS(kept.ravel(), promised.ravel()).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    assert edge_weight(promised, kept, ts, BLOCK) == pytest.approx(fitted.params[0] - fitted.bse[0], rel=1e-9)
