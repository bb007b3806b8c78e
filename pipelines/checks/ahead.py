"""Series that know what prices do next: values stamped before they were published."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.checks.calendars import interval_of
from pipelines.checks.params import ClockParams

LEAST_VALUES = 50


@dataclass(frozen=True, slots=True)
class Relation:
    """Correlation of a series' changes with the log move of a close over the spacing after, and before, its stamps."""

    after: float
    before: float
    looks_ahead: bool


def relation_of(series: pl.DataFrame, closes: pl.DataFrame, clock: ClockParams) -> Relation | None:
    """How a series stands to one symbol's prices; None for less than LEAST_VALUES changes beside them.

    series: ts (when a value may be used), value. closes: ts (when a bar has closed), log. A value that is made from
    prices (volatility, sentiment, a ratio of volumes) goes with the move before it was known. Where it goes with the
    move behind its stamp, by `correlation` at least and twice as much as with the one before, it was not known then:
    its delay of publication is too short. What truly foretells prices does so by a few hundredths.
    """
    marks = series.filter(pl.col("value").is_finite() & pl.col("ts").is_not_null()).unique("ts", keep="last").sort("ts")
    inside = pl.col("ts").is_between(closes["ts"].min(), closes["ts"].max())
    beside = marks.join_asof(closes, on="ts", strategy="backward").select(
        pl.col("value").diff().alias("change"),
        pl.when(inside).then("log").diff().alias("before"),
        pl.when(inside).then("log").diff().shift(-1).alias("after"),
    )
    known = beside.drop_nulls().filter((pl.col("change") != 0) & pl.all_horizontal(pl.all().is_finite()))
    if known.height < LEAST_VALUES or any(known[name].n_unique() < 2 for name in known.columns):
        return None
    after, before = (abs(float(np.corrcoef(known["change"], known[name])[0, 1])) for name in ("after", "before"))
    return Relation(after, before, after >= clock.correlation and after > 2 * before)


def closes_of(bars: pl.DataFrame) -> pl.DataFrame | None:
    """ts (when a bar has closed) and log of its close, ascending; None for less than two bars."""
    interval = interval_of(bars["ts"])
    if interval is None:
        return None
    good = pl.col("ts").is_not_null() & pl.col("close").is_finite() & (pl.col("close") > 0)
    closed = (pl.col("ts") + pl.duration(microseconds=interval)).alias("ts")
    return bars.lazy().filter(good).select(closed, pl.col("close").log().alias("log")).sort("ts").collect()
