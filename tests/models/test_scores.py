import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, mean_pinball_loss

from models.scores import CRPS_LEVELS, LEVELS, brier, calibration_error, coverage, crps, pinball, reliability

RNG = np.random.default_rng


def test_pinball_is_that_of_scikit_learn():
    rng = RNG(0)
    y, q = rng.exponential(size=200), rng.exponential(size=(200, len(LEVELS)))
    expected = np.mean([mean_pinball_loss(y, q[:, j], alpha=level) for j, level in enumerate(LEVELS)])
    assert pinball(y, q, LEVELS).mean() == pytest.approx(expected, rel=1e-12)


def test_crps_at_few_levels_is_a_weighted_pinball_loss():
    y, levels = np.array([1.0, 4.0]), np.array([0.1, 0.5])
    forecast = np.array([[2.0, 3.0], [2.0, 3.0]])
    # 0.1 stands for 0 to 0.3, 0.5 for 0.3 to 1.
    by_hand = [2 * (0.3 * 0.9 * 1 + 0.7 * 0.5 * 2), 2 * (0.3 * 0.1 * 2 + 0.7 * 0.5 * 1)]
    np.testing.assert_allclose(crps(y, forecast, levels), by_hand)
    even = np.tile(np.linspace(0, 5, len(CRPS_LEVELS)), (2, 1))
    np.testing.assert_allclose(crps(y, even), 2 * pinball(y, even, CRPS_LEVELS))


def test_crps_is_the_closed_form_of_an_exponential_forecast():
    """CRPS(Exp(rate), y) = y + 2 exp(-rate y) / rate - 3 / (2 rate) (Gneiting & Raftery 2007, by integration)."""
    rate, y = 1.7, np.array([0.05, 0.4, 1.0, 2.5])
    forecast = np.tile(-np.log(1 - CRPS_LEVELS) / rate, (len(y), 1))
    np.testing.assert_allclose(crps(y, forecast), y + 2 * np.exp(-rate * y) / rate - 1.5 / rate, rtol=0.02, atol=0.003)


def test_brier_is_that_of_scikit_learn():
    p, y = RNG(1).random(300), RNG(2).integers(0, 2, 300).astype(np.uint8)
    assert brier(p, y) == pytest.approx(brier_score_loss(y, p), rel=1e-12)


def test_calibration_error_by_hand():
    p = np.array([0.05, 0.15, 0.15, 0.95])
    y = np.array([0, 1, 0, 1], np.uint8)
    assert calibration_error(p, y) == pytest.approx((0.05 + 2 * 0.35 + 0.05) / 4)
    np.testing.assert_allclose(reliability(p, y), [[0.05, 0, 0.25], [0.15, 0.5, 0.5], [0.95, 1, 0.25]])


def test_coverage_of_the_true_quantiles_is_the_level_in_each_regime():
    rng = RNG(3)
    sigma = rng.uniform(1, 4, 60_000)
    y = rng.exponential(size=len(sigma)) * sigma
    table = coverage(y, -np.log(1 - LEVELS) * sigma[:, None], sigma, np.array([2.0, 3.0]))
    assert list(table) == ["calm", "normal", "wild"]
    for shares in table.values():
        assert list(shares) == ["q10", "q25", "q50", "q75", "q90", "q95"]
        np.testing.assert_allclose(list(shares.values()), LEVELS, atol=0.015)
    assert list(coverage(y[:5], np.ones((5, 6)), np.full(5, 9.0), np.array([2.0, 3.0]))) == ["wild"]
