"""Slippage of market orders, calibrated on a measured book: fixed + coefficient * sigma * sqrt(quantity / volume)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import statsmodels.api as sm
from scipy.optimize import nnls

from inference.checks import number_in
from pipelines.arrays import Floats

LATER_SHARE = 1 / 3  # of the observations, the last: the fit is judged there by one that never saw them


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of the last third, by a fit on the rest. r_squared: against the mean of the first part, so a constant scores 0,
    and less than nothing is below; the others are fractions of price, errors are forecast less observed.
    """

    r_squared: float
    mean_error: float
    mean_error_error: float  # standard error of it, for dependent errors
    rms_error: float


@dataclass(frozen=True, slots=True)
class SlippageFit:
    """`fixed` goes to Costs.slippage, `coefficient` to Impact.coefficient (with the notional of the fit).

    error: standard errors of both, for residuals and inputs that depend on those before them (Newey and West 1987); NaN
    for one that lies on its bound, 0. r_squared: of all observations. later: sigma and volume of the interval itself,
    which says how well the law holds; ahead: those of the observation before, which is what is known when an order
    is sent, and what a replay takes.
    """

    fixed: float
    coefficient: float
    error: tuple[float, float]
    r_squared: float
    later: Forecast
    ahead: Forecast
    observations: int


def impact_of(price: Floats, sigma: Floats, volume: Floats, notional: float) -> Floats:
    """The law at coefficient 1: sigma * sqrt(quantity / volume), quantity = notional / price."""
    impact: Floats = sigma * np.sqrt(notional / price / volume)
    return impact


def fit_slippage(observed: Floats, price: Floats, sigma: Floats, volume: Floats, notional: float) -> SlippageFit:
    """Non-negative least squares over observations in order of time; all arrays of one length, fractions and units.

    observed: slippage of a market order of `notional` against the mid price. sigma and volume of one interval around
    it; their law does not depend on the interval's length. Raises ValueError below 30 complete observations.
    """
    number_in("slippage.notional", notional, 1e-9, 1e15, "the size that was measured")
    impact = impact_of(price, sigma, volume, notional)
    before = np.append(np.nan, impact_of(price[1:], sigma[:-1], volume[:-1], notional))
    known = np.isfinite(observed) & np.isfinite(impact)
    y, x, before = observed[known], np.column_stack([np.ones(int(known.sum())), impact[known]]), before[known]
    if len(y) < 30:
        raise ValueError(f"slippage: must have at least 30 complete observations, was {len(y)}; give a longer span")
    beta, residual = nnls(x, y)
    cut = len(y) - int(len(y) * LATER_SHARE)
    early, _ = nnls(x[:cut], y[:cut])
    there = np.isfinite(before[cut:])
    return SlippageFit(
        fixed=float(beta[0]),
        coefficient=float(beta[1]),
        error=_errors(y, x, beta > 0),
        r_squared=1.0 - float(residual**2 / ((y - y.mean()) ** 2).sum()),
        later=_forecast(x[cut:] @ early, y[cut:], y[:cut].mean()),
        ahead=_forecast(early[0] + early[1] * before[cut:][there], y[cut:][there], y[:cut].mean()),
        observations=len(y),
    )


def _errors(y: Floats, x: Floats, free: np.ndarray) -> tuple[float, float]:
    errors = np.full(2, np.nan)
    if free.any():
        errors[free] = _robust(y, x[:, free]).bse
    return float(errors[0]), float(errors[1])


def _robust(y: Floats, x: Floats) -> sm.regression.linear_model.RegressionResults:
    """Least squares with standard errors over 1.3 sqrt(n) lags (Lazarus, Lewis, Stock and Watson 2018, Journal of
    Business & Economic Statistics 36, 541): the shorter rules of thumb miss a day's pattern in hourly residuals.
    """
    lags = int(np.ceil(1.3 * len(y) ** 0.5))
    return sm.OLS(y, x).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True})


def _forecast(forecast: Floats, observed: Floats, constant: float) -> Forecast:
    error = forecast - observed
    return Forecast(
        r_squared=1.0 - float((error**2).sum() / ((observed - constant) ** 2).sum()),
        mean_error=float(error.mean()),
        mean_error_error=float(_robust(error, np.ones(len(error))).bse[0]),
        rms_error=float((error**2).mean() ** 0.5),
    )


def calibrate(book: pl.DataFrame, bars: pl.DataFrame, notional: float, every: str = "1h") -> SlippageFit:
    """Fits the mean of both sides of a measured book on bars of one symbol.

    book: ts (start of each interval, UTC), mid_price, ask_slippage, bid_slippage (fractions). bars: ts, close, volume,
    several in each interval; sigma is the root of the sum of their squared returns.
    """
    squares = (pl.col("close").log().diff() ** 2).alias("square")
    of_bars = (
        bars.sort("ts")
        .with_columns(squares)
        .group_by_dynamic("ts", every=every)
        .agg(pl.col("square").sum().sqrt().alias("sigma"), pl.col("volume").sum())
        .filter(pl.col("volume") > 0)
    )
    rows = book.join(of_bars, on="ts").sort("ts")
    observed = rows.select(pl.mean_horizontal("ask_slippage", "bid_slippage")).to_series()
    price, sigma, volume = (rows[name].to_numpy().astype(np.float64) for name in ("mid_price", "sigma", "volume"))
    return fit_slippage(observed.to_numpy().astype(np.float64), price, sigma, volume, notional)
