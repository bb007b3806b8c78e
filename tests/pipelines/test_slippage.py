"""Calibration of slippage: known coefficients come back, and a real book is explained where it was not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.signal import lfilter

from inference.replay import Bars, Conditions, Costs, Entries, replay_levels
from inference.venue import Impact
from pipelines.trades.slippage import calibrate, fit_slippage, impact_of

DATA = Path(__file__).parents[3] / "shared" / "data"
BOOK, BTC = DATA / "depth" / "btc_book_slippage_1h.csv", DATA / "spot_1m" / "BTCUSDT.parquet"


def market(n: int, seed: int):
    rng = np.random.default_rng(seed)
    return rng.uniform(90, 110, n), rng.lognormal(-5, 0.5, n), rng.lognormal(8, 0.7, n), rng


def test_known_coefficients_come_back() -> None:
    price, sigma, volume, rng = market(4000, 1)
    noise = rng.normal(0, 2e-5, 4000)
    observed = 3e-4 + 0.8 * sigma * np.sqrt(5e4 / price / volume) + noise
    fit = fit_slippage(observed, price, sigma, volume, 5e4)
    assert fit.fixed == pytest.approx(3e-4, abs=4 * fit.error[0])
    assert fit.coefficient == pytest.approx(0.8, abs=4 * fit.error[1])
    assert fit.error[1] < 0.01
    explained = 1 - noise.var() / observed.var()
    assert fit.r_squared == pytest.approx(explained, abs=0.01)
    assert fit.later.r_squared == pytest.approx(explained, abs=0.03)
    assert fit.later.rms_error == pytest.approx(2e-5, rel=0.05)
    assert abs(fit.later.mean_error) < 4 * fit.later.mean_error_error < 1e-5
    assert fit.ahead.r_squared < 0  # nothing is known ahead of what is drawn anew each time
    twice = fit_slippage(observed, price, sigma, volume, 2e5)  # four times the size explains the same with half
    assert twice.coefficient == pytest.approx(fit.coefficient / 2)


def persistent(rng: np.random.Generator, n: int, memory: float) -> np.ndarray:
    """A stationary series with a variance of 1."""
    return lfilter([np.sqrt(1 - memory**2)], [1, -memory], rng.normal(size=n + 200))[200:]


def test_standard_errors_hold_where_residuals_and_inputs_persist() -> None:
    """Both with a correlation of 0.8 from one to the next: errors for independent residuals are less than half of it,
    and hold the truth in about 60 % of the cases.
    """
    inside, small, n, runs = 0, 0, 600, 150
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        sigma, price, volume = np.exp(-5 + 0.3 * persistent(rng, n, 0.8)), np.full(n, 100.0), np.full(n, 1e4)
        impact = impact_of(price, sigma, volume, 5e4)
        fit = fit_slippage(1e-3 + 0.8 * impact + 2e-4 * persistent(rng, n, 0.8), price, sigma, volume, 5e4)
        off = abs(fit.coefficient - 0.8)
        inside += off < 1.96 * fit.error[1]
        small += off < 1.96 * 2e-4 / (np.std(impact) * np.sqrt(n))
    assert 0.85 < inside / runs < 0.99
    assert small / runs < 0.75


def test_standard_errors_are_those_of_newey_and_west() -> None:
    """Their sum of weighted autocovariances of x times residual, as a loop."""
    price, sigma, volume, rng = market(300, 4)
    impact = impact_of(price, sigma, volume, 5e4)
    observed = 3e-4 + 0.8 * impact + 1e-4 * persistent(rng, 300, 0.7)
    fit = fit_slippage(observed, price, sigma, volume, 5e4)
    x = np.column_stack([np.ones(300), impact])
    scores = x * (observed - fit.fixed - fit.coefficient * impact)[:, None]
    lags = 23  # 1.3 sqrt(300) = 22.5
    middle = scores.T @ scores
    for lag in range(1, lags + 1):
        product = scores[lag:].T @ scores[:-lag]
        middle += (1 - lag / (lags + 1)) * (product + product.T)
    bread = np.linalg.inv(x.T @ x)
    wanted = np.sqrt(np.diag(bread @ middle @ bread) * 300 / 298)
    assert fit.error == pytest.approx(tuple(wanted), rel=1e-6)


def test_a_forecast_ahead_takes_the_interval_before() -> None:
    """A line by NumPy through the first two thirds, read where the last third's intervals before lie."""
    rng, n, cut = np.random.default_rng(3), 900, 600
    sigma, price, volume = np.exp(-5 + 0.5 * persistent(rng, n, 0.9)), rng.uniform(90, 110, n), rng.uniform(1e3, 2e3, n)
    impact = sigma * np.sqrt(5e4 / price / volume)
    observed = 3e-4 + 0.8 * impact + rng.normal(0, 2e-5, n)
    fit = fit_slippage(observed, price, sigma, volume, 5e4)
    slope, base = np.polyfit(impact[:cut], observed[:cut], 1)
    before = sigma[cut - 1 : -1] * np.sqrt(5e4 / price[cut:] / volume[cut - 1 : -1])
    error = base + slope * before - observed[cut:]
    spread = observed[cut:] - observed[:cut].mean()
    assert fit.ahead.r_squared == pytest.approx(1 - (error**2).sum() / (spread**2).sum())
    assert fit.ahead.mean_error == pytest.approx(error.mean())
    assert fit.ahead.rms_error == pytest.approx(np.sqrt((error**2).mean()))
    assert 0.2 < fit.ahead.r_squared < fit.later.r_squared - 0.1


