"""Stage labels: what became of stops and targets on the distance grid, for every bar, side and position age."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl

from features.labels import LabelParams, make_labels
from features.store import read_family
from inference.bars import Bars
from pipelines.atomic import write_parquet
from pipelines.params import section
from pipelines.partitions import read_bars
from pipelines.tables import bar_interval_us, bars_by_symbol

STATE = ("age_fraction", "unrealised", "peak", "trough")


def label_frame(bars: Bars, sigma: np.ndarray, params: LabelParams, interval_us: int) -> pl.DataFrame:
    """The label table of one symbol; `sigma` (n,) is the forecast return deviation per bar, fraction of price."""
    labels = make_labels(bars, sigma, params)
    rows, k = labels.rows, len(params.grid)

    def times(index: np.ndarray, shift: int) -> pl.Series:
        return pl.Series(bars.ts[index] + shift).cast(pl.Datetime("us", "UTC"))

    def curve(values: np.ndarray) -> pl.Series:
        return pl.Series(values, dtype=pl.Array(pl.UInt8, k))

    return pl.DataFrame(
        {
            "symbol": [bars.symbol] * len(rows),
            "ts": times(rows["bar"], 0),
            "side": rows["side"],
            "age": rows["age"],
            "end_ts": times(rows["end_bar"], interval_us),
            "censored": rows["censored"].astype(bool),
            "entry_price": rows["reference"],
            "unit": rows["unit"],
            **{name: rows[name].astype(np.float32) for name in STATE},
            **{name: rows[name].astype(np.float32) for name in ("mae", "mfe", "final")},
            "hit": curve(labels.hit),
            "reversal": curve(labels.reversal),
            "reach": curve(labels.reach),
            "giveback": curve(labels.hit),
        }
    )


def main() -> None:
    """Reads data/checked/bars and the volatility family, writes data/labels.parquet."""
    params = section("labels", LabelParams)
    bars = bars_by_symbol(read_bars())
    volatility = read_family(Path("data/features/volatility"), ["sigma"])
    interval = bar_interval_us(bars)
    frames = []
    for symbol, each in bars.items():
        sigma = volatility.filter(pl.col("symbol") == symbol)["sigma"].to_numpy()
        frames.append(label_frame(each, sigma, params, interval))
    labels = pl.concat(frames)
    write_parquet(labels, "data/labels.parquet")
    print(f"labels: {len(labels):,} rows, {labels['censored'].sum():,} censored by the end of the data")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"labels: {error}")
