"""Calibration of the exported curves on the test part: what they forecast against what happened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from features.store import read_family
from inference import Net, read_export
from pipelines.arrays import Floats
from pipelines.splits import SplitParams, split

BINS = 15
CURVES = {"stop": ("hit", "reversal"), "exit": ("reach", "giveback")}


def reliability(forecast: Floats, observed: Floats) -> pl.DataFrame:
    """Bins of equally many forecasts (flat, rows and distances pooled): mean forecast, observed share, count."""
    order = np.argsort(forecast, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return pl.DataFrame(
        {
            "forecast": [float(forecast[part].mean()) for part in parts],
            "observed": [float(observed[part].mean()) for part in parts],
            "count": [len(part) for part in parts],
        }
    )


def calibration(exports: Path, features: Path, labels: Path, cut: SplitParams, horizon: int) -> pl.DataFrame:
    """Reliability of every curve of both exports, run by the engine, on the fresh, uncensored rows of the test part."""
    rows = split(pl.read_parquet(labels), cut, horizon_bars=horizon)
    rows = rows.filter((pl.col("part") == "test") & (pl.col("age") == 0) & ~pl.col("censored"))
    for family in sorted(path for path in features.iterdir() if path.is_dir()):
        frame = read_family(family)
        new = [name for name in frame.columns if name not in rows.columns]
        rows = rows.join(frame.select("symbol", "ts", *new), on=["symbol", "ts"], how="left")
    tables = []
    for net, curves in CURVES.items():
        export = read_export(exports / f"{net}.pt")
        names = [*export.manifest["features"], *export.manifest["state"]]
        inputs = rows.select(pl.col(names).cast(pl.Float32)).fill_null(np.nan).to_numpy()
        usable = np.isfinite(inputs).all(axis=1)
        out = Net(export).predict(np.ascontiguousarray(inputs[usable]))
        for k, curve in enumerate(curves):
            happened = rows.filter(pl.Series(usable))[curve].to_numpy().astype(np.float64)
            table = reliability(out[:, k, :].astype(np.float64).ravel(), happened.ravel())
            tables.append(table.select(pl.lit(net).alias("net"), pl.lit(curve).alias("curve"), pl.all()))
    return pl.concat(tables)
