"""Challenger against champion on the same rows, each through its own export: own features, own unit, own grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.gate import Contest
from models.nets import Kind
from models.predictor import Predictor
from models.quantiles import quantiles
from models.scores import LEVELS, pinball
from models.significance import compare

KEYS = ["symbol", "ts", "side"]


def contest(
    kind: Kind,
    challenger: Path,
    champion: Path,
    bars: pl.DataFrame,
    series: pl.DataFrame,
    labels: pl.DataFrame,
    seed: int,
) -> Contest:
    """Pinball skill of the challenger over the champion, in return space, on fresh labels that begin after both were
    trained.

    labels: the test part. Raises ExportError where an export fails its checks.
    """
    new, old = Predictor(challenger), Predictor(champion)
    horizon = new.manifest["horizon_bars"]
    for key in ("horizon_bars", "bar_interval_us"):
        if new.manifest[key] != old.manifest[key]:
            return Contest(
                0,
                None,
                f"{key} is {new.manifest[key]}, the champion's {old.manifest[key]}: remove its alias to start afresh",
            )
    since = max(new.manifest["trained_until_us"], old.manifest["trained_until_us"])
    rows = labels.filter(~pl.col("censored") & (pl.col("age") == 0) & (pl.col("ts").dt.epoch("us") >= since))
    joined = rows.select(*KEYS, (pl.col(kind.excursion) * pl.col("unit") / pl.col("entry_price")).alias("observed"))
    for name, predictor in (("new", new), ("old", old)):
        joined = joined.join(_forecast(predictor, bars, series, name), on=KEYS, how="inner")
    joined = joined.drop_nulls().sort("ts", "symbol", "side")
    times = joined["ts"].n_unique()
    if times < 2:
        return Contest(times, None, "no bar of the test part is new to both")
    y = joined["observed"].to_numpy().astype(np.float64)
    loss: dict[str, NDArray[np.float64]] = {
        name: pinball(y, joined[name].to_numpy(), LEVELS) for name in ("new", "old")
    }
    return Contest(times, compare(joined["ts"].dt.epoch("us").to_numpy(), loss["new"], loss["old"], horizon, seed))


def _forecast(predictor: Predictor, bars: pl.DataFrame, series: pl.DataFrame, name: str) -> pl.DataFrame:
    """Quantiles at LEVELS in return space as an array column; rows in warm-up are left out."""
    grid = np.asarray(predictor.manifest["grid"])
    frame = predictor.predict(bars, series).drop_nulls()
    first = frame.select(predictor.columns[: len(grid)]).to_numpy()  # (n, K)
    values = quantiles(first, grid, LEVELS) * frame["unit"].to_numpy()[:, None]
    return frame.select(KEYS).with_columns(pl.Series(name, values, dtype=pl.Array(pl.Float64, len(LEVELS))))
