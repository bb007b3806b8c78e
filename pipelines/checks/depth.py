"""Findings in one symbol's order books."""

from __future__ import annotations

import datetime as dt

import polars as pl

from pipelines.checks.finding import Finding
from pipelines.checks.judging import Seen, judge
from pipelines.checks.params import CheckParams
from pipelines.checks.times import order_flags, stamp_flags

LISTS = ("bid_price", "bid_quantity", "ask_price", "ask_quantity")


def check_depth(
    frame: pl.DataFrame, params: CheckParams, now: dt.datetime, context: tuple[int, int] = (0, 0)
) -> tuple[pl.DataFrame, list[Finding]]:
    """Books in the source's order, best level first: bids must fall, asks rise, and the best bid stay below the ask.

    clock_skew: where the source knows how long a book was under way (delay_ms, by the receiver's clock less by the
    exchange's), it came before it was sent, or longer after than `clock.delay_ms`.
    context: so many of the first and last books are neighbours only, judged with the pieces before and after.
    """
    bid, ask = pl.col("bid_price").list, pl.col("ask_price").list
    finite = [pl.col(name).list.eval(pl.element().is_finite().fill_null(False)).list.all() for name in LISTS]
    alone = {
        "empty_side": pl.any_horizontal((pl.col(name).list.len() == 0).fill_null(True) for name in LISTS[::2]),
        "uneven": (bid.len() != pl.col("bid_quantity").list.len()) | (ask.len() != pl.col("ask_quantity").list.len()),
        "not_finite": ~pl.all_horizontal(one.fill_null(True) for one in finite),
        "not_positive": pl.any_horizontal(pl.col(name).list.min() <= 0 for name in LISTS),
        "crossed": bid.first().is_finite() & (bid.first() >= ask.first()),
        "levels_unsorted": (bid.diff().list.max() >= 0).fill_null(False)
        | (ask.diff().list.min() <= 0).fill_null(False),
    }
    if "delay_ms" in frame.columns:
        alone["clock_skew"] = ~pl.col("delay_ms").is_between(0, params.clock.delay_ms)
    looks = [
        lambda _: Seen(stamp_flags(["symbol", "venue"], now)),
        lambda _: Seen(alone),
        lambda _: Seen(order_flags(["symbol", "venue"])),
    ]
    return judge("depth", frame["symbol"][0] or "no symbol", frame, looks, params.depth, context)
