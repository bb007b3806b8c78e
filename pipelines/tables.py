"""From the tables of data/ to the arrays that the engine takes."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from inference.bars import Bars
from inference.closes import close_series, symbol_of
from pipelines.sources.tables import OPTIONAL, SERIES

Series = dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]


def microseconds(ts: pl.Series) -> NDArray[np.int64]:
    """Times as int64 µs since 1970 UTC."""
    return np.ascontiguousarray(ts.dt.epoch("us").to_numpy(), np.int64)


def bars_by_symbol(frame: pl.DataFrame) -> dict[str, Bars]:
    """Each symbol's bars, sorted by time."""
    bars = {}
    for (symbol,), part in frame.sort("symbol", "ts").group_by("symbol", maintain_order=True):
        columns = [
            np.ascontiguousarray(part[c].to_numpy(), np.float64) for c in ("open", "high", "low", "close", "volume")
        ]
        bars[str(symbol)] = Bars(str(symbol), microseconds(part["ts"]), *columns)
    return bars


def series_for(frame: pl.DataFrame, bars: dict[str, Bars], symbol: str, names: list[str], interval_us: int) -> Series:
    """The named series that hold for a symbol (its own, else that of "*"), as (ts µs, values), sorted by time.

    Closes of symbols come from `bars`, one `interval_us` long each. Raises ValueError for a name without a value.
    """
    series: Series = {}
    for name in names:
        other = symbol_of(name)
        if other is not None:
            if other not in bars:
                raise ValueError(
                    f"bars: must hold {other!r}, which features.cross names, was {sorted(bars)}; ingest it, or drop it "
                    "from features.cross"
                )
            series[name] = close_series(bars[other].ts, bars[other].close, interval_us)
            continue
        part = frame.filter((pl.col("name") == name) & pl.col("symbol").is_in([symbol, "*"]))
        if symbol in part["symbol"]:
            part = part.filter(pl.col("symbol") == symbol)
        part = part.sort("ts")
        if part.is_empty():
            known = sorted(frame["name"].unique())
            raise ValueError(
                f"series: must hold {name!r} for {symbol}, was {known}; ingest it, or drop it from the features"
            )
        series[name] = (microseconds(part["ts"]), np.ascontiguousarray(part["value"].to_numpy(), np.float64))
    return series


def bar_series(frame: pl.DataFrame, names: list[str], interval_us: int) -> pl.DataFrame:
    """Those of `names` that are optional columns of the bars (trades, taker_buy_volume), as rows of the series table.

    A bar's value may be used from its close on; bars without one give no row.
    """
    parts = [
        frame.select(
            "symbol",
            pl.lit(name).alias("name"),
            (pl.col("ts") + pl.duration(microseconds=interval_us)).alias("ts"),
            pl.col(name).cast(pl.Float64).alias("value"),
        ).drop_nulls("value")
        for name in OPTIONAL
        if name in names and name in frame.columns
    ]
    return pl.concat([pl.DataFrame(schema=SERIES), *parts])


def bar_interval_us(bars: dict[str, Bars]) -> int:
    """The most frequent distance between two bars of a symbol, µs; an error where the symbols differ."""
    intervals = set()
    for each in bars.values():
        steps, counts = np.unique(np.diff(each.ts), return_counts=True)
        if len(steps) == 0:
            raise ValueError(f"bars: must hold at least two bars of {each.symbol}, was one; ingest more")
        intervals.add(int(steps[np.argmax(counts)]))
    if len(intervals) != 1:
        raise ValueError(
            f"bars: must have one interval for all symbols, was {sorted(intervals)} µs; ingest one timeframe"
        )
    return intervals.pop()
