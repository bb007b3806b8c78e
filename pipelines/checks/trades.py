"""Findings in one symbol's trades."""

from __future__ import annotations

import datetime as dt

import polars as pl

from pipelines.checks.finding import Finding, judge
from pipelines.checks.params import CheckParams
from pipelines.checks.times import time_flags


def check_trades(frame: pl.DataFrame, params: CheckParams, now: dt.datetime) -> tuple[pl.DataFrame, list[Finding]]:
    """Trades in the source's order. Equal trades at one moment may be true: orders are filled in pieces."""
    amounts = [pl.col(name) for name in ("price", "quantity")]
    flags = {
        **time_flags(["symbol", "venue"], now),
        "not_finite": pl.any_horizontal((~c.is_finite()).fill_null(True) for c in amounts),
        "not_positive": pl.any_horizontal((c <= 0).fill_null(False) for c in amounts),
        "unknown_side": ~pl.col("side").is_in([1, -1]).fill_null(False),
        "duplicate": pl.struct(pl.all()).is_first_distinct().not_() & pl.col("ts").is_not_null(),
    }
    return judge("trades", frame["symbol"][0] or "no symbol", frame, flags, params.trades)
