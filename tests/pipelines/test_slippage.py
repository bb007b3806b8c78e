"""Calibration of slippage: known coefficients come back, and a real book is explained where it was not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from inference.replay import Bars, Conditions, Costs, Entries, replay_levels
from inference.venue import Impact
from pipelines.slippage import calibrate, fit_slippage, impact_of

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
    assert fit.later_r_squared == pytest.approx(explained, abs=0.03)
    twice = fit_slippage(observed, price, sigma, volume, 2e5)  # four times the size explains the same with half
    assert twice.coefficient == pytest.approx(fit.coefficient / 2)


def test_slippage_is_never_negative_and_needs_observations() -> None:
    price, sigma, volume, rng = market(100, 2)
    falling = 1e-3 - 0.1 * impact_of(price, sigma, volume, 5e4) + rng.normal(0, 1e-6, 100)
    fit = fit_slippage(falling, price, sigma, volume, 5e4)
    assert (fit.coefficient, fit.fixed) == (0.0, pytest.approx(falling.mean()))
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
    assert fit.coefficient > 10 * fit.error[1]
    assert fit.r_squared > 0.4
    assert fit.later_r_squared > 0.2
    print(f"\n{fit}")
