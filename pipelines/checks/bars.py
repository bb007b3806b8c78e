"""Findings in one symbol's bars."""

from __future__ import annotations

import datetime as dt

import polars as pl

from pipelines.checks.calendars import Verdict, judge_times
from pipelines.checks.clocks import clock_change, shifted, skewed
from pipelines.checks.finding import Finding
from pipelines.checks.judging import Seen, judge
from pipelines.checks.lags import lag_of
from pipelines.checks.params import CheckParams
from pipelines.checks.prices import price_flags
from pipelines.checks.times import order_flags, stamp_flags

PRICES = ("open", "high", "low", "close")


def check_bars(frame: pl.DataFrame, params: CheckParams, now: dt.datetime) -> tuple[pl.DataFrame, list[Finding]]:
    """One symbol's bars in the source's order: the rows that stay, and the findings.

    Stamps are judged first, then each bar by itself, then their order, their clock, prices beside their neighbours',
    and at last what is absent: so that a look sees none of the bars that those before it have dropped.
    """
    symbol = frame["symbol"][0] or "no symbol"
    calendar = params.calendar.of(symbol)
    stamps = stamp_flags(["symbol"], now)

    def times(left: pl.DataFrame) -> pl.Series:
        # A stamp in another unit would stretch the calendar over decades.
        sound = ~(stamps["wrong_unit"] | stamps["future"]).fill_null(False)
        return left.select(pl.when(sound).then("ts").alias("ts")).to_series()

    verdicts: dict[int, Verdict] = {}

    def verdict_of(left: pl.DataFrame) -> Verdict:
        # Behind their order rows only leave: as many are the same.
        if left.height not in verdicts:
            verdicts[left.height] = judge_times(times(left), calendar, params.gap_intervals)
        return verdicts[left.height]

    def clock(left: pl.DataFrame) -> Seen:
        ts, flags = times(left), verdict_of(left).flags
        own: dict[str, pl.Expr | pl.Series] = {name: flag for name, flag in flags.items() if name != "gap"}
        return Seen({**own, "skewed": skewed(ts), "shifted": shifted(ts, calendar, params.clock.share)})

    def absent(left: pl.DataFrame) -> Seen:
        verdict = verdict_of(left)
        stale = (pl.col("open") == pl.col("close").shift(1)) & pl.lit(verdict.fresh)
        gap = {name: flag for name, flag in verdict.flags.items() if name == "gap"}
        return Seen({**gap, "stale_open": stale}, verdict.absent)

    looks = [
        lambda left: Seen({**stamps, "clock_change": clock_change(times(left))}),
        lambda _: Seen(_alone()),
        lambda _: Seen(order_flags(["symbol"])),
        clock,
        lambda left: Seen(price_flags(left, params)),
        absent,
    ]
    return judge("bars", symbol, frame, looks, params.bars)


def check_lag(
    kept: pl.DataFrame, closes: pl.DataFrame, other: tuple[str, pl.DataFrame], params: CheckParams
) -> list[Finding]:
    """lagged: all bars that stay, where they move as another symbol's, but at another time; see `lags`.

    closes: of these bars; other: a symbol's name and closes.
    """
    symbol = kept["symbol"][0] or "no symbol"
    name, theirs = other
    lag = None if symbol == name else lag_of(closes, theirs, params.clock)
    if lag is None or not lag.shifted:
        return []
    told = kept.with_columns(pl.lit(name).alias("beside"), pl.lit(lag.minutes).alias("minutes_late"))
    return judge("bars", symbol, told, [lambda _: Seen({"lagged": pl.col("ts").is_not_null()})], params.bars)[1]


def _alone() -> dict[str, pl.Expr]:
    """Findings that a bar shows by itself. NaN counts as larger than any number; it is a finding of its own."""
    price = [pl.col(name) for name in PRICES]
    finite = {name: pl.col(name).is_finite() for name in PRICES}
    ordered = pl.when(finite["high"] & finite["low"]).then(pl.col("high") >= pl.col("low"))
    return {
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
    }
