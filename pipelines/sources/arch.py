"""Daily bars of S&P 500 and NASDAQ Composite (1999–2018) and the VIX (2014–2018), shipped with arch: no network."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import polars as pl
from arch.data import nasdaq, sp500, vix

from pipelines.sources.tables import BARS, SERIES, TIMESTAMP, Part, fingerprint

SYMBOLS: dict[str, Any] = {"SPX": sp500, "NASDAQ": nasdaq}


@dataclass(frozen=True, slots=True)
class ArchParams:
    """publication_delay_days: after which the VIX of a day may be used, from 00:00 of that day."""

    publication_delay_days: float

    def __post_init__(self) -> None:
        if not 0 <= self.publication_delay_days <= 31:
            raise ValueError(
                f"ingest.arch.publication_delay_days: must lie in [0, 31], was {self.publication_delay_days!r}; "
                "typical: 1, known at the close of the day it describes"
            )


def read_arch(params: ArchParams, symbols: tuple[str, ...]) -> Iterator[Part]:
    """A part per index, one for the VIX.

    Raw open, high, low, close and volume (the adjusted close equals the close: indices pay no dividends here). The bar
    of day D is stamped D 00:00 UTC and closes D + 1 day. The VIX of day D, for all symbols, may be used from
    D + publication_delay_days on. Days on which the VIX was not computed arrive as NaN, for the check to judge.
    """
    shipped = version("arch")
    for symbol in SYMBOLS:
        yield Part(f"arch-{symbol}", fingerprint(shipped), symbol, partial(_bars, symbol))
    yield Part("arch-vix", fingerprint((shipped, params)), "*", partial(_vix, params.publication_delay_days))


def _bars(symbol: str) -> Iterator[dict[str, pl.DataFrame]]:
    frame = SYMBOLS[symbol].load()
    columns = {name: frame[name.capitalize()].to_numpy().astype(np.float64) for name in list(BARS)[2:]}
    day = pl.Series("ts", frame.index.to_numpy().astype("datetime64[us]")).dt.replace_time_zone("UTC").cast(TIMESTAMP)
    bars = pl.DataFrame({"ts": day, **columns}).select(pl.lit(symbol).alias("symbol"), "ts", *columns)
    yield {"bars": bars}


def _vix(delay_days: float) -> Iterator[dict[str, pl.DataFrame]]:
    frame = vix.load()
    series = pl.DataFrame(
        {"ts": frame.index.to_numpy().astype("datetime64[us]"), "value": frame["vix"].to_numpy().astype(np.float64)}
    ).select(
        symbol=pl.lit("*"),
        name=pl.lit("vix"),
        ts=pl.col("ts").dt.replace_time_zone("UTC") + dt.timedelta(days=delay_days),
        value=pl.col("value"),
    )
    yield {"series": series.select(pl.col(name).cast(kind) for name, kind in SERIES.items())}
