"""Slippage of market orders, calibrated on a measured book: fixed + coefficient * sigma * sqrt(quantity / volume)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.optimize import nnls

from inference.checks import number_in
from pipelines.bootstrap import Floats

LATER_SHARE = 1 / 3  # of the observations, the last: the fit is judged there by one that never saw them


@dataclass(frozen=True, slots=True)
class SlippageFit:
    """`fixed` goes to Costs.slippage, `coefficient` to Impact.coefficient (with the notional of the fit).

    r_squared: of all observations; later_*: on the last third, fitted on the rest; later_r_squared is against the mean
    of the first part, so a constant scores 0. error: standard errors of both, under independent residuals.
    """

    fixed: float
    coefficient: float
    error: tuple[float, float]
    r_squared: float
    later_r_squared: float
    later_mean_error: float  # fraction of price, forecast less observed
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
    known = np.isfinite(observed) & np.isfinite(impact)
    y, x = observed[known], np.column_stack([np.ones(int(known.sum())), impact[known]])
    if len(y) < 30:
        raise ValueError(f"slippage: must have at least 30 complete observations, was {len(y)}; give a longer span")
    beta, residual = nnls(x, y)
    cut = len(y) - int(len(y) * LATER_SHARE)
    early, _ = nnls(x[:cut], y[:cut])
    forecast, later = x[cut:] @ early, y[cut:]
    variance = residual**2 / (len(y) - 2) * np.linalg.inv(x.T @ x)
    return SlippageFit(
        fixed=float(beta[0]),
        coefficient=float(beta[1]),
        error=(float(variance[0, 0] ** 0.5), float(variance[1, 1] ** 0.5)),
        r_squared=1.0 - float(residual**2 / ((y - y.mean()) ** 2).sum()),
        later_r_squared=1.0 - float(((later - forecast) ** 2).sum() / ((later - y[:cut].mean()) ** 2).sum()),
        later_mean_error=float((forecast - later).mean()),
        observations=len(y),
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