def test_slippage_is_never_negative_and_needs_observations() -> None:
    price, sigma, volume, rng = market(100, 2)
    falling = 1e-3 - 0.1 * impact_of(price, sigma, volume, 5e4) + rng.normal(0, 1e-6, 100)
    fit = fit_slippage(falling, price, sigma, volume, 5e4)
    assert (fit.coefficient, fit.fixed) == (0.0, pytest.approx(falling.mean()))
    assert np.isnan(fit.error[1])
    assert fit.error[0] == pytest.approx(falling.std() / 10, rel=0.5)
    observed = np.where(np.arange(100) < 29, falling, np.nan)
    with pytest.raises(ValueError, match="at least 30 complete observations, was 29"):
        fit_slippage(observed, price, sigma, volume, 5e4)


def test_the_replay_charges_what_the_fit_says() -> None:
    """The law of the regression is the law of the fills."""
    p = np.full(4, 100.0)
    bars = Bars("X", np.arange(4, dtype=np.int64), p, p, p, p, np.ones(4))
    sigma, volume = np.array([0.01, 0.02, 0.03, 0.04]), np.array([1e3, 2e3, 3e3, 4e3])
    conditions = Conditions(impact=Impact(0.8, 5e4, sigma, volume))
    entries = Entries(np.array([0]), np.array([1], np.int8))
    (trade,) = replay_levels(bars, entries, 5.0, np.nan, np.nan, 2, Costs(slippage=3e-4), conditions=conditions)
    slip = 3e-4 + 0.8 * impact_of(p, sigma, volume, 5e4)
    assert trade["entry_price"] == pytest.approx(100 * (1 + slip[1]), rel=1e-14)
    assert trade["exit_price"] == pytest.approx(100 * (1 - slip[2]), rel=1e-14)


@pytest.mark.data(str(BOOK))
@pytest.mark.skipif(not BOOK.exists(), reason=f"needs {BOOK}, a measured book that is not part of the project")
def test_a_real_book_is_explained_where_it_was_not_seen() -> None:
    """Hourly slippage of the Binance book over four weeks, on one-minute bars of the same hours.

    The source does not tell the size that was measured; the fit's coefficient goes with the size that is assumed.
    """
    book = pl.read_csv(BOOK).with_columns(
        ts=(pl.col("epoch") * 1_000_000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    )
    span = pl.col("ts").is_between(book["ts"].min() - pl.duration(hours=1), book["ts"].max() + pl.duration(hours=1))
    bars = pl.scan_parquet(BTC).filter(span).select("ts", "close", "volume").collect()
    fit = calibrate(book, bars, 1e5)
    assert fit.observations == 689
    assert 5e-5 < fit.fixed < 1e-4
    assert fit.coefficient > 5 * fit.error[1]
    assert fit.r_squared > 0.4
    assert fit.later.r_squared > 0.2
    assert fit.ahead.r_squared < 0.1  # the hour before tells next to nothing of this one
    assert fit.error[1] > 0.04  # 0.018 for independent residuals, and these have a correlation of 0.58
    assert abs(fit.later.mean_error) < 2e-5
    print(f"\n{fit}")
