"""What stands in Binance's dumps: columns of each kind, and how they become rows of our tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipelines.sources.rows import Block
from pipelines.sources.tables import SERIES, TRADES
from pipelines.sources.times import since_1970, utc

F, N, S = pl.Float64(), pl.Int64(), pl.String()
KLINES = {"open_time": N, "open": F, "high": F, "low": F, "close": F, "volume": F, "close_time": N, "quote_volume": F,
          "count": N, "taker_buy_volume": F, "taker_buy_quote_volume": F, "ignore": S}  # fmt: skip
AGG_TRADES = {"agg_trade_id": N, "price": F, "quantity": F, "first_trade_id": N, "last_trade_id": N, "transact_time": N,
              "is_buyer_maker": S, "is_best_match": S}  # fmt: skip
FUNDING = {"calc_time": N, "funding_interval_hours": F, "last_funding_rate": F}
BOOK_DEPTH = {"timestamp": S, "percentage": F, "depth": F, "notional": F}
# Column of the dump → name of the series.
METRICS = {
    "sum_open_interest": "open_interest",
    "sum_open_interest_value": "open_interest_value",
    "count_toptrader_long_short_ratio": "top_account_ratio",
    "sum_toptrader_long_short_ratio": "top_position_ratio",
    "count_long_short_ratio": "account_ratio",
    "sum_taker_long_short_vol_ratio": "taker_volume_ratio",
}
# The dump does not say whether create_time begins or ends the five minutes it describes: taken as their begin.
METRICS_DELAY = dt.timedelta(minutes=5)


class Dump(NamedTuple):
    """columns: in the file's order, of which the first `least` must be there; rows: a block of them → table, rows."""

    columns: Mapping[str, pl.DataType]
    least: int | None
    rows: Callable[[Block, str, str], tuple[str, pl.DataFrame]]


def klines(block: Block, symbol: str, venue: str) -> tuple[str, pl.DataFrame]:
    """Bars with trade count and taker-buy volume; volume is in the base asset."""
    prices = ("open", "high", "low", "close", "volume")
    return "bars", block.frame.select(
        pl.lit(symbol).alias("symbol"),
        since_1970(pl.col("open_time")).alias("ts"),
        *prices,
        pl.col("count").alias("trades"),
        "taker_buy_volume",
    )


def agg_trades(block: Block, symbol: str, venue: str) -> tuple[str, pl.DataFrame]:
    """Trades; the aggressor sells where the buyer was the maker."""
    maker = pl.col("is_buyer_maker").str.to_lowercase()
    odd = block.frame.select(~maker.is_in(["true", "false"]).fill_null(False)).to_series()
    if odd.any():
        row = odd.arg_max() or 0
        raise ValueError(
            f"{block.line(row)}: is_buyer_maker must be true or false, was {block.frame['is_buyer_maker'][row]!r}; "
            "mend the line or fetch it again"
        )
    return "trades", block.frame.select(
        pl.lit(symbol).alias("symbol"),
        pl.lit(venue).alias("venue"),
        since_1970(pl.col("transact_time")).alias("ts"),
        "price",
        "quantity",
        pl.when(maker == "true").then(-1).otherwise(1).cast(TRADES["side"]).alias("side"),
    )


def funding(block: Block, symbol: str, venue: str) -> tuple[str, pl.DataFrame]:
    """The funding rate of each settlement, known when it is paid."""
    known, rate = since_1970(pl.col("calc_time")), pl.col("last_funding_rate")
    return "series", _series(symbol, "funding", known, rate, block.frame)


def metrics(block: Block, symbol: str, venue: str) -> tuple[str, pl.DataFrame]:
    """Open interest and long/short ratios, a series each; a figure that the dump leaves empty gives no row."""
    known = utc(block.frame, "create_time", Path(block.place)) + METRICS_DELAY
    parts = [_series(symbol, name, known, pl.col(column), block.frame) for column, name in METRICS.items()]
    return "series", pl.concat(parts).filter(pl.col("value").is_not_null())


def book_depth(block: Block, symbol: str, venue: str) -> tuple[str, pl.DataFrame]:
    """Notional within so many percent of the price, a series per side and percentage: bid_notional_1pct."""
    percent = pl.col("percentage").abs().cast(S).str.strip_suffix(".0")
    side = pl.when(pl.col("percentage") < 0).then(pl.lit("bid")).otherwise(pl.lit("ask"))
    name = pl.format("{}_notional_{}pct", side, percent)
    return "series", _series(
        symbol, name, utc(block.frame, "timestamp", Path(block.place)), pl.col("notional"), block.frame
    )


def _series(symbol: str, name: str | pl.Expr, ts: pl.Expr, value: pl.Expr, frame: pl.DataFrame) -> pl.DataFrame:
    named = pl.lit(name) if isinstance(name, str) else name
    columns = (pl.lit(symbol).alias("symbol"), named.alias("name"), ts.alias("ts"), value.alias("value"))
    return frame.select(*columns).cast(pl.Schema(SERIES))


DUMPS = {
    "klines": Dump(KLINES, 11, klines),
    "aggTrades": Dump(AGG_TRADES, 7, agg_trades),
    "fundingRate": Dump(FUNDING, None, funding),
    "metrics": Dump({"create_time": S, "symbol": S, **dict.fromkeys(METRICS, F)}, None, metrics),
    "bookDepth": Dump(BOOK_DEPTH, None, book_depth),
}
