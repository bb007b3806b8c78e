import numpy as np
import pytest

from models.calibration import apply_map, calibrate, fit_map, identity
from models.scores import brier, calibration_error


def overconfident(n, seed=0):
    """Forecasts that are further from one half than the truth is."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.05, 0.95, (n, 2, 3))
    logit = np.log(truth / (1 - truth))
    return 1 / (1 + np.exp(-1.6 * logit)), (rng.random(truth.shape) < truth).astype(np.uint8)


def test_map_is_monotone_and_fixed_at_the_ends_even_for_noise():
    rng = np.random.default_rng(1)
    knots = fit_map(rng.random(5000), rng.integers(0, 2, 5000).astype(np.uint8))
    assert (np.diff(knots) >= 0).all()
    assert knots[0] == 0
    assert knots[-1] == 1


def test_it_mends_a_miscalibrated_net_on_rows_it_has_not_seen():
    p, y = overconfident(20_000)
    maps = calibrate(p, y, np.arange(len(p)))
    q, z = overconfident(20_000, seed=2)
    for curve in (0, 1):
        mended = apply_map(maps[curve], q[:, curve])
        assert calibration_error(mended, z[:, curve]) < 0.02 < 0.05 < calibration_error(q[:, curve], z[:, curve])
        assert brier(mended, z[:, curve]) < brier(q[:, curve], z[:, curve])


def test_a_map_that_does_not_hold_in_the_other_half_is_not_used():
    """The bias changes its sign in the middle of the part."""
    rng = np.random.default_rng(3)
    p = rng.uniform(0.3, 0.7, (4000, 2, 1))
    late = np.arange(4000)[:, None, None] >= 2000
    y = (rng.random(p.shape) < p + np.where(late, 0.25, -0.25)).astype(np.uint8)
    np.testing.assert_array_equal(calibrate(p, y, np.arange(4000)), [identity(), identity()])


@pytest.mark.parametrize("value", [0, 1])
def test_few_outcomes_hardly_move_the_map(value):
    knots = fit_map(np.full(20, 0.5), np.full(20, value, np.uint8))
    assert 0 < np.abs(knots - identity()).max() < 0.05
