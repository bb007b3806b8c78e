"""Curves of one export for tables of bars, by the compiled engine: what the registered models answer with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from inference import Graph, Net
from inference.closes import close_series, symbol_of
from inference.graph import COLUMNS

NO_SERIES = pl.DataFrame(
    schema={"symbol": pl.String, "name": pl.String, "ts": pl.Datetime("us", "UTC"), "value": pl.Float64}
)


class Predictor:
    """One exported net with its feature graph. Raises ExportError for a file that fails its checks."""

    def __init__(self, path: str | Path) -> None:
        self.net = Net.load(path)
        self.manifest = self.net.manifest
        self.columns = [
            f"{curve}_{distance:g}" for curve in self.manifest["curves"] for distance in self.manifest["grid"]
        ]

    def predict(self, bars: pl.DataFrame, series: pl.DataFrame | None = None) -> pl.DataFrame:
        """Curves of a position that would be entered fresh after each bar, for both sides.

        bars: symbol, ts (bar open), open, high, low, close, volume; series: symbol
        ("*" = all), name, ts (usable from), value.
        Returns symbol, ts, side, unit (one distance unit as a fraction of the price) and a probability per curve and
        grid distance, `hit_0.5` for one; null where a feature is missing (warm-up). ValueError for missing columns;
        BarError for bad bars.
        """
        missing = sorted({"symbol", "ts", *COLUMNS} - set(bars.columns))
        if missing:
            raise ValueError(
                f"bars: must have symbol, ts and {', '.join(COLUMNS)}, was without {missing}; add the columns"
            )
        by_symbol = {str(key[0]): frame.sort("ts") for key, frame in bars.group_by("symbol")}
        parts = [self._of_symbol(symbol, by_symbol, series) for symbol in by_symbol]
        return pl.concat(parts).sort("symbol", "ts", "side")

    def _of_symbol(self, symbol: str, by_symbol: dict[str, pl.DataFrame], series: pl.DataFrame | None) -> pl.DataFrame:
        graph, bars = Graph(self.manifest["graph"], symbol), by_symbol[symbol]
        inputs = {}
        known = NO_SERIES if series is None else series
        for name in graph.series:
            other = symbol_of(name)
            if other is not None:  # without its bars the close is missing, and so is what is made of it
                if other in by_symbol:
                    frame = by_symbol[other]
                    interval = self.manifest["bar_interval_us"]
                    inputs[name] = close_series(_microseconds(frame), frame["close"].to_numpy(), interval)
                continue
            mine = known.filter((pl.col("name") == name) & pl.col("symbol").is_in(["*", symbol])).sort("ts")
            inputs[name] = _microseconds(mine), mine["value"].to_numpy()
        values = graph.run({name: bars[name].to_numpy() for name in COLUMNS}, _microseconds(bars), inputs)
        features = np.stack([values[name] for name in self.manifest["features"]], 1).astype(np.float32)
        unit = values[self.manifest["unit"]] * float(np.sqrt(self.manifest["horizon_bars"]))
        usable = np.isfinite(features).all(1) & np.isfinite(unit)
        frames = []
        for side in (-1, 1):
            state = np.zeros((len(features), len(self.manifest["state"])), np.float32)
            state[:, 0] = side
            curves = np.full((len(features), len(self.columns)), np.nan, np.float32)
            if usable.any():
                curves[usable] = self.net.predict(np.concatenate([features, state], 1)[usable]).reshape(
                    -1, len(self.columns)
                )
            head = bars.select("symbol", "ts").with_columns(
                pl.lit(side, pl.Int8).alias("side"), pl.Series("unit", unit)
            )
            frames.append(head.with_columns(pl.Series(name, curves[:, j]) for j, name in enumerate(self.columns)))
        return pl.concat(frames).with_columns(pl.col("unit", *self.columns).fill_nan(None))


def _microseconds(frame: pl.DataFrame) -> NDArray[np.int64]:
    return frame["ts"].dt.epoch("us").to_numpy().astype(np.int64)
