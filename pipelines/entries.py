"""Where positions are opened: a named rule on closed bars, or the user's own list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.sources.tables import TIMESTAMP

Signals = npt.NDArray[np.int8]
"""One value per bar: +1 long, -1 short, 0 none; decided at the bar's close, from it and earlier bars."""


@dataclass(frozen=True, slots=True)
class EntryParams:
    """rule: which one (`file`: the user's own list); bars for breakout and moving averages; cool-down in bars."""

    rule: Literal["breakout", "ma_cross", "every_n", "random", "file"]
    sides: Literal["both", "long", "short"]
    lookback_bars: int
    fast_bars: int
    slow_bars: int
    every_bars: int
    cooldown_bars: int
    seed: int
    file: str

    def __post_init__(self) -> None:
        least_of = {"lookback_bars": 2, "fast_bars": 1, "every_bars": 1, "cooldown_bars": 0, "seed": 0}
        for name, least in least_of.items():
            if getattr(self, name) < least:
                raise ValueError(
                    f"evaluate.entries.{name}: must be at least {least}, was {getattr(self, name)}; typical: 5 to 50"
                )
        if self.slow_bars <= self.fast_bars:
            raise ValueError(
                f"evaluate.entries.slow_bars: must exceed fast_bars ({self.fast_bars}), was {self.slow_bars}; raise it"
            )
        if self.rule == "file" and not self.file:
            raise ValueError("evaluate.entries.file: must name a file for the rule file, was ''; name it")


def breakout(close: pl.Series, high: pl.Series, low: pl.Series, params: EntryParams) -> Signals:
    """Long when the close exceeds the highest high of the `lookback_bars` before it, short below the lowest low."""
    top = high.shift(1).rolling_max(params.lookback_bars)
    bottom = low.shift(1).rolling_min(params.lookback_bars)
    return _signed(close > top, close < bottom)


def ma_cross(close: pl.Series, high: pl.Series, low: pl.Series, params: EntryParams) -> Signals:
    """Long on the bar at which the fast simple average of closes crosses above the slow one, short below."""
    above = close.rolling_mean(params.fast_bars) > close.rolling_mean(params.slow_bars)
    return _signed(above & ~above.shift(1), ~above & above.shift(1))


def every_n(close: pl.Series, high: pl.Series, low: pl.Series, params: EntryParams) -> Signals:
    """Every `every_bars` bars, long and short in turn: entries without any timing."""
    signals = np.zeros(len(close), np.int8)
    signals[params.every_bars - 1 :: 2 * params.every_bars] = 1
    signals[2 * params.every_bars - 1 :: 2 * params.every_bars] = -1
    return signals


def random(close: pl.Series, high: pl.Series, low: pl.Series, params: EntryParams) -> Signals:
    """At each bar with probability 1/every_bars, side by a fair coin, seeded: entries without any information."""
    generator = np.random.default_rng(params.seed)
    # One draw per bar, so that an earlier end of the data changes no earlier entry.
    draw = generator.random((len(close), 2))
    return np.where(draw[:, 0] < 1 / params.every_bars, np.where(draw[:, 1] < 0.5, 1, -1), 0).astype(np.int8)


RULES: dict[str, Callable[[pl.Series, pl.Series, pl.Series, EntryParams], Signals]] = {
    "breakout": breakout,
    "ma_cross": ma_cross,
    "every_n": every_n,
    "random": random,
}


def find_entries(bars: pl.DataFrame, params: EntryParams) -> pl.DataFrame:
    """Entries (id, symbol, ts = open of the signal bar, side ±1, index = its row within the symbol), in time order.

    A signal on the last bar has no next open to fill at, and is left out.
    """
    if params.rule == "file":
        found = _from_file(bars, Path(params.file))
    else:
        wanted = {"both": (1, -1), "long": (1,), "short": (-1,)}[params.sides]
        frames = []
        for (symbol,), part in bars.group_by("symbol", maintain_order=True):
            signals = RULES[params.rule](part["close"], part["high"], part["low"], params)[:-1]
            index = _cooled(np.flatnonzero(np.isin(signals, wanted)), params.cooldown_bars)
            frames.append(
                pl.DataFrame({"ts": part["ts"].gather(index), "side": signals[index], "index": index}).with_columns(
                    pl.lit(symbol).alias("symbol")
                )
            )
        found = pl.concat(frames).sort("ts", "symbol").with_row_index("id")
    return found.select(
        pl.col("id").cast(pl.String), "symbol", "ts", pl.col("side").cast(pl.Int8), pl.col("index").cast(pl.Int64)
    )


def _signed(long: pl.Series, short: pl.Series) -> Signals:
    up, down = (np.asarray(flag.fill_null(False), np.int8) for flag in (long, short))
    return up - down


def _cooled(index: npt.NDArray[np.int64], cooldown_bars: int) -> npt.NDArray[np.int64]:
    """Keep a signal only when more than `cooldown_bars` bars have passed since the last one kept."""
    kept: list[int] = []
    for i in index.tolist():
        if not kept or i - kept[-1] > cooldown_bars:
            kept.append(i)
    return np.array(kept, np.int64)


def _from_file(bars: pl.DataFrame, path: Path) -> pl.DataFrame:
    if not path.exists():
        raise ValueError(f"evaluate.entries.file: must be a file, was {str(path)!r}; mend the path")
    frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, try_parse_dates=True)
    missing = [name for name in ("id", "symbol", "ts", "side") if name not in frame.columns]
    if missing:
        raise ValueError(f"evaluate.entries.file: must have id, symbol, ts, side, was without {missing!r}; add them")
    stamp = pl.col("ts").cast(pl.Datetime("us")) if frame.schema["ts"] == pl.Date else pl.col("ts")
    stamp = stamp.dt.replace_time_zone("UTC") if getattr(frame.schema["ts"], "time_zone", None) is None else stamp
    frame = frame.with_columns(stamp.cast(TIMESTAMP).alias("ts"), pl.col("symbol").cast(pl.String))
    if not frame["side"].is_in([1, -1]).all():
        raise ValueError("evaluate.entries.file: side must be 1 or -1, was another value; mend the file")
    if frame["id"].is_duplicated().any():
        raise ValueError("evaluate.entries.file: id must not repeat, was repeated; number the entries")
    places = bars.select("symbol", "ts", pl.int_range(pl.len()).over("symbol").alias("index"), pl.len().over("symbol"))
    placed = frame.join(places, on=["symbol", "ts"], how="left").sort("ts", "symbol")
    unknown = placed.filter(pl.col("index").is_null())
    if unknown.height:
        row = unknown.row(0, named=True)
        raise ValueError(
            f"evaluate.entries.file: ts must be the open of a checked bar, was {row['ts']} of {row['symbol']} "
            f"({unknown.height} such rows); name the bar at whose close the signal stands"
        )
    return placed.filter(pl.col("index") < pl.col("len") - 1)
