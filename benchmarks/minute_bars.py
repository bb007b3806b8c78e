"""One-minute bars for the benchmarks: real ones where they are at hand, else a walk of the same shape; and entries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from inference.replay import Bars, Entries

MINUTE = 60_000_000
LOOKBACK = 20
REAL = Path(__file__).parents[1] / "../shared/data/spot_1m"


def real_or_made(symbol: str = "BTCUSDT", n: int = 1_000_000) -> tuple[Bars, str]:
    """n bars, and what they are."""
    path = REAL / f"{symbol}.parquet"
    if not path.exists():
        return made(n), "a seeded walk"
    frame = pl.read_parquet(path, n_rows=n)
    columns = (frame[c].cast(pl.Float64).to_numpy() for c in ("open", "high", "low", "close", "volume"))
    return Bars(symbol, frame["ts"].dt.epoch("us").to_numpy(), *columns), f"real {symbol} minutes"


def made(n: int) -> Bars:
    """A seeded walk (the speed of most kernels does not depend on what prices mean)."""
    rng = np.random.default_rng(0)
    close = 30_000 * np.exp(np.cumsum(rng.normal(0, 5e-4, n)))
    opening = np.roll(close, 1)
    opening[0] = close[0]
    high = np.maximum(opening, close) * (1 + rng.exponential(2e-4, n))
    low = np.minimum(opening, close) * (1 - rng.exponential(2e-4, n))
    return Bars("X", np.arange(n, dtype=np.int64) * MINUTE, opening, high, low, close, rng.exponential(10, n))


def breakouts(bars: Bars) -> Entries:
    """Closes beyond the high or low of the LOOKBACK bars before."""
    high = np.lib.stride_tricks.sliding_window_view(bars.high, LOOKBACK).max(1)[:-1]
    low = np.lib.stride_tricks.sliding_window_view(bars.low, LOOKBACK).min(1)[:-1]
    close = bars.close[LOOKBACK:]
    side = np.where(close > high, 1, np.where(close < low, -1, 0))
    index = np.flatnonzero(side[:-1]) + LOOKBACK
    return Entries(index, side[index - LOOKBACK].astype(np.int8))
