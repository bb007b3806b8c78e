"""Resamples of made entries, for the tests of what rests on them."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.measures.bootstrap import BootstrapParams, Resamples, resample

DAY_US = 86_400_000_000


def held(day: np.ndarray, days: int) -> pl.DataFrame:
    """Entries at these days, in order of time, each held over so many daily bars."""
    frame = pl.DataFrame({"entry_ts": day * DAY_US, "exit_ts": (day + days - 1) * DAY_US})
    return frame.with_columns(pl.all().cast(pl.Datetime("us")))


def one_a_day(n: int, replications: int, seed: int, days: int = 1) -> Resamples:
    params = BootstrapParams(3.0, max(100, replications), 0.95, seed)
    return resample(held(np.arange(n), days), params, np.random.default_rng(seed))
