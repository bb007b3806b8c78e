"""The two tables that every source must bring, and their columns."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

TIMESTAMP = pl.Datetime("us", "UTC")

BARS = {
    "symbol": pl.String(),
    "ts": TIMESTAMP,
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
    "volume": pl.Float64(),
}
SERIES = {"symbol": pl.String(), "name": pl.String(), "ts": TIMESTAMP, "value": pl.Float64()}


@dataclass(frozen=True, slots=True)
class Tables:
    """Bars (ts = bar open) and series (ts = moment from which the value may be used), in the source's own order."""

    bars: pl.DataFrame
    series: pl.DataFrame


def no_series() -> pl.DataFrame:
    """The series table of a source that has none."""
    return pl.DataFrame(schema=SERIES)
