"""Findings in one symbol's order books."""

from __future__ import annotations

import datetime as dt

import polars as pl

from pipelines.checks.finding import Finding, judge
from pipelines.checks.params import CheckParams
from pipelines.checks.times import time_flags

LISTS = ("bid_price", "bid_quantity", "ask_price", "ask_quantity")


def check_depth(frame: pl.DataFrame, params: CheckParams, now: dt.datetime) -> tuple[pl.DataFrame, list[Finding]]:
    """Books in the source's order, best level first: bids must fall, asks rise, and the best bid stay below the ask."""
    bid, ask = pl.col("bid_price").list, pl.col("ask_price").list
    finite = [pl.col(name).list.eval(pl.element().is_finite().fill_null(False)).list.all() for name in LISTS]
    flags = {
        **time_flags(["symbol", "venue"], now),
        "empty_side": pl.any_horizontal((pl.col(name).list.len() == 0).fill_null(True) for name in LISTS[::2]),
        "uneven": (bid.len() != pl.col("bid_quantity").list.len()) | (ask.len() != pl.col("ask_quantity").list.len()),
        "not_finite": ~pl.all_horizontal(one.fill_null(True) for one in finite),
        "not_positive": pl.any_horizontal(pl.col(name).list.min() <= 0 for name in LISTS),
        "crossed": bid.first().is_finite() & (bid.first() >= ask.first()),
        "levels_unsorted": (bid.diff().list.max() >= 0).fill_null(False)
        | (ask.diff().list.min() <= 0).fill_null(False),
    }
    return judge("depth", frame["symbol"][0] or "no symbol", frame, flags, params.depth)
