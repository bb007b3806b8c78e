"""Findings in one series: stamps, values, and whether it still moves while the bars go on."""

from __future__ import annotations

import datetime as dt

import polars as pl

from pipelines.checks.ahead import Relation
from pipelines.checks.finding import Finding
from pipelines.checks.judging import Seen, judge
from pipelines.checks.params import CheckParams, SeriesOutlierParams
from pipelines.checks.prices import outside_run
from pipelines.checks.times import order_flags, stamp_flags

Span = tuple[dt.datetime, dt.datetime]


def check_series(
    frame: pl.DataFrame,
    span: Span | None,
    params: CheckParams,
    now: dt.datetime,
    relation: Relation | None = None,
) -> tuple[pl.DataFrame, list[Finding]]:
    """One symbol's one series, in the source's order; span: first and last time of the bars that it stands beside.

    late: came more than stale_spacings of its usual spacings after the value before. ended: the last value, where the
    bars go on for longer than that. stuck: unchanged for longer than that many usual spacings of changes.
    outside_bars: no value of the series lies in the bars' time. outlier: `_outlier`. looks_ahead: its changes go with
    the move of prices that follows its stamps much more than with the one before, see `ahead`.
    """
    symbol, name = frame["symbol"][0], frame["name"][0]
    looks = [
        lambda _: Seen(stamp_flags(["symbol", "name"], now)),
        lambda _: Seen({"not_finite": (~pl.col("value").is_finite()).fill_null(True)}),
        lambda _: Seen(order_flags(["symbol", "name"])),
        lambda left: Seen({"outlier": _outlier(left, params.series_outlier)}),
        lambda _: Seen(_beside_bars(span, relation)),
        lambda _: Seen(_rests(span, params.stale_spacings)),
    ]
    return judge("series", f"{symbol or 'no symbol'} · {name or 'no name'}", frame, looks, params.series)


def _beside_bars(span: Span | None, relation: Relation | None) -> dict[str, pl.Expr]:
    ts = pl.col("ts")
    if span is None:
        return {}
    ahead = relation is not None and relation.looks_ahead
    return {"outside_bars": ~ts.is_between(*span).any() & ts.is_not_null(), "looks_ahead": ts.is_not_null() & ahead}


def _rests(span: Span | None, stale_spacings: float) -> dict[str, pl.Expr]:
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
        "late": good & (step > stale_spacings * spacing),
        "stuck": good & ~changed & ((ts - began).dt.total_microseconds() > stale_spacings * usual),
    }
    if span is not None:
        left = (pl.lit(span[1]) - ts).dt.total_microseconds()
        flags["ended"] = good & (ts == ts.filter(good).max()) & (left > stale_spacings * spacing)
    return flags


def _outlier(left: pl.DataFrame, outlier: SeriesOutlierParams) -> pl.Series:
    """Up to `lasts_values` values away from those on both sides, which come back.

    By more than `times` the change that 5 % of the `window_values` changes before exceed, so that a series which jumps
    by nature may jump. Rests do not count: what seldom moves is measured by its moves. Values that are missing or not
    finite are passed over.
    """
    known = left.select("_at", "value").filter(pl.col("value").is_finite()).with_row_index("at")
    change, window = pl.col("value").diff().abs(), outlier.window_values
    moves = known.select("at", change.alias("large")).filter(pl.col("large") > 0)
    large = moves.with_columns(pl.col("large").rolling_quantile(0.95, "lower", window, min_samples=window // 2))
    limit = outlier.times * pl.col("large").shift(1)
    shown = (
        known.join_asof(large, on="at", strategy="backward")
        .with_columns(limit.alias("limit"))
        .filter(outside_run(pl.col("value"), pl.col("limit"), outlier.lasts_values))
    )
    return left["_at"].is_in(shown["_at"].implode())
