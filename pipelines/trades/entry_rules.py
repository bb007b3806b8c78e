"""Named rules that open positions: each decides at a bar's close, from it and earlier bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.sources.times import check_zone
from pipelines.trades.entry_file import EntryColumns

Signals = npt.NDArray[np.int8]
"""One value per bar: +1 long, -1 short, 0 none; decided at the bar's close, from it and earlier bars."""


@dataclass(frozen=True, slots=True)
class EntryParams:
    """rule: which one (`file`: the user's own list); bars for breakout, mean reversion and averages; cool-down in bars.

    deviations: of mean reversion, standard deviations of the closes; file, columns, zone: of the list; max_wait_days:
    from an entry to the next open, which fills it.
    """

    rule: Literal["breakout", "ma_cross", "mean_reversion", "every_bar", "every_n", "random", "file"]
    sides: Literal["both", "long", "short"]
    lookback_bars: int
    deviations: float
    fast_bars: int
    slow_bars: int
    every_bars: int
    cooldown_bars: int
    max_wait_days: float
    seed: int
    file: str
    columns: EntryColumns
    zone: str

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
        if not 0 < self.deviations <= 20:
            raise ValueError(
                f"evaluate.entries.deviations: must lie in (0, 20], was {self.deviations}; typical: 1.5 to 3"
            )
        if not 0 <= self.max_wait_days <= 366:
            raise ValueError(
                f"evaluate.entries.max_wait_days: must lie in [0, 366], was {self.max_wait_days}; typical: 0.1 where "
                "trading never pauses, 7 where it pauses over holidays"
            )
        check_zone("evaluate.entries.zone", self.zone)
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


def mean_reversion(close: pl.Series, high: pl.Series, low: pl.Series, params: EntryParams) -> Signals:
    """Long on the bar whose close falls to `deviations` standard deviations below the mean, short above it.

    Mean and deviation of the last `lookback_bars` closes, its own among them; a bar that stays outside gives no other.
    """
    mean, width = close.rolling_mean(params.lookback_bars), close.rolling_std(params.lookback_bars)
    below, above = (close < mean - params.deviations * width), (close > mean + params.deviations * width)
    return _signed(below & ~below.shift(1), above & ~above.shift(1))


def every_bar(close: pl.Series, high: pl.Series, low: pl.Series, params: EntryParams) -> Signals:
    """On every bar that the cool-down leaves, long and short in turn, or always the one side that `sides` asks for."""
    if params.sides == "both":
        period = 2 * (params.cooldown_bars + 1)
        return np.where(np.arange(len(close)) % period < period // 2, 1, -1).astype(np.int8)
    return np.full(len(close), 1 if params.sides == "long" else -1, np.int8)


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
    "mean_reversion": mean_reversion,
    "every_bar": every_bar,
    "every_n": every_n,
    "random": random,
}


def _signed(long: pl.Series, short: pl.Series) -> Signals:
    up, down = (np.asarray(flag.fill_null(False), np.int8) for flag in (long, short))
    return up - down
