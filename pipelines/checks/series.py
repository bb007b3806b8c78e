"""Findings in one series: stamps, values, and whether it still moves while the bars go on."""

from __future__ import annotations

import datetime as dt

import polars as pl

from pipelines.checks.finding import Finding, judge
from pipelines.checks.params import CheckParams
from pipelines.checks.times import time_flags

Span = tuple[dt.datetime, dt.datetime]


def check_series(
    frame: pl.DataFrame, span: Span | None, params: CheckParams, now: dt.datetime
) -> tuple[pl.DataFrame, list[Finding]]:
    """One symbol's one series, in the source's order; span: first and last time of the bars that it stands beside.

    late: came more than stale_spacings of its usual spacings after the value before. ended: the last value, where the
    bars go on for longer than that. stuck: unchanged for longer than that many usual spacings of changes.
    outside_bars: no value of the series lies in the bars' time.
    """
    symbol, name = frame["symbol"][0], frame["name"][0]
    ts = pl.col("ts")
    good = pl.col("value").is_finite() & ts.is_not_null()
    before = pl.when(good).then(ts).shift(1).forward_fill()
    step = (ts - before).dt.total_microseconds()
    spacing = step.filter(good & (step > 0)).median()
    # Of a run of equal values: when it began, and how long runs usually last.
    value = pl.when(good).then(pl.col("value")).forward_fill()
    changed = good & (value != value.shift(1)).fill_null(True)
    began = pl.when(changed).then(ts).forward_fill()
    lasted = began.filter(changed).diff().dt.total_microseconds()
    usual = lasted.filter(lasted > 0).median()
    flags = {
        **time_flags(["symbol", "name"], now),
        "not_finite": (~pl.col("value").is_finite()).fill_null(True),
        "late": good & (step > params.stale_spacings * spacing),
        "stuck": good & ~changed & ((ts - began).dt.total_microseconds() > params.stale_spacings * usual),
    }
    if span is not None:
        first, last = span
        is_last = good & (ts == ts.filter(good).max())
        left = (pl.lit(last) - ts).dt.total_microseconds()
        flags["ended"] = is_last & (left > params.stale_spacings * spacing)
        flags["outside_bars"] = ~ts.is_between(first, last).any() & ts.is_not_null()
    return judge("series", f"{symbol or 'no symbol'} · {name or 'no name'}", frame, flags, params.series)
