import numpy as np
import pytest
import statsmodels.api as sm

from models.significance import by_time, compare, diebold_mariano, stationary_bootstrap


@pytest.mark.parametrize("lags", [1, 10, 25])
def test_diebold_mariano_is_the_regression_on_a_constant_with_newey_west_errors(lags):
    rng = np.random.default_rng(lags)
    d = np.convolve(rng.normal(0.05, 1, 400), np.ones(10) / 10, "valid")
    fit = sm.OLS(d, np.ones(len(d))).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
    statistic, p = diebold_mariano(d, lags)
    assert statistic == pytest.approx(float(fit.tvalues[0]), rel=1e-9)
    assert p == pytest.approx(float(fit.pvalues[0]), rel=1e-6)


def test_diebold_mariano_by_hand():
    d = np.array([1.0, 2.0, 3.0])  # mean 2, autocovariances 2/3 and 0
    statistic, _ = diebold_mariano(d, 1)
    assert statistic == pytest.approx(2 / np.sqrt(2 / 3 / 3))


def test_equal_losses_show_nothing():
    ts, loss = np.repeat(np.arange(100), 4), np.random.default_rng(0).random(400)
    result = compare(ts, loss, loss.copy(), 10, 1)
    assert (result.skill, result.low, result.high, result.dm, result.p) == (0, 0, 0, 0, 1)


def test_losses_of_one_time_are_one_draw_in_order_of_time():
    np.testing.assert_array_equal(by_time(np.array([30, 10, 30, 20]), np.array([1.0, 2.0, 4.0, 8.0])), [2, 8, 5])


def test_blocks_have_the_mean_length_and_every_row_its_share():
    index = stationary_bootstrap(300, 12.0, 400, 3)
    assert index.shape == (400, 300)
    breaks = (np.diff(index, axis=1) % 300 != 1).mean()
    assert breaks == pytest.approx(1 / 12, rel=0.05)
    assert np.bincount(index.ravel(), minlength=300).min() > 250


def test_interval_covers_the_truth_and_its_width_knows_of_overlap():
    rng = np.random.default_rng(5)
    ts = np.arange(1500)
    base = 1 + rng.random(1500)
    noise = np.convolve(rng.normal(0, 1, 1509), np.ones(10), "valid") / 10
    wide = compare(ts, base * 0.95 + 0.3 * noise, base, 10, 1)
    narrow = compare(ts, base * 0.95 + 0.3 * rng.permutation(noise), base, 10, 1)
    assert wide.low < 0.05 < wide.high
    assert wide.high - wide.low > 1.8 * (narrow.high - narrow.low)
    again = compare(ts, base * 0.95 + 0.3 * noise, base, 10, 1)
    assert again == wide
