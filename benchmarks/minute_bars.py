"""One-minute bars for the benchmarks: real ones where they are at hand, else a walk of the same shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from inference.replay import Bars

MINUTE = 60_000_000
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
