"""Findings in one symbol's bars."""

from __future__ import annotations

import datetime as dt

import polars as pl

from pipelines.checks.calendars import judge_times
from pipelines.checks.finding import Finding, judge
from pipelines.checks.params import CheckParams
from pipelines.checks.prices import price_flags
from pipelines.checks.times import time_flags


def check_bars(frame: pl.DataFrame, params: CheckParams, now: dt.datetime) -> tuple[pl.DataFrame, list[Finding]]:
    """One symbol's bars in the source's order: the rows that stay, and the findings."""
    symbol = frame["symbol"][0] or "no symbol"
    price = [pl.col(name) for name in ("open", "high", "low", "close")]
    stamps = time_flags(["symbol"], now)
    # A stamp in another unit would stretch the calendar over decades.
    sound = ~frame.select(stamps["wrong_unit"] | stamps["future"]).to_series().fill_null(False)
    times = judge_times(
        frame.select(pl.when(sound).then("ts").alias("ts")), params.calendar.of(symbol), params.gap_intervals
    )
    # NaN counts as larger than any number; it is a finding of its own.
    finite = {name: pl.col(name).is_finite() for name in ("open", "high", "low", "close")}
    ordered = pl.when(finite["high"] & finite["low"]).then(pl.col("high") >= pl.col("low"))
    flags: dict[str, pl.Expr | pl.Series] = {
        **stamps,
        "not_finite": pl.any_horizontal((~c.is_finite()).fill_null(True) for c in [*price, pl.col("volume")]),
        "not_positive": pl.any_horizontal((c <= 0).fill_null(False) for c in price),
        "negative_volume": pl.col("volume") < 0,
        "high_below_low": ~ordered,
        "outside_range": ordered
        & pl.any_horizontal(
            finite[name] & ((pl.col(name) > pl.col("high")) | (pl.col(name) < pl.col("low")))
            for name in ("open", "close")
        ),
        "zero_volume": pl.col("volume") == 0,
        "stale_open": (pl.col("open") == pl.col("close").shift(1)) & pl.lit(times.fresh),
        **times.flags,
        **price_flags(frame, params),
    }
    return judge("bars", symbol, frame, flags, params.bars, times.absent)
