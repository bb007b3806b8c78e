"""A working folder with the stages before train run on small synthetic bars, for the tests of the later stages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import mlflow
import numpy as np
import polars as pl
from ruamel.yaml import YAML

from features.families import FAMILIES
from models.tracking import connect
from pipelines import entries, features, labels
from pipelines.partitions import write_part

ROOT = Path(__file__).parent.parent
START = date(2000, 1, 3)
DAY_US = 86_400_000_000
BARS = 1400


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in `folder`, with an MLflow store of its own; then as before.

    MLflow exports the URI in use to MLFLOW_TRACKING_URI, so that a test which left it there would send the next one to
    another store, the project's own among them: the variable is set on entry and put back on exit.
    """
    before, served = Path.cwd(), os.environ.get("MLFLOW_TRACKING_URI")
    os.chdir(folder)
    mlflow.set_tracking_uri(f"sqlite:///{folder.resolve()}/mlflow.db")
    try:
        connect()
        assert str(folder.resolve()) in mlflow.get_tracking_uri()
        yield
    finally:
        os.chdir(before)
        mlflow.set_tracking_uri(None)
        if served is not None:
            os.environ["MLFLOW_TRACKING_URI"] = served


def prepare(folder: Path) -> None:
    """params.yaml of the project, with dates and nets to fit, and data/ up to labels and entries."""
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "params.yaml").read_text())
    for key, days in (("train_until", 600), ("validation_until", 850), ("calibration_until", 1100)):
        params["split"][key] = (START + timedelta(days=days)).isoformat()
    params["split"]["warmup_bars"] = 160
    params["features"]["timeframes"]["interval_days"] = [2.0, 4.0]
    params["features"]["cross"]["symbols"] = ["A", "B"]
    for net in ("stop", "exit"):
        params["train"][net] |= {"hidden": [8], "max_epochs": 4, "seeds": [7, 8]}
    # A market without memory has skill over unconditional quantiles only by its volatility, which moves here.
    params["register"] |= {"max_calibration_error": 0.2, "min_skill": -0.5, "min_times": 20}
    with (folder / "params.yaml").open("w") as file:
        yaml.dump(params, file)
    write_part(bars(), folder / "data/checked/bars", "small")
    schema = {"symbol": pl.String, "name": pl.String, "ts": pl.Datetime("us", "UTC"), "value": pl.Float64}
    pl.DataFrame(schema=schema).write_parquet(folder / "data/checked/series.parquet")
    (folder / "artifacts/evaluate").mkdir(parents=True)
    (folder / "artifacts/evaluate/metrics.json").write_text('{"trades": 1}')
    (folder / "artifacts/evaluate/report.html").write_text("<html></html>")
    with inside(folder):
        for family in FAMILIES:
            features.main(family)
        labels.main()
        entries.main()


def bars() -> pl.DataFrame:
    """Two symbols, daily, geometric steps whose volatility wanders."""
    rng = np.random.default_rng(7)
    start = int((START - date(1970, 1, 1)).days) * DAY_US
    frames = []
    for symbol in ("A", "B"):
        sigma = 0.01 * np.exp(0.4 * np.sin(np.arange(BARS) / 40) + 0.1 * rng.normal(size=BARS))
        path = np.cumsum(rng.normal(size=(BARS, 8)) * (sigma / np.sqrt(8))[:, None], axis=1)  # inside each day
        close = np.cumsum(path[:, -1])
        opened = np.concatenate([[0.0], close[:-1]])
        inside_day = np.concatenate([np.zeros((BARS, 1)), path], axis=1) + opened[:, None]
        frames.append(
            pl.DataFrame(
                {
                    "symbol": symbol,
                    "ts": pl.Series(start + np.arange(BARS) * DAY_US).cast(pl.Datetime("us", "UTC")),
                    "open": 100 * np.exp(opened),
                    "high": 100 * np.exp(inside_day.max(1)),
                    "low": 100 * np.exp(inside_day.min(1)),
                    "close": 100 * np.exp(close),
                    "volume": rng.uniform(1e3, 2e3, BARS),
                }
            )
        )
    return pl.concat(frames)
