"""Findings in one symbol's trades."""

from __future__ import annotations

import datetime as dt

import polars as pl

from pipelines.checks.finding import Finding
from pipelines.checks.judging import Seen, judge
from pipelines.checks.params import CheckParams, TradeOutlierParams
from pipelines.checks.prices import MAD_TO_DEVIATION
from pipelines.checks.times import order_flags, stamp_flags


def check_trades(
    frame: pl.DataFrame, params: CheckParams, now: dt.datetime, context: tuple[int, int] = (0, 0)
) -> tuple[pl.DataFrame, list[Finding]]:
    """Trades in the source's order. Equal trades at one moment may be true: orders are filled in pieces.

    context: so many of the first and last trades are neighbours only, judged with the pieces before and after.
    """
    amounts = [pl.col(name) for name in ("price", "quantity")]
    alone = {
        "not_finite": pl.any_horizontal((~c.is_finite()).fill_null(True) for c in amounts),
        "not_positive": pl.any_horizontal((c <= 0).fill_null(False) for c in amounts),
        "unknown_side": ~pl.col("side").is_in([1, -1]).fill_null(False),
    }
    order = {
        **order_flags(["symbol", "venue"]),
        "duplicate": pl.struct("symbol", "venue", "ts", *amounts, "side").is_first_distinct().not_()
        & pl.col("ts").is_not_null(),
    }
    looks = [
        lambda _: Seen(stamp_flags(["symbol", "venue"], now)),
        lambda _: Seen(alone),
        lambda _: Seen(order),
        lambda _: Seen({"outlier": _outlier(params.trade_outlier)}),
    ]
    return judge("trades", frame["symbol"][0] or "no symbol", frame, looks, params.trades, context)


def _outlier(outlier: TradeOutlierParams) -> pl.Expr:
    """Further than the limit from the median price of the trades around it at its venue.

    Around: `around_trades` before and as many after, so that up to so many bad trades together are found, and a price
    that stays is none. The limit: `deviations` robust deviations of the trades around from their median, and at least
    `least` (logs).
    """
    price = pl.when(pl.col("price").is_finite() & (pl.col("price") > 0)).then(pl.col("price").log())
    window = 2 * outlier.around_trades + 1
    middle = price.rolling_median(window, min_samples=outlier.around_trades + 1, center=True)
    away = (price - middle).abs()
    usual = MAD_TO_DEVIATION * away.rolling_median(window, min_samples=outlier.around_trades + 1, center=True)
    return (away > pl.max_horizontal(outlier.least, outlier.deviations * usual)).over("venue")
