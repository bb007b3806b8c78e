"""Daily bars of S&P 500 and NASDAQ Composite (1999–2018) and the VIX (2014–2018), shipped with arch: no network."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
from arch.data import nasdaq, sp500, vix

from pipelines.sources.params import IngestParams
from pipelines.sources.tables import BARS, SERIES, TIMESTAMP, Tables

SYMBOLS: dict[str, Any] = {"SPX": sp500, "NASDAQ": nasdaq}


def read_arch(params: IngestParams) -> Tables:
    """Raw open, high, low, close and volume (the adjusted close equals the close: indices pay no dividends here).

    The bar of day D is stamped D 00:00 UTC and closes D + 1 day. The VIX of day D, for all symbols, may be used from
    D + publication_delay_days on. Days on which the VIX was not computed arrive as NaN, for the check to judge.
    """
    wanted = params.symbols or tuple(SYMBOLS)
    for symbol in wanted:
        if symbol not in SYMBOLS:
            known = ", ".join(SYMBOLS)
            raise ValueError(f"ingest.symbols: must be of the source arch ({known}), was {symbol!r}; choose among them")
    bars = pl.concat([_bars(symbol) for symbol in wanted])
    frame = vix.load()
    series = pl.DataFrame(
        {"ts": frame.index.to_numpy().astype("datetime64[us]"), "value": frame["vix"].to_numpy().astype(np.float64)}
    ).select(
        symbol=pl.lit("*"),
        name=pl.lit("vix"),
        ts=pl.col("ts").dt.replace_time_zone("UTC") + dt.timedelta(days=params.publication_delay_days),
        value=pl.col("value"),
    )
    return Tables(bars, series.select(pl.col(name).cast(kind) for name, kind in SERIES.items()))


def _bars(symbol: str) -> pl.DataFrame:
    frame = SYMBOLS[symbol].load()
    columns = {name: frame[name.capitalize()].to_numpy().astype(np.float64) for name in list(BARS)[2:]}
    day = pl.Series("ts", frame.index.to_numpy().astype("datetime64[us]")).dt.replace_time_zone("UTC").cast(TIMESTAMP)
    return pl.DataFrame({"ts": day, **columns}).select(pl.lit(symbol).alias("symbol"), "ts", *columns)
