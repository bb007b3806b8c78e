"""Time stamps that cannot be right: absent, in the future, in the wrong unit, repeated, or going backwards."""

from __future__ import annotations

import datetime as dt

import polars as pl

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# Any time up to the year 2130, counted in one unit and read as the next finer one, falls into these days.
CONFUSED = dt.timedelta(days=59)


def stamp_flags(keys: list[str], now: dt.datetime) -> dict[str, pl.Expr]:
    """Findings of stamps by themselves; keys: columns that name a sequence in time (symbol, and venue or name).

    wrong_unit: stamps of the first 59 days of 1970 with nothing in as many days before or after, where a true history
    would have its neighbours: ms read as µs (or s as ms) fall there. µs read as ms lie in the future.
    """
    ts = pl.col("ts")
    near = ts.is_between(EPOCH, EPOCH + CONFUSED, closed="left")
    around = ts.is_between(EPOCH - CONFUSED, EPOCH + 2 * CONFUSED, closed="left") & ~near
    return {
        "missing_time": pl.any_horizontal(pl.col(name).is_null() for name in ("ts", *keys)),
        "future": ts > now,
        "wrong_unit": near & ~around.any(),
    }


def order_flags(keys: list[str]) -> dict[str, pl.Expr]:
    """Findings of stamps beside those of the rows before, in the sequence that the keys name."""
    ts = pl.col("ts")
    return {
        "duplicate": pl.struct(*keys, "ts").is_first_distinct().not_() & ts.is_not_null(),
        "unsorted": ts < ts.shift(1).cum_max().forward_fill().over(keys),
    }
